"""What a self-supervised encoder makes of a recording."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tagging.prediction import Tags


@dataclass(frozen=True)
class Represented:
    """The embeddings (P, D) of chunks centred at `times_s` (P,), and what the linear probe reads in them, if any."""

    vectors: NDArray[np.float64]
    times_s: NDArray[np.float64]
    tags: Tags | None

    @property
    def vector(self) -> NDArray[np.float64]:
        """The embedding (D,) of the recording: the mean of its chunks."""
        return np.asarray(self.vectors.mean(axis=0), np.float64)

    def files(self) -> dict[str, bytes]:
        """The embeddings as a NumPy file (P, D), and the tags."""
        stream = io.BytesIO()
        np.save(stream, self.vectors.astype(np.float32))
        return {
            ".embedding.npy": stream.getvalue(),
            **(self.tags.files() if self.tags else {}),
        }
