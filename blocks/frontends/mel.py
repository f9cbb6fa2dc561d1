"""The log-mel spectrogram as a block."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    model_validator,
)
from torch import Tensor

from ...features.mel_scale import MelScale, decibels, mel_points_hz, mel_triangles
from ...registry import register
from ..bounds import RateHz, Width
from .spectrogram import Frames, FramesConfig, as_real, exactly

FLOOR_DB = -100.0  # below this a value in dB does not fall further


class MelBandsConfig(FramesConfig):
    """Fields of LogMel."""

    sr_hz: RateHz = Field(22050, description="sample rate of the waveform, in Hz")
    n_mels: Width = Field(128, description="mel bands")
    fmin_hz: NonNegativeFloat = Field(
        0.0, description="lower end of the lowest band, in Hz"
    )
    fmax_hz: PositiveFloat | None = Field(
        None, description="upper end of the highest band, in Hz; default: sr_hz / 2"
    )
    mel_scale: MelScale = Field(
        "slaney",
        description="'slaney': linear below 1 kHz; 'htk': logarithmic throughout",
    )
    norm: Literal["slaney"] | None = Field(
        "slaney", description="'slaney': bands of area 1; null: peaks of height 1"
    )
    power: float = Field(
        2.0, ge=1, description="exponent of the magnitude: 2 for power, 1 for magnitude"
    )
    scale: Literal["log", "db", "linear"] = Field(
        "log", description="log(1 + gain · x), decibels, or x itself"
    )
    gain: PositiveFloat = Field(10000.0, description="gain of scale 'log'")
    top_db: PositiveFloat | None = Field(
        80.0, description="decibels below an item's peak that are kept; null: all"
    )

    @model_validator(mode="after")
    def _bands_fit(self) -> MelBandsConfig:
        if not self.fmin_hz < self.top_hz <= self.sr_hz / 2:
            raise ValueError(
                f"bands from fmin_hz {self.fmin_hz:g} to fmax_hz {self.top_hz:g} do not lie between 0 and "
                f"{self.sr_hz / 2:g} Hz, half of sr_hz"
            )
        return self

    @property
    def top_hz(self) -> float:
        """Upper end of the highest band."""
        if self.fmax_hz is None:
            return self.sr_hz / 2
        return self.fmax_hz


def mel_filters(config: MelBandsConfig) -> Tensor:
    """(n_mels, n_bins) triangles over the Fourier bins."""
    peaks_hz = mel_points_hz(
        config.fmin_hz, config.top_hz, config.n_mels + 2, config.mel_scale
    )
    return mel_triangles(
        peaks_hz, config.n_bins, config.sr_hz / config.n_fft, config.norm == "slaney"
    )


def _checked_filters(config: MelBandsConfig) -> Tensor:
    """The filters where they are wanted, with a warning of bands that are 0 whatever the sound is."""
    with torch.device("cpu"):  # on the meta device there is nothing to count
        filters = mel_filters(config)
    # At low frequencies mel bands are narrower than the bins of a short transform.
    n_empty = int((filters == 0).all(dim=1).sum())
    if n_empty:
        message = (
            f"LogMel: {n_empty} of {config.n_mels} mel bands hold no Fourier bin and are always 0: "
            "use a larger n_fft or fewer n_mels"
        )
        warnings.warn(message, stacklevel=4)
    return filters.to(torch.get_default_device())


@register(
    "LogMel",
    shape="B C T -> B C {n_mels} T'",
    source="Davis & Mermelstein, IEEE ASSP 1980",
    examples=[
        ((2, 1, 300), {"n_fft": 128, "hop_length": 40, "n_mels": 6, "sr_hz": 8000}),
        (
            (2, 2, 200),
            {
                "n_fft": 64,
                "win_length": 50,
                "n_mels": 5,
                "sr_hz": 8000,
                "scale": "db",
                "mel_scale": "htk",
            },
        ),
    ],
)
class LogMel(Frames):
    """Mel spectrogram of each channel, compressed.

    Shape:   (B, C, N) -> (B, C, n_mels, T), T = 1 + N // hop_length if center and n_fft is even
    Source:  Davis & Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition", 1980:
             triangular bands, equally spaced on the mel scale (Slaney's, "Auditory Toolbox", 1998, or HTK's). The
             defaults are librosa's but for scale: log(1 + 10000 x) (Dieleman & Schrauwen, "End-to-end learning for
             music audio", ICASSP 2014). Decibels refer to 1, not to the peak. A band narrower than a Fourier bin may
             hold none and always be 0, which a warning reports: then take a larger n_fft or fewer n_mels.
    """

    Config = MelBandsConfig

    def __init__(self, config: MelBandsConfig) -> None:
        super().__init__(config)
        self.power = config.power
        self.scale = config.scale
        self.gain = config.gain
        self.top_db = config.top_db
        # The dynamic range hangs on the item's peak, wherever that is.
        self.sees_all_frames = config.scale == "db" and config.top_db is not None
        self.filters: Tensor
        self.register_buffer("filters", _checked_filters(config), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = self.spectrum(x)
        if self.power == 2:
            # Straight from real and imaginary parts: a root and a square less, and no gradient through a root at 0.
            energy = as_real(spectrum, "power")
        else:
            energy = as_real(spectrum, "magnitude") ** self.power
        with exactly(x):
            return self._compress(self.filters.to(energy.dtype) @ energy).to(x.dtype)

    def _compress(self, mel: Tensor) -> Tensor:
        if self.scale == "linear":
            return mel
        if self.scale == "log":
            # log(1 + γ x), which is 0 for silence.
            return torch.log1p(self.gain * mel)
        in_db = decibels(mel, self.power, FLOOR_DB)
        if self.top_db is None:
            return in_db
        # Each item has its own peak, so that what shares its batch does not change it.
        peak_db = in_db.amax(dim=(1, 2, 3), keepdim=True)
        return torch.maximum(in_db, peak_db - self.top_db)
