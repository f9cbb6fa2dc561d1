"""What a self-supervised encoder predicts for a recording: embeddings, and the labels that a probe reads in them."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...outputs.layers import Layer
from ..labels import Tags
from ..predictions import Prediction, drawn

Float64 = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Represented(Prediction):
    """A recording as an encoder represents it.

    Parameters
    ----------
    frames : array of float, (P, D)
        The embeddings of the chunks.
    times_s : array of float, (P,)
        The centres of the chunks in seconds.
    tags : Tags or None
        What the linear probe reads in the embeddings; None without labels.
    """

    with_sound: ClassVar[bool] = True

    frames: Float64
    times_s: Float64
    tags: Tags | None

    @property
    def embedding(self) -> Float64:
        """The embedding (D,) of the recording: the mean over its chunks."""
        return np.asarray(self.frames.mean(axis=0), np.float64)

    def answer(self) -> str:
        """The sizes of the embeddings, and the label that the probe reads."""
        count, size = self.frames.shape
        words = (
            f"embeddings of {size} numbers, {count} chunk{'' if count == 1 else 's'}"
        )
        if self.tags is None:
            return words
        return f"{words}; {self.tags.answer()}"

    def files(self) -> dict[str, bytes]:
        """The embeddings as a NumPy file (P, D), and the tags."""
        stream = io.BytesIO()
        np.save(stream, self.frames.astype(np.float32))
        written = {".embedding.npy": stream.getvalue()}
        if self.tags is not None:
            written |= self.tags.files()
        return written

    def layers(self) -> list[Layer]:
        """What the probe reads; the embedding itself is in the file .embedding.npy."""
        return [] if self.tags is None else self.tags.layers()

    def plot(self, ax: Any = None) -> Any:
        """The tags over time, or without labels the embeddings over time; see `Prediction.plot`."""
        if self.tags is not None:
            return self._own_tags().plot(ax)

        from ...plots.embeddings import over_time  # matplotlib takes a second to import

        return drawn(over_time, self.times_s, self.frames, self.title, ax=ax)

    def knows(self) -> str:
        """What the tags are chosen from; "" without them."""
        return "" if self.tags is None else self._own_tags().knows()

    def plot_with(self, samples: Any, sr_hz: int) -> Any:
        """The tags below the spectrogram of the recording; see `Prediction.plot_with`."""
        if self.tags is None:
            return self.plot()
        return self._own_tags().plot_with(samples, sr_hz)

    def _own_tags(self) -> Tags:
        """The tags with what is known of the recording and of the model."""
        assert self.tags is not None  # both callers have asked
        return replace(
            self.tags,
            title=self.title,
            recorded_s=self.recorded_s,
            trained_on=self.trained_on,
        )
