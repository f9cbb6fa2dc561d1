"""What a cover model makes of a recording."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Embedding:
    """Vectors (M, D) of unit length, and what the model saw: (F, T) frames, `hop_s` apart."""

    vectors: NDArray[np.float32]
    seen: NDArray[np.float32]
    hop_s: float

    def files(self) -> dict[str, bytes]:
        """The vectors as a NumPy file."""
        stream = io.BytesIO()
        np.save(stream, self.vectors)
        return {".embedding.npy": stream.getvalue()}
