"""The chords of a recording as a model hears them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...metrics.chords import Chords
from .smoothing import segments
from .vocabulary import NAMES


@dataclass(frozen=True)
class ChordRibbon:
    """Chords one after another without gaps, and the probability (T, 25) of each class at times_s (T,)."""

    chords: Chords
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
        edges: NDArray[np.float64] = np.maximum(
            first_s + (np.append(starts, len(classes)) - 0.5) * hop_s, 0.0
        )
        edges[0] = 0.0
        chords = Chords(
            np.stack([edges[:-1], edges[1:]], axis=1), [NAMES[c] for c in found]
        )
        return cls(
            chords,
            first_s + np.arange(len(classes), dtype=np.float64) * hop_s,
            probabilities,
        )

    def files(self) -> dict[str, bytes]:
        """A .lab file: begin and end in s, and the chord, a line each."""
        rows = zip(self.chords.intervals, self.chords.labels, strict=True)
        return {
            ".lab": "".join(
                f"{b:.3f}\t{e:.3f}\t{label}\n" for (b, e), label in rows
            ).encode()
        }
