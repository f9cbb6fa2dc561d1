"""The task by its parts: what it asks of a graph, learns from, and how it judges."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mirbricks.errors import TaskError
from mirbricks.features.chroma import ChromaFeatureConfig
from mirbricks.workflows.loading import load_experiment

from mylab_heads.chord_parts import (
    IGNORED,
    NONE,
    ChordParts,
    ChordPartsConfig,
    ChordPartsTask,
    parts_of,
)

GRAPH = Path(__file__).parents[1] / "graphs" / "chord_parts.yaml"
FEATURE = ChromaFeatureConfig(sr_hz=8000, n_octaves=5, hop_length=1000)  # 8 frames/s


def task() -> ChordPartsTask:
    return ChordPartsTask(ChordPartsConfig(patch_frames=4), FEATURE)


def recording(*labels: str) -> SimpleNamespace:
    """One second per chord."""
    onsets = np.arange(len(labels), dtype=float)
    entry = SimpleNamespace(
        segments=lambda _: (list(labels), onsets, np.ones(len(labels)))
    )
    return SimpleNamespace(
        key="a.wav", stem_of=None, annotations={"chord_full": labels}, entry=entry
    )


def test_the_graph_fits() -> None:
    experiment = load_experiment(GRAPH)
    assert isinstance(experiment.task, ChordPartsTask)
    outputs = experiment.model(torch.zeros(2, 12, 20))
    shapes = {name: tuple(x.shape) for name, x in outputs.items()}
    assert shapes == {"root": (2, 13, 20), "bass": (2, 13, 20), "pitches": (2, 12, 20)}


@pytest.mark.parametrize(
    ("label", "root", "bass", "pitches"),
    [
        ("C:maj", 0, 0, [0, 4, 7]),
        ("A:min7/b3", 9, 0, [0, 4, 7, 9]),
        ("G:sus4/5", 7, 2, [0, 2, 7]),
        ("N", NONE, NONE, []),
    ],
)
def test_parts_of_a_chord(label: str, root: int, bass: int, pitches: list[int]) -> None:
    found = parts_of(label)
    assert found[:2] == (root, bass)
    assert np.flatnonzero(found[2]).tolist() == pitches


def test_an_unknown_chord_teaches_nothing() -> None:
    root, bass, pitches = parts_of("X")
    assert root == bass == IGNORED
    assert (pitches == IGNORED).all()


def test_chroma_and_chords_are_transposed_together() -> None:
    one = task()
    x = torch.zeros(12, 16)
    x[[0, 4, 7]] = 1.0
    feature = SimpleNamespace(n_frames=16, read=lambda a, b: x[:, a:b])
    cache = SimpleNamespace(open=lambda _: feature)
    items = [recording("C:maj/3", "C:maj/3")]
    learner = one.learner(items, items, cache, seed=0, batch_size=100)
    batch = learner.batch(3)
    sounding = batch.inputs[0] > 0
    assert torch.equal(sounding.long(), batch.targets["pitches"])
    assert torch.equal((batch.targets["root"] + 4) % 12, batch.targets["bass"])
    assert len(set(batch.targets["root"][:, 0].tolist())) == 12
    assert torch.equal(learner.batch(3).inputs[0], batch.inputs[0])


def test_the_loss_has_a_part_per_output() -> None:
    one = task()
    items = [recording("C:maj", "X")]
    learner = one.learner(
        items,
        items,
        SimpleNamespace(
            open=lambda _: SimpleNamespace(
                n_frames=16, read=lambda a, b: torch.rand(12, b - a)
            )
        ),
        seed=0,
        batch_size=8,
    )
    batch = learner.batch(0)
    outputs = {
        "root": torch.zeros(8, 13, 4),
        "bass": torch.zeros(8, 13, 4),
        "pitches": torch.zeros(8, 12, 4),
    }
    parts = learner.loss(outputs, batch)
    assert parts["root"].item() == pytest.approx(np.log(13), abs=1e-5)
    assert parts["pitches"].item() == pytest.approx(np.log(2), abs=1e-5)


def test_figures_are_shares_of_known_frames() -> None:
    one = task()
    truth = one.truth(recording("C:maj", "X"))
    times_s = np.arange(16) / 8
    found = ChordParts(
        times_s,
        np.zeros(16, int),
        np.full(16, 4),
        np.tile(parts_of("C:min")[2], (16, 1)),
    )
    figures = one.judged(found, truth)
    assert figures == {"root": 1.0, "bass": 0.0, "pitches": pytest.approx(10 / 12)}
    lines = found.files()[".chords.csv"].decode().splitlines()
    assert lines[1] == "0.000,C,E,C D# G"


def test_a_label_that_is_not_a_chord() -> None:
    with pytest.raises(TaskError, match="'a.wav' has the label 'H:dur'"):
        task().truth(recording("H:dur"))
