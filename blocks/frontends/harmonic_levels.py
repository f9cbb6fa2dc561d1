"""What HarmonicSpectrum makes a spectrum of, read from a spectrum: levels of harmonics and of bands."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from ...features.mel_scale import mel_points_hz
from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import RateHz, Samples, Width
from .harmonic_spectrum import DDSP, octaves_to_bins, shares_of_bands
from .spectrogram import exactly


class HarmonicLevelsConfig(BlockConfig):
    """Fields of HarmonicLevels; the words are those of HarmonicSpectrum."""

    n_bins: int = from_axis("F")
    pitch_channels: int = from_axis(
        "D", "channels of the second input; the first of them is the pitch"
    )
    num_harmonics: Width = Field(description="harmonics whose levels are read")
    num_bands: Width = Field(ge=2, description="mel bands whose levels are read")
    n_fft: Samples = Field(1024, ge=16, description="samples of a Fourier transform")
    sr_hz: RateHz = Field(16000, description="sample rate of the waveform, in Hz")
    fmin_hz: PositiveFloat = Field(
        30.0,
        description="centre of the lowest band; the highest is at half the rate",
    )
    floor: PositiveFloat = Field(
        1e-2, description="added before the logarithm: what is much below it is silence"
    )

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return self.num_harmonics + self.num_bands


@register(
    "HarmonicLevels",
    shape="B 1 F T, B D S -> B {out_channels} T",
    source=DDSP,
    examples=[
        (
            [(2, 1, 33, 7), (2, 3, 3)],
            {"num_harmonics": 5, "num_bands": 4, "n_fft": 64, "sr_hz": 8000},
        )
    ],
)
class HarmonicLevels(Block):
    """Levels of the harmonics of a pitch and of mel bands, of magnitudes: the counterpart of HarmonicSpectrum.

    A spectrum moves with the pitch; these levels do not, so that a small encoder can read them. A harmonic's level is
    the greatest magnitude within a bin and a half of it; above half the rate it is that of silence.

    Shape:   (B, 1, n_fft // 2 + 1, T) magnitudes, and (B, D, S) whose first channel is the pitch in octaves above 440
             Hz, interpolated to T frames -> (B, num_harmonics + num_bands, T) in nepers
    Source:  Engel et al., "DDSP: Differentiable Digital Signal Processing", ICLR 2020, section 3, the other way round
    """

    Config = HarmonicLevelsConfig

    def __init__(self, config: HarmonicLevelsConfig) -> None:
        super().__init__()
        self.floor = config.floor
        self.bin_hz = config.sr_hz / config.n_fft
        self.n_bins = config.n_bins
        numbers = torch.arange(1, config.num_harmonics + 1)[:, None].float()
        self.numbers: Tensor
        self.register_buffer("numbers", numbers, persistent=False)
        centres = mel_points_hz(config.fmin_hz, config.sr_hz / 2, config.num_bands)
        shares = shares_of_bands(centres, config.n_bins, self.bin_hz)
        # A band's level is a mean over its bins, however many they are.
        shares = shares / shares.sum(0).clamp_min(1e-9)
        self.shares: Tensor
        self.register_buffer("shares", shares, persistent=False)

    def forward(self, x: Tensor, pitch: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            levels = torch.log(x[:, 0].to(exact).abs() + self.floor)
            bands = torch.einsum("fm,bft->bmt", self.shares.to(exact), levels)
            f0_bins = octaves_to_bins(pitch[:, :1].to(exact), x.shape[3], self.bin_hz)
            harmonics = self.harmonics(levels, f0_bins)
        return torch.cat((harmonics, bands), dim=1).to(x.dtype)

    def harmonics(self, levels: Tensor, f0_bins: Tensor) -> Tensor:
        """(B, F, T) and (B, 1, T) -> (B, H, T)."""
        places = self.numbers.to(levels.dtype) * f0_bins
        last = self.n_bins - 1
        # The peak of a partial lies in the bin beside its frequency, or in a neighbour of that one.
        nearest = places.round().clamp(0, last).long()
        around = [(nearest + step).clamp(0, last) for step in (-1, 0, 1)]
        peaks = torch.stack([levels.gather(1, place) for place in around]).amax(0)
        silence = torch.full_like(peaks, self.floor).log()
        return torch.where(places <= last, peaks, silence)
