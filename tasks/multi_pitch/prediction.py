"""What a multi-pitch model predicts: the pitches of every frame, and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...metrics.calibration import calibrated
from ...metrics.notes import NotesOf, intervals
from ...midi_numbers import hz_of
from ...outputs.layers import Curve, Layer, NoteEvent, Notes
from ...outputs.text import notes_table
from ...printable import listed
from ..predictions import Prediction, drawn

Float64 = NDArray[np.float64]

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LISTED = 4  # notes that `repr` names


def name_of(midi: float) -> str:
    """The name of the nearest key, such as "C#4"; MIDI number 60 is C4."""
    key = round(midi)
    return f"{NAMES[key % 12]}{key // 12 - 1}"


@dataclass(frozen=True)
class Note:
    """A pitch that lasts: times in seconds, a MIDI number with its cents, its mean salience in 0 … 1.

    `probability` that it is right, where validation tracks have taught how salience and being right go together;
    `level_db`, how loud its key gets when it is struck.
    """

    onset_s: float
    duration_s: float
    midi: float
    salience: float
    probability: float | None = None
    level_db: float | None = None

    @property
    def confidence(self) -> float:
        """The probability that the note is right, or its salience where that was not learned."""
        if self.probability is None:
            return self.salience
        return self.probability

    @property
    def start_s(self) -> float:
        return self.onset_s

    @property
    def end_s(self) -> float:
        return self.onset_s + self.duration_s

    @property
    def hz(self) -> float:
        return float(hz_of(self.midi))

    @property
    def name(self) -> str:
        """The name of the nearest key, such as "C#4"; MIDI number 60 is C4."""
        return name_of(self.midi)

    def __repr__(self) -> str:
        when = f"{self.start_s:.3f}-{self.end_s:.3f} s"
        return f"Note({self.name}, {when}, midi={self.midi:.2f}, salience={self.salience:.2f})"


class F0(NamedTuple):
    """Pitches over time: (T,) times in seconds, and for each time an array of the pitches in Hz, ascending."""

    times_s: Float64
    hz: list[Float64]

    def __repr__(self) -> str:
        n = len(self.times_s)
        frames = f"{n} frame{'' if n == 1 else 's'}"
        if not n:
            return f"<F0: {frames}>"
        sounding = sum(len(pitches) > 0 for pitches in self.hz)
        when = f"{self.times_s[0]:.2f}-{self.times_s[-1]:.2f} s"
        return f"<F0: {frames}, {when}, {sounding} with pitches>"


def notes_answer(notes: Sequence[Note]) -> str:
    """How many notes, and the first of them, in words."""
    if not notes:
        return "no notes"
    count = f"{len(notes)} note{'' if len(notes) == 1 else 's'}"
    words = [f"{note.name} {note.start_s:.2f}-{note.end_s:.2f} s" for note in notes]
    return f"{count}: {listed(words, LISTED, quote='')}"


def note_events(notes: Sequence[Note]) -> list[NoteEvent]:
    """The notes as a layer has them."""
    return [
        NoteEvent(note.onset_s, note.duration_s, note.midi, note.confidence)
        for note in notes
    ]


def confidences_of(
    frequencies_hz: Sequence[Float64],
    salience: NDArray[np.float32],
    columns: NDArray[np.int64],
    bins_hz: Float64,
    curve: Sequence[float] | None,
) -> list[Float64]:
    """How sure a model is of the pitches of T times: the salience (F, T') of the bin nearest to each, in the column
    that belongs to its time.
    """
    bins = np.log2(bins_hz)
    found = []
    for column, pitches in zip(columns, frequencies_hz, strict=True):
        distances = np.abs(np.log2(pitches)[:, None] - bins)
        rows = distances.argmin(axis=1) if len(pitches) else np.zeros(0, int)
        found.append(calibrated(salience[rows, column], curve))
    return found


@dataclass(frozen=True, repr=False, eq=False)
class Transcription(Prediction):
    """Which pitches sound when.

    Parameters
    ----------
    times_s : array of float, (T',)
        Times in seconds, ascending.
    frequencies_hz : list of T' arrays of float
        The pitches in Hz at each time, ascending.
    salience : array of float32, (F, T)
        Probabilities, one column per frame of the feature, the first at times_s[0], the last at times_s[-1]:
        T' = time_upsampling · (T - 1) + 1.
    notes : tuple of Note
        By onset.
    bins_hz : array of float, (F,), optional
        The pitches of the rows of `salience` in Hz.
    curve : [slope, offset], optional
        How the salience of a pitch becomes the probability that it is right; see `mirbricks.metrics.calibrated`.
    """

    times_s: Float64
    frequencies_hz: list[Float64]
    salience: NDArray[np.float32]
    notes: tuple[Note, ...]
    bins_hz: Float64 | None = None
    curve: Sequence[float] | None = None

    @property
    def f0(self) -> F0:
        """The pitches over time."""
        return F0(self.times_s, self.frequencies_hz)

    def intervals(self) -> NotesOf:
        """The notes as mir_eval reads them."""
        columns = (
            [getattr(note, name) for note in self.notes]
            for name in ("onset_s", "duration_s", "midi")
        )
        return intervals(*columns)

    def levels_db(self) -> Float64 | None:
        """The levels of all notes, which stand for their velocities; None where they were not measured."""
        levels = [note.level_db for note in self.notes if note.level_db is not None]
        if len(levels) < len(self.notes):
            return None
        return np.array(levels, np.float64)

    def answer(self) -> str:
        """How many notes, and the first of them."""
        return notes_answer(self.notes)

    def files(self) -> dict[str, bytes]:
        """The pitches in mir_eval's multi-f0 text, and the notes as CSV."""
        return {
            ".f0.txt": self._frames_text().encode(),
            ".notes.csv": notes_table(note_events(self.notes)),
        }

    def _frames_text(self) -> str:
        """A line per time: the time and the pitches, separated by tabs."""
        lines = []
        for time_s, pitches_hz in zip(*self.f0, strict=True):
            cells = [f"{time_s:.6f}", *(f"{hz:.3f}" for hz in pitches_hz)]
            lines.append("\t".join(cells) + "\n")
        return "".join(lines)

    def layers(self) -> list[Layer]:
        """The notes, and the pitches of every frame; with how sure the model is of each."""
        return [
            Notes("notes", note_events(self.notes)),
            Curve("f0", self.times_s, self.frequencies_hz, self.confidences()),
        ]

    def confidences(self) -> list[Float64]:
        """How sure the model is of each of `frequencies_hz`: the salience of the row nearest to it, in the frame
        nearest to its time, as a probability where `curve` is known.
        """
        if self.bins_hz is None or not self.salience.size:
            return [np.ones(len(pitches)) for pitches in self.frequencies_hz]
        # There may be several times per frame of the feature.
        columns = np.linspace(0, self.salience.shape[1] - 1, len(self.times_s))
        return confidences_of(
            self.frequencies_hz,
            self.salience,
            np.rint(columns).astype(int),
            self.bins_hz,
            self.curve,
        )

    def plot(self, ax: Any = None, truth: Any = None) -> Any:
        """The piano roll.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure is made.
        truth : (times in s, list of arrays of Hz), optional
            True pitches, on which the estimate is drawn.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ...plots.pitch import piano_roll  # matplotlib takes a second to import

        return drawn(
            piano_roll,
            self.times_s,
            self.frequencies_hz,
            truth,
            self.salience,
            self.bins_hz,
            self.title,
            ax=ax,
        )
