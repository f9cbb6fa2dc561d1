"""Features that come with the corpus, in NAME_feat.hdf5: nothing is computed, and such a graph reads no audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import numpy as np
import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from ..data.corpus import FeatureItem
from ..errors import DataError
from .base import ArrayConfig, Feature

SLACK = 1e-3  # of a step: how far the times in the file may be from those of the section


class GivenConfig(ArrayConfig):
    """Settings of the feature `given`: what the corpus must hold."""

    type: Literal["given"] = Field("given", description="name of this feature")
    sr_hz: PositiveInt = Field(44100, description="sample rate of the audio that the features were computed from")
    n_features: PositiveInt = Field(description="numbers in a frame")
    step_s: PositiveFloat = Field(description="seconds from one frame to the next; about that where they are not even")
    first_s: float = Field(0.0, description="time of the first frame in seconds")
    even: bool = Field(True, description="whether frames come in equal steps; false: at any times, such as beats")
    dtype: Literal["float16", "float32"] = Field("float32", description="how the values are read")

    @property
    def hop_s(self) -> float:
        return self.step_s

    @property
    def t0_s(self) -> float:
        return self.first_s

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_features,)


class Given(Feature):
    """No transform: raises DataError E459 for any waveform."""

    config: GivenConfig

    def forward(self, wave: Tensor) -> Tensor:  # noqa: ARG002
        raise _no_audio()

    def n_frames(self, n_samples: int) -> int:  # noqa: ARG002
        raise _no_audio()

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:  # noqa: ARG002
        raise _no_audio()


class GivenFeature:
    """The features of one recording, read as a `CachedFeature` is."""

    is_complex = False

    def __init__(self, item: FeatureItem) -> None:
        self.item, self.n_frames, self.shape = item, item.n_frames, (item.n_features,)

    def __len__(self) -> int:
        return self.n_frames

    @property
    def peak(self) -> float:
        """The largest absolute value."""
        return float(np.abs(self.item.read()).max())

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as float32 (n_features, T)."""
        return torch.from_numpy(self.item.read(start, stop)).T


class GivenFeatures:
    """In the place of a `FeatureCache`: the features of a corpus's own file."""

    def __init__(self, config: GivenConfig) -> None:
        self.config = config
        self._items: dict[str, FeatureItem] = {}

    def build(
        self,
        items: Iterable[FeatureItem],
        *,
        n_jobs: int = -1,  # noqa: ARG002  # there is nothing to compute
        on_done: Callable[[str, DataError | None], None] | None = None,
    ) -> list[DataError]:
        """Check every recording against the settings; returns DataError E459 for each that is different."""
        errors = []
        for item in items:
            error = self._misfit(item)
            self._items |= {} if error else {item.key: item}
            errors += [error] if error else []
            if on_done:
                on_done(item.key, error)
        return errors

    def open(self, key: str) -> GivenFeature:
        return GivenFeature(self._items[key])

    def _misfit(self, item: FeatureItem) -> DataError | None:
        c, times_s = self.config, item.times_s
        if item.n_features != c.n_features:
            return _misfit(item.key, "n_features", c.n_features, item.n_features)
        if not c.even:
            return None
        if times_s is not None and abs(times_s[0] - c.first_s) > SLACK * c.step_s:
            return _misfit(item.key, "first_s", c.first_s, round(float(times_s[0]), 6))
        steps = np.diff(times_s) if times_s is not None else np.empty(0)
        if len(steps) and np.abs(steps - c.step_s).max() > SLACK * c.step_s:
            return _misfit(item.key, "step_s", c.step_s, round(float(steps[np.abs(steps - c.step_s).argmax()]), 6))
        return None


def _misfit(key: str, name: str, wanted: object, came: object) -> DataError:
    message = f"the features of '{key}' are not those of the section 'feature:', whose '{name}' is {wanted}"
    help = f"set feature.{name}, or take another corpus"
    return DataError(message, code="E459", facts=[("there", f"{came}")], help=help)


def _no_audio() -> DataError:
    message = "the graph reads features that come with a corpus, `feature: {type: given}`, not audio"
    return DataError(message, code="E459", help="take a graph whose section 'feature' computes them from audio")
