"""What a cover model predicts for a recording: its embedding."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..predictions import Prediction, drawn


@dataclass(frozen=True, repr=False, eq=False)
class Embedding(Prediction):
    """Where a recording lies among all others.

    Parameters
    ----------
    vectors : array of float32, (M, D)
        One vector, or one per chunk.
    seen : array of float32, (F, T)
        What the model saw, frames `hop_s` apart.
    hop_s : float or None
        Seconds from one frame to the next; None where frames come at other times, such as beats.
    pitch_classes : bool
        Whether the rows of `seen` are pitch classes, from C on.
    unit : bool
        Whether vectors have unit length: their directions are compared. Else their distances are.
    """

    vectors: NDArray[np.float32]
    seen: NDArray[np.float32]
    hop_s: float | None
    pitch_classes: bool = False
    unit: bool = True

    @property
    def embedding(self) -> NDArray[np.float32]:
        """The vector (D,) of the recording: the mean over its chunks, of unit length where `unit` is set."""
        mean = self.vectors.mean(axis=0)
        if not self.unit:
            return np.asarray(mean, np.float32)
        length = max(float(np.linalg.norm(mean)), 1e-12)
        return np.asarray(mean / length, np.float32)

    def answer(self) -> str:
        """The sizes of the embedding."""
        count, size = self.vectors.shape
        return f"embedding of {size} numbers" + (
            f", {count} chunks" if count > 1 else ""
        )

    def files(self) -> dict[str, bytes]:
        """The vectors as a NumPy file."""
        stream = io.BytesIO()
        np.save(stream, self.vectors)
        return {".embedding.npy": stream.getvalue()}

    def plot(self, ax: Any = None) -> Any:
        """What the model saw, and the embedding; see `Prediction.plot`."""
        from ...plots.retrieval import embedding  # matplotlib takes a second to import

        plot = functools.partial(embedding, pitch_classes=self.pitch_classes)
        return drawn(plot, self.seen, self.vectors, self.hop_s, self.title, ax=ax)
