"""What predictions consist of, whatever model made them: notes, curves, labelled segments and tags.

A task's prediction says what it found as layers, and every format writes the layers that it has a place for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..midi_numbers import hz_of

Float64 = NDArray[np.float64]

LOUDEST = 127  # velocity of MIDI


class NoteEvent(NamedTuple):
    """A note: times in seconds, a MIDI number with its cents, and how sure the model is, in 0 … 1."""

    onset_s: float
    duration_s: float
    midi: float
    confidence: float

    @property
    def end_s(self) -> float:
        return self.onset_s + self.duration_s

    @property
    def hz(self) -> float:
        return float(hz_of(self.midi))

    @property
    def velocity(self) -> int:
        """The confidence as MIDI counts loudness, 1 … 127: a model without velocities has nothing nearer to it."""
        return max(1, min(LOUDEST, round(LOUDEST * self.confidence)))


class Segment(NamedTuple):
    """A stretch of time in seconds, its label, and how sure the model is, in 0 … 1."""

    start_s: float
    end_s: float
    label: str
    confidence: float


@dataclass(frozen=True)
class Layer:
    """A part of a prediction that has a name of its own, which the names of files show.

    Parameters
    ----------
    name : str
        Such as "notes", "f0" or "chords".
    """

    kind: ClassVar[str]
    name: str


@dataclass(frozen=True)
class Notes(Layer):
    """Notes, by onset."""

    kind: ClassVar[str] = "notes"
    notes: Sequence[NoteEvent] = ()


@dataclass(frozen=True)
class Curve(Layer):
    """Frequencies over time, any number of them at once.

    Parameters
    ----------
    times_s : array of float, (T,)
        Times in seconds, ascending.
    hz : sequence of T arrays of float
        The frequencies at each time, ascending.
    confidence : sequence of T arrays of float
        How sure the model is of each, in 0 … 1.
    """

    kind: ClassVar[str] = "curve"
    times_s: Float64
    hz: Sequence[Float64] = ()
    confidence: Sequence[Float64] = ()


@dataclass(frozen=True)
class Segments(Layer):
    """Labels one after another, such as chords.

    Parameters
    ----------
    namespace : str
        The JAMS namespace of the labels, such as "chord".
    """

    kind: ClassVar[str] = "segments"
    segments: Sequence[Segment] = ()
    namespace: str = "segment_open"


@dataclass(frozen=True)
class TagScores(Layer):
    """Labels of the whole recording.

    Parameters
    ----------
    scores : sequence of (str, float)
        Every label with its probability, the most probable first.
    given : sequence of str
        The labels that the recording has, in the model's judgement.
    """

    kind: ClassVar[str] = "tags"
    scores: Sequence[tuple[str, float]] = ()
    given: Sequence[str] = ()


@dataclass(frozen=True)
class Waveform(Layer):
    """A sound, such as a source that was separated.

    Parameters
    ----------
    samples : array of float32, (C, N)
        A row per channel, within -1 ... 1.
    sr_hz : int
        The sample rate.
    """

    kind: ClassVar[str] = "sound"
    samples: NDArray[np.float32]
    sr_hz: int
