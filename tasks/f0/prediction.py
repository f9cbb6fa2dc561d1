"""What a model of monophonic pitch predicts: one pitch per frame, and notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...outputs.layers import Curve, Layer, Notes
from ...outputs.text import notes_table
from ..multi_pitch.prediction import F0, Note, note_events, notes_answer
from ..predictions import Prediction, drawn

Float64 = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Melody(Prediction):
    """The pitch of one voice over time.

    Parameters
    ----------
    times_s : array of float, (T,)
        Times of the frames in seconds, ascending.
    hz : array of float, (T,)
        The most probable pitch of each frame in Hz, also where nothing sounds.
    voicing : array of float, (T,)
        How sure the model is that something sounds, in 0 … 1.
    threshold : float
        The voicing from which on a frame counts as voiced.
    notes : tuple of Note
        By onset; the salience of a note is the mean voicing of its frames.
    salience : array of float32, (F, T), optional
        Probabilities of the bins.
    bins_hz : array of float, (F,), optional
        The pitches of the rows of `salience` in Hz.
    """

    with_sound: ClassVar[bool] = False

    times_s: Float64
    hz: Float64
    voicing: Float64
    threshold: float
    notes: tuple[Note, ...]
    salience: NDArray[np.float32] | None = None
    bins_hz: Float64 | None = None

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """(T,) whether something sounds."""
        return np.asarray(self.voicing >= self.threshold)

    @property
    def signed_hz(self) -> Float64:
        """(T,) the pitches as mir_eval.melody reads them: minus the frequency where nothing sounds."""
        return np.where(self.voiced, self.hz, -self.hz)

    @property
    def frequencies_hz(self) -> list[Float64]:
        """T arrays of the pitch in Hz: one, or none where nothing sounds."""
        silent = np.zeros(0)
        pairs = zip(self.hz, self.voiced.tolist(), strict=True)
        return [np.array([hz]) if voiced else silent for hz, voiced in pairs]

    @property
    def f0(self) -> F0:
        """The pitch over time."""
        return F0(self.times_s, self.frequencies_hz)

    def answer(self) -> str:
        """How many notes, and the first of them."""
        return notes_answer(self.notes)

    def files(self) -> dict[str, bytes]:
        """The pitch in the text of mir_eval.melody, time and Hz per line, and the notes as CSV."""
        lines = []
        for time_s, hz in zip(self.times_s, self.signed_hz, strict=True):
            lines.append(f"{time_s:.6f}\t{hz:.3f}\n")
        return {
            ".f0.txt": "".join(lines).encode(),
            ".notes.csv": notes_table(note_events(self.notes)),
        }

    def layers(self) -> list[Layer]:
        """The notes, and the pitch of every frame that is voiced; with how sure the model is of each."""
        confidence = []
        for sure, voiced in zip(self.voicing, self.voiced.tolist(), strict=True):
            confidence.append(np.array([sure]) if voiced else np.zeros(0))
        return [
            Notes("notes", note_events(self.notes)),
            Curve("f0", self.times_s, self.frequencies_hz, confidence),
        ]

    def plot(self, ax: Any = None, truth: Any = None) -> Any:
        """The curve on a keyboard.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure is made.
        truth : (times in s, list of arrays of Hz), optional
            The true pitch, on which the estimate is drawn.

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
