"""The reader of NAME_audio.hdf5: a key per recording, (N,) or (C, N) of C channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .downmix import mixed_down
from .hdf5_store import (
    Store,
    refuse_empty,
    refuse_lying,
    refuse_nan,
    sr_hz_of,
    wrong_form,
)

Float32 = NDArray[np.float32]
AUDIO_FORM = "a float array, (N,) or (C, N) of C channels"


class AudioStore(Store):
    """Reader of NAME_audio.hdf5.

    Errors, all DataError: E400 missing file, E401 corrupt file, E402 unknown key, E403 not float (N,) or (C, N), E404
    `sr_hz` missing or wrong, E405 empty audio, E406 NaN or infinity, E409 no permission.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._checked: dict[str, _Audio] = {}

    def n_samples(self, key: str) -> int:
        return self._describe(key).n_samples

    def n_channels(self, key: str) -> int:
        return self._describe(key).n_channels

    def sr_hz(self, key: str) -> int:
        return self._describe(key).sr_hz

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Float32:
        """Samples [start, stop) as float32 (N,): the mean of the channels."""
        channels = self.read_channels(key, start, stop)
        # Mono audio is handed on as it lies there.
        if len(channels) == 1:
            only: Float32 = channels[0]
            return only
        mono = mixed_down(channels)
        refuse_nan(mono, self._name(key), "sample", start)
        return mono

    def read_channels(
        self, key: str, start: int = 0, stop: int | None = None
    ) -> Float32:
        """Samples [start, stop) of every channel as float32 (C, N)."""
        about = self._describe(key)
        values = self._values(key, start, stop, about.n_samples, about.axis)
        channels = np.atleast_2d(values.astype(np.float32, copy=False))
        # Moments first, so that the message names the first moment and not the first channel.
        refuse_nan(channels.T, self._name(key), "sample", start)
        return channels

    def _name(self, key: str) -> str:
        return f"'{key}' of '{self.path}'"

    def _describe(self, key: str) -> _Audio:
        """The form of a key, checked once."""
        if key not in self._checked:
            # The header answers all of it, so that opening a corpus reads no audio.
            shape, kind = self._form(key)
            if len(shape) not in (1, 2) or kind != "f":
                raise wrong_form(self.path, key, self._dataset(key), AUDIO_FORM)
            refuse_empty(self.path, key, shape)
            refuse_lying(self.path, key, shape)
            given = self._attribute(key, "sr_hz")
            sr_hz = sr_hz_of(given, self._name(key))
            n_channels = shape[0] if len(shape) == 2 else 1
            self._checked[key] = _Audio(n_channels, shape[-1], sr_hz, len(shape) - 1)
        return self._checked[key]


@dataclass(frozen=True)
class _Audio:
    """The form of a recording; `axis` is that of its samples in the file."""

    n_channels: int
    n_samples: int
    sr_hz: int
    axis: int
