"""The chords of a recording: its classes at frames to learn from, its labels to be judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import FeatureItem, Item
from ...data.frames import segments_to_classes
from ...errors import TaskError
from ...metrics.chords import Chords
from .vocabulary import NO_CHORD, class_of

Recording = Item | FeatureItem
ROUNDING_S = (
    0.002  # times are written in ms: what ends so near to the next begin ends there
)


def classes_at_frames(
    item: Recording, name: str, n_frames: int, hop_s: float, first_s: float
) -> NDArray[np.int64]:
    """The class of each frame, (T,); a frame without a chord is N. Raises TaskError E509."""
    labels, onsets_s, durations_s = item.entry.segments(name)
    classes = [
        _class(item, name, place, str(label), onsets_s)
        for place, label in enumerate(labels)
    ]
    return segments_to_classes(
        onsets_s, durations_s, classes, n_frames, hop_s, first_s=first_s, fill=NO_CHORD
    )


def chords_of(item: Recording, name: str) -> Chords:
    """The labels as they are, from when to when; segments without a length are left out. Raises TaskError E509."""
    labels, onsets_s, durations_s = item.entry.segments(name)
    # The classes are not needed here, but a label that is
    # not a chord must be reported with its time.
    for place, label in enumerate(labels):
        _class(item, name, place, str(label), onsets_s)

    # mir_eval refuses intervals without a length, and
    # reads the others in the order of time.
    kept = np.flatnonzero(durations_s > 0)
    kept = kept[np.argsort(onsets_s[kept], kind="stable")]
    if not len(kept):
        message = f"'{name}' of '{item.key}' has no chord that lasts"
        raise TaskError(
            message, code="E509", help="mend the annotation, or leave the recording out"
        )

    # An estimate has one chord at a time, so a true overlap has no right answer; one
    # within the rounding only comes from writing ms.
    begins_s = onsets_s[kept]
    ends_s = onsets_s[kept] + durations_s[kept]
    over = np.flatnonzero(ends_s[:-1] > begins_s[1:] + ROUNDING_S)
    if len(over):
        first = int(kept[over[0]])
        raise TaskError(
            f"two chords of '{name}' of '{item.key}' sound at once",
            code="E509",
            facts=[("atom", f"{first}, '{labels[first]}' until {ends_s[over[0]]:.3f} s"),
                   ("next", f"from {begins_s[over[0] + 1]:.3f} s")],
            help="let each chord end where the next begins",
        )  # fmt: skip

    # Within the rounding, neighbours are joined
    # exactly: no sliver of N is left between them.
    ends_s[:-1] = np.where(
        np.abs(ends_s[:-1] - begins_s[1:]) <= ROUNDING_S, begins_s[1:], ends_s[:-1]
    )
    # An empty label and N:- mean no chord, as in `class_of`.
    names = ["N" if str(labels[k]) in ("", "N:-") else str(labels[k]) for k in kept]
    return _without_gaps(begins_s, ends_s, names)


def _without_gaps(
    begins_s: NDArray[np.float64], ends_s: NDArray[np.float64], names: list[str]
) -> Chords:
    """A gap between two chords is N, as in training; mir_eval would let the chord before it last."""
    intervals = [(begins_s[0], ends_s[0])]
    labels = names[:1]
    for begin_s, end_s, name in zip(begins_s[1:], ends_s[1:], names[1:], strict=True):
        if begin_s > intervals[-1][1]:
            intervals.append((intervals[-1][1], begin_s))
            labels.append("N")
        intervals.append((begin_s, end_s))
        labels.append(name)
    return Chords(np.array(intervals, np.float64), labels)


def _class(
    item: Recording, name: str, place: int, label: str, onsets_s: NDArray[np.float64]
) -> int:
    try:
        return class_of(label)
    except ValueError as error:
        raise TaskError(
            f"'{name}' of '{item.key}' has a label that is not a chord: '{label}'",
            code="E509",
            facts=[
                ("atom", f"{place}, at {onsets_s[place]:.3f} s"),
                ("mir_eval", str(error).splitlines()[0]),
            ],
            help="write chords as Harte does, such as C:maj, A:min7/b3, N or X",
        ) from error
