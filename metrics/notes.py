"""Notes: mir_eval.transcription."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
NotesOf = tuple[Float64, Float64]  # intervals (N, 2) in s, pitches (N,) in Hz
NAMES = ("note_precision", "note_recall", "note_f1", "note_f1_offsets")


def note_figures(reference: NotesOf, estimate: NotesOf) -> dict[str, float]:
    """`note_precision`, `note_recall` and `note_f1`: onsets within 50 ms, pitches within 50 cents; `note_f1_offsets`:
    offsets too, within 50 ms or 20 % of the note. Without any reference note there are no figures.

    Source: Bay et al., "Evaluation of multiple-F0 estimation and tracking systems", ISMIR 2009; mir_eval.transcription.
    """
    if not len(reference[0]):
        return {}
    # mir_eval would warn about an empty estimate; its figures are 0.
    if not len(estimate[0]):
        return dict.fromkeys(NAMES, 0.0)

    # Imported here: it takes a second, which `mirbricks check` need not wait for.
    import mir_eval.transcription

    score = mir_eval.transcription.precision_recall_f1_overlap
    precision, recall, f1, _ = score(*reference, *estimate, offset_ratio=None)
    with_offsets = score(*reference, *estimate)[2]
    found = (precision, recall, f1, with_offsets)
    return {name: float(value) for name, value in zip(NAMES, found, strict=True)}


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
    return spans.reshape(-1, 2), 440.0 * 2.0 ** ((pitch[kept] - 69.0) / 12.0)
