"""How sure a model is of its notes and pitches: learned on validation tracks, judged on others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import Item
from ...metrics.calibration import (
    calibrated,
    calibration_error,
    fit_confidence,
    reliability,
)
from ...metrics.multi_pitch import nearest_frames
from ...metrics.notes import intervals, notes_found
from .annotation import notes_of, own_pitches
from .prediction import Note, Transcription

Float64 = NDArray[np.float64]
Evidence = tuple[Float64, NDArray[np.bool_]]  # confidences, and which answers are right
Curves = dict[str, list[float] | None]

KINDS = {"frames": "frame", "notes": "note"}
SEMITONE = 2.0 ** (1.0 / 12.0)


def evidence_of(item: Item, found: Transcription) -> dict[str, Evidence]:
    """Of one track, each pitch of each frame and each note: how sure the model was, and whether it was right."""
    of_notes = notes_found(intervals(*notes_of(item)), found.intervals())
    sure = np.array([note.confidence for note in found.notes])
    gathered = {"frames": _of_frames(item, found)}
    # Curves of pitches say nothing of where notes begin.
    if len(notes_of(item)[0]):
        gathered["notes"] = (sure, of_notes)
    return gathered


def _of_frames(item: Item, found: Transcription) -> Evidence:
    """Pitches at the annotation's own times, right within half a semitone of a pitch that sounds there."""
    truth = own_pitches(item)
    confidences = found.confidences()
    nearest = nearest_frames(found.times_s, truth.times_s)
    sure = [np.zeros(0)]
    right = [np.zeros(0, bool)]
    for place, true_hz in zip(nearest, truth.hz_of_each(), strict=True):
        # Outside the prediction's times (-1) nothing was found.
        if place < 0 or not len(found.frequencies_hz[place]):
            continue
        ratios = found.frequencies_hz[place][:, None] / true_hz
        near = (ratios < SEMITONE**0.5) & (ratios > SEMITONE**-0.5)
        sure.append(confidences[place])
        right.append(near.any(axis=1))
    return np.concatenate(sure), np.concatenate(right)


def curves_of(tracks: Iterable[Mapping[str, Evidence]]) -> Curves:
    """The curve of each kind of answer, from the evidence of some tracks together; None where there is too little."""
    together = list(tracks)
    curves: Curves = {}
    for kind in KINDS:
        found = [track[kind] for track in together if kind in track]
        curves[kind] = None
        if found:
            sure, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
            curves[kind] = fit_confidence(sure, right)
    return curves


def with_probabilities(
    notes: Sequence[Note], curve: Sequence[float]
) -> tuple[Note, ...]:
    """The notes, each with the probability that it is right."""
    sure = calibrated([note.salience for note in notes], curve).tolist()
    return tuple(
        replace(note, probability=one) for note, one in zip(notes, sure, strict=True)
    )


def reliabilities(item: Item, found: Transcription) -> dict[str, list[list[float]]]:
    """What a track adds to the calibration errors: the rows of `reliability`, as `frame_reliability` and the like."""
    evidence = evidence_of(item, found)
    return {
        f"{KINDS[kind]}_reliability": reliability(*one)
        for kind, one in evidence.items()
    }


def pooled_errors(tracks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """`frame_ece` and `note_ece` of tracks together, of those that have them."""
    errors = {}
    for name in KINDS.values():
        own = f"{name}_reliability"
        rows = [track[own] for track in tracks if own in track]
        if not rows:
            continue
        error = calibration_error(np.sum(rows, axis=0))
        if error is not None:
            errors[f"{name}_ece"] = error
    return errors
