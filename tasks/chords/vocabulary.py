"""The 25 classes of chords, and what becomes of every other label.

Classes 0 to 11 are C:maj to B:maj, 12 to 23 C:min to B:min, 24 is N, no chord. A label that is neither major nor minor
(sus4, dim, a bare fifth, X) is `IGNORED`: it counts in no loss and no figure.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
NAMES = (*(f"{root}:maj" for root in ROOTS), *(f"{root}:min" for root in ROOTS), "N")
N_CLASSES = len(NAMES)
NO_CHORD = len(NAMES) - 1
# torch's cross-entropy leaves out -100 by default.
IGNORED = -100
MAJOR = (0, 4, 7)
MINOR = (0, 3, 7)


@functools.lru_cache(maxsize=4096)
def class_of(label: str) -> int:
    """The class of a label in Harte's syntax, as `mir_eval.chord.majmin` reduces it; N:- and an empty one are N.

    Raises ValueError for a label that is not a chord.
    """
    import mir_eval.chord

    if label in ("", "N", "N:-"):
        return NO_CHORD
    try:
        root, bitmap, _ = mir_eval.chord.encode(label)
    except mir_eval.chord.InvalidChordException as error:
        raise ValueError(str(error)) from error
    # As mir_eval's majmin: the semitones up to the fifth decide, so that a seventh or a
    # ninth does not change the class. X has no root.
    tones = tuple(np.flatnonzero(bitmap[:8]).tolist())
    if root < 0 or tones not in (MAJOR, MINOR):
        return IGNORED
    return int(root) % 12 + (12 if tones == MINOR else 0)


def classes_of(labels: list[str]) -> Int64:
    """The class of each label. Raises as `class_of`."""
    return np.array([class_of(label) for label in labels], np.int64)


def transposed_classes(classes: Int64, semitones: int) -> Int64:
    """The classes of the same music so many semitones higher; N and what is ignored stay."""
    # `kind` is 0 for major and 12 for minor: a
    # root turns within its own twelve classes.
    kind = classes // 12 * 12
    return np.where(
        (classes >= 0) & (classes < NO_CHORD),
        kind + (classes - kind + semitones) % 12,
        classes,
    )
