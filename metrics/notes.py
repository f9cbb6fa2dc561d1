"""Notes: mir_eval.transcription and mir_eval.transcription_velocity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..midi_numbers import hz_of

Float64 = NDArray[np.float64]
NotesOf = tuple[Float64, Float64]  # intervals (N, 2) in s, pitches (N,) in Hz
NAMES = (
    "note_precision",
    "note_recall",
    "note_f1",
    "note_f1_offsets",
    "note_onset_f1",
    "note_offset_f1",
)
OF_VELOCITY = ("note_f1_velocity", "note_f1_offsets_velocity")


def note_figures(reference: NotesOf, estimate: NotesOf) -> dict[str, float]:
    """`note_precision`, `note_recall` and `note_f1`: onsets within 50 ms, pitches within 50 cents; `note_f1_offsets`:
    offsets too, within 50 ms or 20 % of the note; `note_onset_f1` and `note_offset_f1`: when notes begin, and when
    they end, of whatever pitch. Without any reference note there are no figures.

    Source: Bay et al., "Evaluation of multiple-F0 estimation and tracking systems", ISMIR 2009; mir_eval.transcription.
    """
    if not len(reference[0]):
        return {}
    # mir_eval would warn about an empty estimate; its figures are 0.
    if not len(estimate[0]):
        return dict.fromkeys(NAMES, 0.0)

    # Imported here: it takes a second, which `mirbricks check` need not wait for.
    import mir_eval.transcription as judge

    score = judge.precision_recall_f1_overlap
    precision, recall, f1, _ = score(*reference, *estimate, offset_ratio=None)
    with_offsets = score(*reference, *estimate)[2]
    onsets = judge.onset_precision_recall_f1(reference[0], estimate[0])[2]
    offsets = judge.offset_precision_recall_f1(reference[0], estimate[0])[2]
    found = (precision, recall, f1, with_offsets, onsets, offsets)
    return {name: float(value) for name, value in zip(NAMES, found, strict=True)}


def velocity_figures(
    reference: NotesOf,
    velocities: Float64,
    estimate: NotesOf,
    estimated_velocities: Float64,
) -> dict[str, float]:
    """`note_f1_velocity` and `note_f1_offsets_velocity`: notes as in `note_figures` whose velocity is right as well.

    Velocities may be on any scale: the estimated ones are scaled and shifted to the annotated ones by least squares,
    and must then lie within a tenth of their range. Without any reference note there are no figures.

    Source: Hawthorne et al., "Onsets and Frames", ISMIR 2018, section 5; mir_eval.transcription_velocity.
    """
    if not len(reference[0]):
        return {}
    if not len(estimate[0]):
        return dict.fromkeys(OF_VELOCITY, 0.0)

    import mir_eval.transcription_velocity as judge  # as above

    # mir_eval refuses negative numbers, such as decibels; its fit has a constant, so that a shift changes nothing.
    lifted = estimated_velocities - estimated_velocities.min()
    notes = (*reference, velocities, *estimate, lifted)
    f1 = judge.precision_recall_f1_overlap(*notes, offset_ratio=None)[2]
    with_offsets = judge.precision_recall_f1_overlap(*notes)[2]
    return dict(zip(OF_VELOCITY, (float(f1), float(with_offsets)), strict=True))


def notes_found(reference: NotesOf, estimate: NotesOf) -> NDArray[np.bool_]:
    """(N,) which of the estimated notes are right: begin within 50 ms and lie within 50 cents of one that is there."""
    right = np.zeros(len(estimate[0]), bool)
    if len(reference[0]) and len(right):
        from mir_eval.transcription import match_notes  # as above

        pairs = match_notes(*reference, *estimate, offset_ratio=None)
        right[[of_estimate for _, of_estimate in pairs]] = True
    return right


def intervals(
    onsets_s: Sequence[float] | Float64,
    durations_s: Sequence[float] | Float64,
    midi: Sequence[float] | Float64,
) -> NotesOf:
    """Notes as mir_eval reads them; those without a length are left out."""
    begin, length, pitch = (
        np.asarray(values, np.float64) for values in (onsets_s, durations_s, midi)
    )
    kept = length > 0
    spans = np.stack([begin[kept], begin[kept] + length[kept]], axis=1)
    return spans.reshape(-1, 2), hz_of(pitch[kept])
