"""The log-mel spectrogram of a recording."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from torch import Tensor

from .base import (
    STREAM_FRAMES,
    ArrayConfig,
    Feature,
    check_wave,
    refuse_empty,
    register_feature,
    stream_frames,
)
from .fourier import Window, centred_frames, padded_window
from .mel_scale import MelScale, decibels, mel_points_hz, mel_triangles
from .old_names import old_names

FRAME_VALUES = (
    1 << 20
)  # samples framed at once: bounds the memory of a Fourier transform


class MelFeatureConfig(ArrayConfig):
    """Frames and mel bands, for the features that begin with them."""

    renamed: ClassVar[Mapping[str, str]] = {
        "hop_samples": "hop_length",
        "window_samples": "win_length",
    }

    sr_hz: PositiveInt = Field(
        22050, description="sample rate of the audio; other audio is resampled to it"
    )
    n_fft: PositiveInt = Field(2048, ge=2, description="samples of a Fourier transform")
    win_length: PositiveInt | None = Field(
        None,
        description="samples of the window, in the middle of the n_fft samples; default: n_fft",
    )
    hop_length: PositiveInt = Field(
        512, description="samples from one frame to the next"
    )
    window: Window = Field("hann", description="shape of the window, periodic")
    n_mels: PositiveInt = Field(128, description="mel bands")
    fmin_hz: NonNegativeFloat = Field(0.0, description="lower end of the lowest band")
    fmax_hz: PositiveFloat | None = Field(
        None, description="upper end of the highest band; default: sr_hz / 2"
    )
    mel_scale: MelScale = Field(
        "slaney", description="slaney: linear below 1 kHz; htk: logarithmic throughout"
    )
    norm: Literal["slaney"] | None = Field(
        "slaney", description="slaney: bands of area 1; null: peaks of height 1"
    )
    power: float = Field(
        2.0,
        ge=1,
        le=3,
        description="exponent of the magnitude: 2 for power, 1 for magnitude",
    )

    @model_validator(mode="after")
    def _fits(self) -> MelFeatureConfig:
        if self.span_samples > self.n_fft:
            raise ValueError(
                f"win_length {self.span_samples} is larger than n_fft {self.n_fft}, a frame's samples"
            )
        if not self.fmin_hz < self.top_hz <= self.sr_hz / 2:
            raise ValueError(
                f"bands from fmin_hz {self.fmin_hz:g} to fmax_hz {self.top_hz:g} do not lie between 0 and "
                f"{self.sr_hz / 2:g} Hz, half of sr_hz"
            )
        return self

    @property
    def span_samples(self) -> int:
        """Samples of the window."""
        return self.win_length or self.n_fft

    @property
    def top_hz(self) -> float:
        """Upper end of the highest band."""
        if self.fmax_hz is None:
            return self.sr_hz / 2
        return self.fmax_hz

    @property
    def hop_s(self) -> float:
        return self.hop_length / self.sr_hz

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_mels,)


class LogMelFeatureConfig(MelFeatureConfig):
    """Settings of the feature `logmel`; the defaults are librosa's but for the scale."""

    type: Literal["logmel"] = Field("logmel", description="name of this feature")
    scale: Literal["log", "db"] = Field(
        "log", description="log(1 + gain · x), or decibels (0 dB is 1)"
    )
    gain: PositiveFloat = Field(10000.0, description="gain of scale log")
    floor_db: float = Field(
        -100.0,
        ge=-200,
        le=0,
        description="decibels that no value falls below, of scale db",
    )

    @property
    def silence(self) -> float:
        if self.scale == "db":
            return self.floor_db
        return 0.0

    def compressed(self, mel: Tensor) -> Tensor:
        """What the feature holds of mel energies."""
        if self.scale == "log":
            return mel.mul(self.gain).log1p()
        return decibels(mel, self.power, self.floor_db)

    def energies(self, x: Tensor) -> Tensor:
        """Mel energies from what the feature holds: the inverse of `compressed`, but for its floor."""
        if self.scale == "log":
            # The inverse of y = log(1 + g x) is x = (e^y - 1) / g.
            return x.expm1().div(self.gain).clamp_min(0)
        return torch.pow(10.0, x * (self.power / 20))


class MelFeature(Feature):
    """Base of what begins with mel energies: T = 1 + N // hop_length, frame t is centred on sample t · hop_length.

    Source: Davis & Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition", 1980.
    Equals `librosa.feature.melspectrogram(pad_mode="constant")`.
    """

    config: MelFeatureConfig

    def __init__(self, config: MelFeatureConfig) -> None:
        super().__init__(config)
        # Each triangle ends at the peaks of its neighbours, so two more are needed at the ends.
        peaks_hz = mel_points_hz(
            config.fmin_hz, config.top_hz, config.n_mels + 2, config.mel_scale
        )
        triangles = mel_triangles(
            peaks_hz,
            config.n_fft // 2 + 1,
            config.sr_hz / config.n_fft,
            config.norm == "slaney",
        )
        self._peaks_hz = peaks_hz[1:-1]
        _warn_of_empty_bands(triangles, config)
        self.window: Tensor
        self.register_buffer(
            "window",
            padded_window(config.window, config.span_samples, config.n_fft),
            False,
        )
        self.filters: Tensor
        self.register_buffer("filters", triangles.T.contiguous(), persistent=False)

    def mel(self, wave: Tensor) -> Tensor:
        """(B, N) -> (B, n_mels, T) energies, the frames outermost in memory but for the batch."""
        check_wave(wave, self.config.type)
        refuse_empty(wave, self.config.type)
        frames = centred_frames(
            wave.to(self.window.dtype), self.config.n_fft, self.config.hop_length
        )
        # A few frames at a time, so that memory does not grow with the recording.
        step = max(1, FRAME_VALUES // (self.config.n_fft * len(wave)))
        parts = [
            self._bands(frames[:, i : i + step])
            for i in range(0, frames.shape[1], step)
        ]
        return (torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]).mT

    def _bands(self, frames: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(frames * self.window)

        # |X|² without a root that would only be squared again.
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        # The power is there already; any other exponent is taken from it.
        if self.config.power != 2:
            power = power.pow(self.config.power / 2)
        mel: Tensor = power @ self.filters
        return mel

    def n_frames(self, n_samples: int) -> int:
        return 1 + n_samples // self.config.hop_length

    @property
    def context_samples(self) -> int:
        """Samples on either side of a frame's centre that can change it, rounded up to whole hops."""
        hop = self.config.hop_length
        return -(-(self.config.n_fft // 2 + 1) // hop) * hop

    def mel_stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """`mel` of a waveform that comes in (B, n) chunks."""
        return stream_frames(
            self.mel,
            chunks,
            name=self.config.type,
            hop_length=self.config.hop_length,
            context_samples=self.context_samples,
            step_frames=STREAM_FRAMES,
        )

    def frequencies_hz(self) -> Tensor:
        """(n_mels,) the peaks of the bands."""
        return self._peaks_hz


def _warn_of_empty_bands(triangles: Tensor, config: MelFeatureConfig) -> None:
    """Warn of bands so narrow that no bin of the Fourier transform falls into them: they are silent for every sound."""
    n_empty = int((triangles.sum(dim=1) == 0).sum())
    if n_empty:
        message = (
            f"{n_empty} of the {config.n_mels} mel bands of the feature '{config.type}' are always 0: no bin of "
            f"n_fft {config.n_fft} falls into them; use a larger n_fft or fewer n_mels"
        )
        warnings.warn(message, UserWarning, stacklevel=1)


@register_feature("logmel")
class LogMelFeature(MelFeature):
    """(B, N) -> (B, n_mels, T): mel energies, compressed by log(1 + gain · x) or in decibels.

    Sources: `Mel`; Dieleman & Schrauwen, "End-to-end learning for music audio", ICASSP 2014 (log(1 + 10000 x)).
    """

    Config = LogMelFeatureConfig
    config: LogMelFeatureConfig

    def forward(self, wave: Tensor) -> Tensor:
        return self.config.compressed(self.mel(wave))

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        return map(self.config.compressed, self.mel_stream(chunks))


__getattr__ = old_names(__name__, "LogMel")
