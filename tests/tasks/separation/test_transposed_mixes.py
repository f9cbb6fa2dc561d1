"""By how much the stems of a training mix are transposed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.errors import GraphWarning
from mirbricks.tasks.separation.config import SeparationConfig
from mirbricks.tasks.separation.mixing import StemMixes

from .conftest import GRAPH, prepared


def shifts(n_draws: int, together: bool = True, **remix: Any) -> np.ndarray:
    """(draws, 3) semitones of three stems."""
    config = SeparationConfig(targets=("a",), patch_frames=64, remix=remix)
    mixes = StemMixes([], {}, config, "dedicated", {}, seed=0, batch_size=1)
    rng = np.random.default_rng(0)
    return np.array([mixes._shifts(3, together, rng) for _ in range(n_draws)])


def test_no_semitones_leave_stems_as_they_are():
    assert not shifts(5, transpose_semitones=0.0).any()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_shifts_fill_the_range_alike(whole, alone):
    found = shifts(
        3000, transpose_semitones=2.5, whole_semitones=whole, each_by_itself=alone
    )
    assert np.abs(found).max() <= 2.5
    assert abs(found.mean()) < 0.1
    # Stems of one piece stay in tune with each other, unless each moves by itself.
    alike = bool((found == found[:, :1]).all())
    assert alike is not alone
    if whole:
        values, counts = np.unique(found, return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 0.8 * counts.max()
    else:
        assert (found % 1 != 0).mean() > 0.99


def test_stems_of_different_pieces_move_each_by_itself():
    found = shifts(50, together=False, transpose_semitones=2.0)
    assert (found != found[:, :1]).any()


def test_the_old_word_goes_on_working_with_a_warning(
    duos: Path, cache: str, tmp_path: Path
) -> None:
    old = "losses: {snr: 1}, remix: {semitones: 2.0}"
    text = GRAPH.replace("losses: {snr: 1}", old)
    with pytest.warns(GraphWarning) as caught:
        experiment, _, _ = prepared(text, tmp_path, duos, cache)
    assert experiment.task.config.remix.transpose_semitones == 2.0
    (message,) = {str(one.message) for one in caught}
    assert "graph.yaml" in message
    assert "'semitones' is called 'transpose_semitones' now" in message
