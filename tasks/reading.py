"""The feature of one recording as tasks read it, from the disk or from memory, and as their models see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from ..features.base import FeatureConfig
from ..features.hcqt import HCQTFeatureConfig, to_scale

Read = Callable[[int, int], Tensor]


class Recorded(Protocol):
    """The feature of one recording: what a cache and a corpus of features open, and `InMemory`.

    Attributes
    ----------
    n_frames : int
        Frames of the recording, T.
    shape : tuple of int
        Sizes of one frame: (H, F) of an HCQT, (n_mels,) of a log-mel spectrogram.
    is_complex : bool
        Whether the values are complex, as those of a constant-Q transform are.
    """

    @property
    def n_frames(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def is_complex(self) -> bool: ...

    @property
    def peak(self) -> float:
        """The largest magnitude of the recording."""

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as (*shape, T)."""


class InMemory:
    """A feature in memory, (*shape, T), that is read as one on the disk is."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.n_frames = int(values.shape[-1])
        self.shape = tuple(values.shape[:-1])
        self.is_complex = values.is_complex()

    @property
    def peak(self) -> float:
        """The largest magnitude."""
        return float(self.values.abs().max())

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop); nobody may change them in place."""
        return self.values[..., start:stop]

    def magnitude(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as magnitudes."""
        return self.read(start, stop).abs()


class Scaled:
    """A constant-Q transform as models see it: magnitudes in the scale of its settings, relative to its peak."""

    is_complex = False

    def __init__(self, feature: Recorded, config: HCQTFeatureConfig) -> None:
        self.n_frames = feature.n_frames
        self.shape = feature.shape
        # The peak is a maximum over all frames of the file, so it is taken once.
        self.peak = feature.peak
        self._magnitude = magnitudes_of(feature)
        self._scale = config.scale

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as (H, F, T)."""
        magnitude = self._magnitude(start, self.n_frames if stop is None else stop)
        return to_scale(magnitude, self._scale, self.peak)


def as_recorded(feature: Recorded | Tensor) -> Recorded:
    """A feature, or a tensor (..., T) that is to be read as one."""
    if isinstance(feature, Tensor):
        return InMemory(feature)
    return feature


def as_seen(feature: Recorded | Tensor, config: FeatureConfig) -> Recorded:
    """A feature as models see it: a real one as it is, a constant-Q transform in its scale."""
    recorded = as_recorded(feature)
    if recorded.is_complex and isinstance(config, HCQTFeatureConfig):
        return Scaled(recorded, config)
    return recorded


def magnitudes_of(feature: Recorded) -> Read:
    """What reads frames [start, stop): of a complex transform the magnitudes, of any other feature its values."""
    if feature.is_complex:
        read: Read = getattr(feature, "magnitude")  # noqa: B009  # only complex features have it
        return read
    return feature.read
