"""From scores to pitches: the mean around the peak, voicing, and that a moved input moves the answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.compile import load_graph
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.tasks.f0 import F0Config
from mirbricks.tasks.f0.decoding import decode, gaussian_targets, local_average
from mirbricks.tasks.f0.notes import notes_of_curve

FEATURE = CQTFeatureConfig()


@pytest.mark.parametrize("bin_", [0.0, 3.2, 40.5, 77.9, 359.0])
def test_a_gaussian_of_scores_is_found_between_bins(bin_: float) -> None:
    wanted = gaussian_targets(torch.tensor([bin_, 12.0]).double(), 360, 1.0)
    torch.testing.assert_close(wanted.sum(1), torch.ones(2).double())
    found = local_average(wanted.T, 4)
    assert found.tolist() == pytest.approx(
        [bin_, 12.0], abs=0.02 if 4 < bin_ < 355 else 1.0
    )


def test_the_average_ignores_what_is_far_from_the_peak() -> None:
    scores = torch.full((60, 1), -20.0)
    scores[20], scores[21], scores[50] = 3.0, 3.0, 2.9
    found = local_average(scores.double().softmax(0), 3)
    assert float(found) == pytest.approx(20.5, abs=1e-4)


def test_voicing_is_what_silence_leaves_of_the_probability() -> None:
    scores = torch.tensor([[1.0, -4.0], [0.5, -3.0], [-1.0, -5.0]])
    found = decode(scores, None, F0Config(), FEATURE)
    for frame in range(2):
        total = sum(math.exp(value) for value in scores[:, frame].tolist())
        assert found.voicing[frame] == pytest.approx(total / (1 + total))
    assert found.times_s.tolist() == [0.0, FEATURE.hop_s]
    torch.testing.assert_close(
        torch.from_numpy(found.probabilities.sum(0)).double(),
        torch.from_numpy(found.voicing),
    )
    levels = torch.tensor([0.25, 0.75])
    assert decode(scores, levels, F0Config(), FEATURE).voicing.tolist() == [0.25, 0.75]


@pytest.mark.parametrize("name", ["f0_small", "f0_pesto"])
@pytest.mark.parametrize("shift", [-9, 1, 20])
def test_a_moved_input_moves_the_answer_by_as_many_cents(name: str, shift: int) -> None:
    """Weights as they are drawn: it holds by the form of the graph, and not because it has been learned."""
    torch.manual_seed(1)
    model = mb.compile_graph(load_graph(name, ["vars.octaves=24"])).eval()
    feature = CQTFeatureConfig(n_octaves=8, bins_per_octave=36)
    # An axis so long that no layer sees its ends from where the answers are compared.
    x = torch.zeros(1, 1, 864, 3)
    x[:, :, 400:470] = torch.rand(1, 1, 70, 3)
    with torch.inference_mode():
        here = model(x)[0, 0, 410:460]
        moved = model(x.roll(shift, 2))[0, 0, 410 + shift : 460 + shift]
    torch.testing.assert_close(moved, here, rtol=1e-4, atol=1e-5)
    config = F0Config()
    one = decode(here, None, config, feature).hz
    other = decode(moved, None, config, feature, offset=float(shift)).hz
    cents = 1200 * np.log2(other / one)
    np.testing.assert_allclose(cents, shift * 1200 / 36, atol=0.05)


def frames_of(*parts: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """MIDI numbers and voicing of parts of (seconds, MIDI number, voicing), 10 ms per frame."""
    midi = np.concatenate([np.full(round(100 * s), m) for s, m, _ in parts])
    voicing = np.concatenate([np.full(round(100 * s), v) for s, _, v in parts])
    return midi, voicing


@pytest.mark.parametrize(
    ("parts", "notes"),
    [
        (((0.5, 60.0, 0.9),), [(0.0, 0.5, 60.0)]),
        (((0.2, 60.0, 0.1), (0.3, 62.0, 0.9), (0.2, 50.0, 0.2)), [(0.2, 0.3, 62.0)]),
        (((0.3, 60.0, 0.9), (0.3, 62.0, 0.9)), [(0.0, 0.3, 60.0), (0.3, 0.3, 62.0)]),
        (((0.3, 60.0, 0.9), (0.03, 72.0, 0.9), (0.3, 60.0, 0.9)), [(0.0, 0.63, 60.0)]),
        (((0.3, 60.0, 0.9), (0.02, 60.0, 0.1), (0.3, 60.0, 0.9)), [(0.0, 0.62, 60.0)]),
        (((0.3, 60.0, 0.9), (0.2, 60.0, 0.1), (0.3, 60.0, 0.9)), [(0.0, 0.3, 60.0), (0.5, 0.3, 60.0)]),
        (((0.03, 60.0, 0.9), (0.2, 60.0, 0.1)), []),
    ],
    ids=["one", "between silences", "two", "a slip", "a gap", "a rest", "too short"],
)  # fmt: skip
def test_notes_of_a_curve(
    parts: tuple[tuple[float, float, float], ...],
    notes: list[tuple[float, float, float]],
) -> None:
    midi, voicing = frames_of(*parts)
    found = notes_of_curve(midi, voicing, threshold=0.5, hop_s=0.01, min_note_s=0.05)
    rows = [(note.onset_s, note.duration_s, note.midi) for note in found]
    assert [pytest.approx(row, abs=1e-9) for row in notes] == rows


def test_a_wide_vibrato_is_one_note_and_a_glide_ends_where_it_settles() -> None:
    time_s = np.arange(100) / 100
    vibrato = 60 + 0.45 * np.sin(2 * np.pi * 6 * time_s)
    sure = np.full(100, 0.9)
    options = {"threshold": 0.5, "hop_s": 0.01, "min_note_s": 0.05}
    (note,) = notes_of_curve(vibrato, sure, **options)
    assert note.midi == pytest.approx(60, abs=0.1)
    assert note.salience == pytest.approx(0.9)
    settled = np.concatenate([np.full(50, 60.0), np.full(50, 64.0)])
    first, last = notes_of_curve(settled, sure, **options)
    assert (first.midi, last.midi) == (60.0, 64.0)
