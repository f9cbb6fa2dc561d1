"""Chroma: how much of each pitch class sounds, the tuning of the recording taken into account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from .base import ArrayConfig, Feature, FeatureConfig, register_feature
from .cqt import CQTFeature, CQTFeatureConfig
from .folding import pitch_classes, semitone_of, tuning_of, tuning_sum, unit_frames
from .old_names import old_names

C1_HZ = 32.70319566257483


class PitchClassConfig(ArrayConfig):
    """Frames and pitch classes, for the features that begin with them."""

    renamed: ClassVar[Mapping[str, str]] = {"hop_samples": "hop_length"}

    sr_hz: PositiveInt = Field(
        22050, description="sample rate of the audio; other audio is resampled to it"
    )
    fmin_hz: PositiveFloat = Field(
        C1_HZ,
        description="centre frequency of the lowest bin of the constant-Q transform",
    )
    n_octaves: PositiveInt = Field(7, le=20, description="octaves above fmin_hz")
    bins_per_octave: PositiveInt = Field(
        36, description="frequency bins in an octave, a multiple of n_chroma"
    )
    hop_length: PositiveInt = Field(
        512, description="samples from one frame of chroma to the next"
    )
    n_chroma: PositiveInt = Field(
        12, description="pitch classes in an octave, bin 0 is C"
    )
    tuning_semitones: float | None = Field(
        None,
        ge=-0.5,
        le=0.5,
        description="how far A4 lies above 440 Hz; default: estimated from the whole recording",
    )
    norm: Literal["max", "l1", "l2"] | None = Field(
        "max",
        description="what is 1 in each frame: largest bin, sum, root of summed squares; null: nothing",
    )

    @model_validator(mode="after")
    def _bins_fit(self) -> PitchClassConfig:
        if self.bins_per_octave % self.n_chroma:
            raise ValueError(
                f"bins_per_octave {self.bins_per_octave} is not a multiple of n_chroma {self.n_chroma}: "
                "a pitch class would have no whole number of bins"
            )
        self.cqt()
        return self

    def cqt(self) -> CQTFeatureConfig:
        """The transform that is folded; raises ValidationError where its bins do not fit below half of sr_hz."""
        names = ("sr_hz", "fmin_hz", "n_octaves", "bins_per_octave", "hop_length")
        return CQTFeatureConfig(**{name: getattr(self, name) for name in names})


class ChromaFeatureConfig(PitchClassConfig):
    """Settings of the feature `chroma`."""

    type: Literal["chroma"] = Field("chroma", description="name of this feature")

    @property
    def hop_s(self) -> float:
        return self.hop_length / self.sr_hz

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_chroma,)


@register_feature("chroma")
class ChromaFeature(Feature):
    """(B, N) -> (B, n_chroma, T): constant-Q magnitudes summed over octaves, bin 0 is C, T = 1 + N // hop_length.

    Sources: Fujishima, "Realtime Chord Recognition of Musical Sound", ICMC 1999; Müller, "Fundamentals of Music
    Processing", 3.1.2. With tuning_semitones 0 and fmin_hz on a semitone as `librosa.feature.chroma_cqt(tuning=0,
    threshold=None)`. Frame t is centred on sample t · hop_length.
    """

    Config: ClassVar[type[FeatureConfig]] = ChromaFeatureConfig
    config: PitchClassConfig

    def __init__(self, config: PitchClassConfig) -> None:
        super().__init__(config)
        self.cqt = CQTFeature(config.cqt())
        self._above_class = self._offset_semitones()

    def forward(self, wave: Tensor) -> Tensor:
        return self.chroma(wave)

    def chroma(self, wave: Tensor) -> Tensor:
        """(B, N) -> (B, n_chroma, T)."""
        profile, total = self._profile(self.cqt(wave))
        return self._folded(profile, self._tuning(total))

    def tuning_semitones(self, wave: Tensor) -> Tensor:
        """(B,) semitones that A4 lies above 440 Hz: estimated, or the config's."""
        return self._tuning(self._profile(self.cqt(wave))[1])

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        return self.chroma_stream(chunks)

    def chroma_stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """The chroma in pieces.

        An estimated tuning is known at the end only: until then bins_per_octave values per frame are held,
        22 MB per hour with the defaults. With tuning_semitones given, pieces come as the audio does.
        """
        held: list[Tensor] = []
        totals: Tensor | None = None
        for piece in self.cqt.stream(chunks):
            profile, total = self._profile(piece)
            if self.config.tuning_semitones is not None:
                yield self._folded(profile, self._tuning(total))
                continue
            # The sums of the parts add up, so that this
            # tuning is the one of the whole recording.
            held.append(profile)
            if totals is None:
                totals = total
            else:
                totals = totals + total
        if totals is not None:
            tuning = self._tuning(totals)
            for profile in held:
                yield self._folded(profile, tuning)

    def _profile(self, cqt: Tensor) -> tuple[Tensor, Tensor]:
        """(B, bins_per_octave, T) magnitudes summed over octaves, and their sum for the tuning."""
        config = self.config
        magnitude = cqt[:, 0].abs()
        # The tuning is read before octaves are summed, which would blur its peaks;
        # folding can wait, as a bin's share is the same in each octave.
        total = tuning_sum(magnitude, config.fmin_hz, config.bins_per_octave)
        octaves = magnitude.reshape(
            len(magnitude), config.n_octaves, config.bins_per_octave, -1
        )
        return octaves.sum(dim=1), total

    def _tuning(self, total: Tensor) -> Tensor:
        fixed = self.config.tuning_semitones
        if fixed is None:
            return tuning_of(total)
        return torch.full_like(total.real, fixed)

    def _offset_semitones(self) -> float:
        """How far fmin_hz lies above its nearest class; what is less than a cent is rounding."""
        lowest = semitone_of(self.config.fmin_hz) * self.config.n_chroma / 12
        above = (lowest - round(lowest)) * 12 / self.config.n_chroma
        if abs(above) >= 0.01:
            return above
        return 0.0

    def _folded(self, profile: Tensor, tuning: Tensor) -> Tensor:
        config = self.config
        classes = pitch_classes(
            config.fmin_hz,
            config.bins_per_octave,
            config.n_chroma,
            self._above_class - tuning,
        )
        return unit_frames(classes.to(profile.dtype) @ profile, config.norm, dim=1)

    def n_frames(self, n_samples: int) -> int:
        return self.cqt.n_frames(n_samples)


__getattr__ = old_names(__name__, "Chroma")
