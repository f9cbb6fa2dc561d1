"""Confidences of notes and pitches: what counts as right, and what a training learns of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.data.corpus import Item
from mirbricks.metrics.calibration import calibrated
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig, Transcription
from mirbricks.tasks.multi_pitch.confidence import (
    curves_of,
    evidence_of,
    pooled_errors,
    reliabilities,
    with_probabilities,
)
from mirbricks.tasks.multi_pitch.prediction import Note

MakeItem = Callable[..., Item]
TIMES_S = np.arange(0.0, 1.0, 0.01)


class Curve(nn.Module):
    """Loud bins are pitches."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(8.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x[:, :1] - 4.0


def transcription(notes: tuple[Note, ...], hz: list[float]) -> Transcription:
    """A prediction with the same pitches at all times, of salience .75."""
    bins_hz = 220.0 * 2.0 ** (np.arange(48) / 12)
    salience = np.full((48, len(TIMES_S)), 0.75, np.float32)
    each = [np.array(hz)] * len(TIMES_S)
    return Transcription(TIMES_S, each, salience, notes, bins_hz)


@pytest.fixture
def item(make_item: MakeItem) -> Item:
    """A4 for half a second, and C5 for the other half."""
    return make_item(pitchmidi=[(69.0, 0.0, 0.5), (72.0, 0.5, 0.5)])


def test_what_counts_as_right(item: Item) -> None:
    notes = (Note(0.02, 0.4, 69.1, 0.9), Note(0.3, 0.4, 72.0, 0.4))
    evidence = evidence_of(item, transcription(notes, [440.0, 600.0]))
    # A4 is there in the first half; 600 Hz, between D5 and D#5, never.
    sure, right = evidence["frames"]
    assert len(right) == 2 * len(TIMES_S)
    assert right[0::2].tolist() == (TIMES_S < 0.5).tolist()
    assert not right[1::2].any()
    assert set(sure) == {0.75}
    # The second note begins .2 s before C5 does.
    assert evidence["notes"][0].tolist() == [0.9, 0.4]
    assert evidence["notes"][1].tolist() == [True, False]


def test_errors_of_tracks_together(item: Item) -> None:
    found = transcription((Note(0.0, 0.5, 69.0, 0.8),), [440.0])
    rows = reliabilities(item, found)
    errors = pooled_errors([rows, rows, {"Accuracy": 1.0}])
    # Half of the pitches are right at a confidence of .75, the note at .8 is.
    assert errors["frame_ece"] == pytest.approx(0.25)
    assert errors["note_ece"] == pytest.approx(0.2)
    assert pooled_errors([]) == {}


def test_a_curve_of_each_kind(item: Item) -> None:
    notes = (Note(0.02, 0.4, 69.1, 0.9), Note(0.3, 0.4, 72.0, 0.4))
    evidence = evidence_of(item, transcription(notes, [440.0, 600.0]))
    curves = curves_of([evidence, evidence])
    assert curves["notes"] is not None
    found = with_probabilities(notes, curves["notes"])
    assert [note.confidence for note in found] == pytest.approx(
        calibrated([0.9, 0.4], curves["notes"])
    )
    assert found[0].confidence > found[1].confidence
    # Notes that have learned nothing are as sure as they are loud.
    assert [note.confidence for note in notes] == [0.9, 0.4]
    assert curves_of([]) == {"frames": None, "notes": None}


def test_a_training_learns_it_and_a_prediction_has_it(tones: Any) -> None:
    task = MultiPitch(MultiPitchConfig(thresholds=(0.3,)), tones.cache.config)
    items = tones.corpus.items
    tuned = task.tune(Curve(), items, tones.cache)
    curve = tuned["confidence"]["frames"]
    assert curve is not None
    learned = task.evaluate(Curve(), items, tones.cache, tuned)
    before = task.evaluate(Curve(), items, tones.cache, {"threshold": 0.3})
    assert learned.figures["frame_ece"] < before.figures["frame_ece"]
    # Confidences change, pitches do not.
    assert learned.figures["Accuracy"] == before.figures["Accuracy"]
    found = task.predict(Curve(), tones.cache.open("0.wav"), tuned)
    plain = task.predict(Curve(), tones.cache.open("0.wav"), {"threshold": 0.3})
    for one, other in zip(found.confidences(), plain.confidences(), strict=True):
        np.testing.assert_allclose(one, calibrated(other, curve))


def test_no_tracks_for_it_leave_confidences_as_they_are(tones: Any) -> None:
    config = MultiPitchConfig(thresholds=(0.3,), calibration_tracks=0)
    tuned = MultiPitch(config, tones.cache.config).tune(
        Curve(), tones.corpus.items, tones.cache
    )
    assert tuned["confidence"] == {"frames": None, "notes": None}
