"""What a chord model predicts for a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...metrics.chords import Chords
from ...outputs.layers import Layer, Segment, Segments
from ...printable import listed
from ..predictions import Prediction, drawn
from .smoothing import segments
from .vocabulary import NAMES

LISTED = 4  # chords that `repr` names


class Chord(NamedTuple):
    """A chord, from when to when in seconds, and its label in Harte's syntax."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, repr=False, eq=False)
class ChordRibbon(Prediction):
    """Chords one after another, without gaps.

    Parameters
    ----------
    ribbon : Chords
        The intervals (M, 2) in seconds and their M labels.
    times_s : array of float, (T,)
        Times of the frames in seconds.
    probabilities : array of float32, (T, 25)
        Of each class at each frame.
    """

    ribbon: Chords
    times_s: NDArray[np.float64]
    probabilities: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        classes: NDArray[np.int64],
        hop_s: float,
        first_s: float,
        probabilities: NDArray[np.float32],
    ) -> ChordRibbon:
        """A frame stands for half a hop on either side of its time; the first from 0 on."""
        starts, found = segments(classes)
        # A boundary lies half way between the last frame
        # of a chord and the first of the next.
        edges: NDArray[np.float64] = np.maximum(
            first_s + (np.append(starts, len(classes)) - 0.5) * hop_s, 0.0
        )
        # Figures are weighted by duration: a gap before
        # the first frame would count as missed.
        edges[0] = 0.0
        chords = Chords(
            np.stack([edges[:-1], edges[1:]], axis=1), [NAMES[c] for c in found]
        )
        return cls(
            chords,
            first_s + np.arange(len(classes), dtype=np.float64) * hop_s,
            probabilities,
        )

    @property
    def chords(self) -> list[Chord]:
        """The chords in their order."""
        rows = zip(self.ribbon.intervals.tolist(), self.ribbon.labels, strict=True)
        return [Chord(start_s, end_s, label) for (start_s, end_s), label in rows]

    def answer(self) -> str:
        """How many chords, and the first of them."""
        chords = self.chords
        words = [f"{one.label} {one.start_s:.2f}-{one.end_s:.2f} s" for one in chords]
        count = f"{len(chords)} chord{'' if len(chords) == 1 else 's'}"
        return f"{count}: {listed(words, LISTED, quote='')}"

    def files(self) -> dict[str, bytes]:
        """A .lab file: begin and end in s, and the chord, a line each."""
        lines = [
            f"{one.start_s:.3f}\t{one.end_s:.3f}\t{one.label}\n" for one in self.chords
        ]
        return {".lab": "".join(lines).encode()}

    def layers(self) -> list[Layer]:
        """The chords; how sure the model is of one is its mean probability over the frames."""
        segments = []
        for one in self.chords:
            inside = (self.times_s >= one.start_s) & (self.times_s < one.end_s)
            own = self.probabilities[inside, NAMES.index(one.label)]
            sure = float(own.mean()) if len(own) else 0.0
            segments.append(Segment(one.start_s, one.end_s, one.label, sure))
        return [Segments("chords", segments, "chord")]

    def plot(self, ax: Any = None, truth: Chords | None = None) -> Any:
        """The chords as a ribbon.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure is made.
        truth : Chords, optional
            The true chords, drawn above the estimate.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ...plots.chords import ribbons  # matplotlib takes a second to import

        return drawn(ribbons, self.ribbon, truth, self.title, ax=ax)
