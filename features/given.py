"""Features that come with the corpus, in NAME_feat.hdf5; where there is audio only, those computed by `from_audio`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from torch import Tensor

from ..data.corpus import FeatureItem
from ..data.workers import Backend
from ..errors import DataError
from .base import ArrayConfig, Feature, register_feature
from .beat_chroma import BeatChromaFeature, BeatChromaFeatureConfig
from .chroma import ChromaFeature, ChromaFeatureConfig
from .logmel import LogMelFeature, LogMelFeatureConfig
from .nnls_chroma import NNLSChromaFeature, NNLSChromaFeatureConfig
from .old_names import old_names

SLACK = (
    1e-3  # of a step: how far the times in the file may be from those of the section
)

FromAudio = Annotated[
    NNLSChromaFeatureConfig
    | BeatChromaFeatureConfig
    | ChromaFeatureConfig
    | LogMelFeatureConfig,
    Field(discriminator="type"),
]
COMPUTED: dict[str, tuple[type[ArrayConfig], type[Feature]]] = {
    "nnls_chroma": (NNLSChromaFeatureConfig, NNLSChromaFeature),
    "beat_chroma": (BeatChromaFeatureConfig, BeatChromaFeature),
    "chroma": (ChromaFeatureConfig, ChromaFeature),
    "logmel": (LogMelFeatureConfig, LogMelFeature),
}


class GivenFeatureConfig(ArrayConfig):
    """Settings of the feature `given`: what the corpus must hold."""

    type: Literal["given"] = Field("given", description="name of this feature")
    sr_hz: PositiveInt = Field(
        44100,
        description="sample rate of the audio that the features were computed from",
    )
    n_features: PositiveInt = Field(description="numbers in a frame")
    step_s: PositiveFloat = Field(
        description="seconds from one frame to the next; about that where they are not even"
    )
    first_s: float = Field(0.0, description="time of the first frame in seconds")
    even: bool = Field(
        True,
        description="whether frames come in equal steps; false: at any times, such as beats",
    )
    dtype: Literal["float16", "float32"] = Field(
        "float32", description="how the values are read"
    )

    from_audio: FromAudio | None = Field(
        None, description="the feature that takes their place where there is audio only"
    )

    @field_validator("from_audio", mode="before")
    @classmethod
    def _known(cls, section: object) -> object:
        """One sentence, where a union would report every mistake of each of its members."""
        if not isinstance(section, Mapping):
            return section
        name = section.get("type")
        if not isinstance(name, str) or name not in COMPUTED:
            raise ValueError(
                f"'{name}' cannot be computed in their place: one of {', '.join(COMPUTED)}"
            )
        try:
            return COMPUTED[name][0].model_validate(dict(section))
        except ValidationError as error:
            first = error.errors()[0]
            place = "".join(f"'{part}': " for part in first["loc"])
            raise ValueError(
                f"{place}{first['msg'].removeprefix('Value error, ')}"
            ) from error

    @model_validator(mode="after")
    def _computed_fit(self) -> GivenFeatureConfig:
        other = self.from_audio
        if other is None:
            return self
        if other.shape != self.shape:
            raise ValueError(
                f"n_features is {self.n_features}, and a frame of from_audio has {_sizes(other.shape)}"
            )
        if other.sr_hz != self.sr_hz:
            raise ValueError(
                f"sr_hz is {self.sr_hz}, and that of from_audio is {other.sr_hz}: they must be equal"
            )
        # A model that learns from given frames is used on
        # computed ones, so these must come at the same times.
        pairs = [
            ("step_s", self.step_s, other.hop_s),
            ("first_s", self.first_s, other.t0_s),
        ]
        for name, wanted, came in pairs if self.even else []:
            if abs(wanted - came) > SLACK * self.step_s:
                raise ValueError(
                    f"{name} is {wanted:g}, and that of from_audio is {came:g}: they must be equal"
                )
        return self

    @property
    def evenly_spaced(self) -> bool:
        return self.even

    @property
    def hop_s(self) -> float:
        return self.step_s

    @property
    def t0_s(self) -> float:
        return self.first_s

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_features,)


@register_feature("given")
class GivenFeature(Feature):
    """What `from_audio` says; without it raises DataError E459 for any waveform."""

    Config = GivenFeatureConfig
    config: GivenFeatureConfig

    def __init__(self, config: GivenFeatureConfig) -> None:
        super().__init__(config)
        other = config.from_audio
        self.computed = COMPUTED[other.type][1](other) if other else None
        self.counted = self.computed is None or self.computed.counted

    def forward(self, wave: Tensor) -> Tensor:
        return self._transform().forward(wave)

    def n_frames(self, n_samples: int) -> int:
        return self._transform().n_frames(n_samples)

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        return self._transform().stream(chunks)

    def _transform(self) -> Feature:
        if self.computed is None:
            raise DataError(
                "the graph reads features that come with a corpus, `feature: {type: given}`, not audio",
                code="E459",
                help="take a graph whose section 'feature' computes them from audio, or add feature.from_audio",
            )
        return self.computed


class CorpusFeature:
    """The features of one recording, read as a `CachedFeature` is."""

    is_complex = False

    def __init__(self, item: FeatureItem) -> None:
        self.item = item
        self.n_frames = item.n_frames
        self.shape = (item.n_features,)

    def __len__(self) -> int:
        return self.n_frames

    @property
    def peak(self) -> float:
        """The largest absolute value."""
        return float(np.abs(self.item.read()).max())

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as float32 (n_features, T)."""
        return torch.from_numpy(self.item.read(start, stop)).T


class CorpusFeatures:
    """In the place of a `FeatureCache`: the features of a corpus's own file, and of a recording with audio only the
    computed ones.

    computed  the FeatureCache of config.from_audio, if audio may be read
    """

    def __init__(self, config: GivenFeatureConfig, computed: Any = None) -> None:
        self.config = config
        self.computed = computed
        self._items: dict[str, FeatureItem] = {}

    def build(
        self,
        items: Iterable[Any],
        *,
        n_jobs: int = -1,
        backend: Backend = "loky",
        on_done: Callable[[str, DataError | None], None] | None = None,
    ) -> list[DataError]:
        """Check every recording against the settings; returns DataError E459 for each that is different.

        Recordings with audio only go to `computed`, in n_jobs processes.
        """
        errors = []
        heard = []
        for item in items:
            if self.computed is not None and not isinstance(item, FeatureItem):
                heard.append(item)
                continue
            error = self._misfit(item)
            self._items |= {} if error else {item.key: item}
            errors += [error] if error else []
            if on_done:
                on_done(item.key, error)
        if heard:
            errors += self.computed.build(
                heard, n_jobs=n_jobs, backend=backend, on_done=on_done
            )
        return errors

    def open(self, key: str) -> Any:
        """A `CorpusFeature`, or of a recording with audio only a `CachedFeature`."""
        if key in self._items:
            return CorpusFeature(self._items[key])
        return self.computed.open(key)

    def _misfit(self, item: FeatureItem) -> DataError | None:
        c = self.config
        times_s = item.times_s
        if item.n_features != c.n_features:
            return _misfit(item.key, "n_features", c.n_features, item.n_features)
        if not c.even:
            return None
        # Frames without times of their own are taken to come as the section says.
        if times_s is not None and abs(times_s[0] - c.first_s) > SLACK * c.step_s:
            return _misfit(item.key, "first_s", c.first_s, round(float(times_s[0]), 6))
        if times_s is not None:
            steps = np.diff(times_s)
        else:
            steps = np.empty(0)
        if len(steps) and np.abs(steps - c.step_s).max() > SLACK * c.step_s:
            return _misfit(
                item.key,
                "step_s",
                c.step_s,
                round(float(steps[np.abs(steps - c.step_s).argmax()]), 6),
            )
        return None


def _misfit(key: str, name: str, wanted: object, came: object) -> DataError:
    message = f"the features of '{key}' are not those of the section 'feature:', whose '{name}' is {wanted}"
    help = f"set feature.{name}, or take another corpus"
    return DataError(message, code="E459", facts=[("there", f"{came}")], help=help)


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


__getattr__ = old_names(__name__, "Given")
