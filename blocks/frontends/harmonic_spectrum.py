"""The magnitudes of a pitched sound: harmonics of one pitch, and noise in bands."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor
from torch.nn import functional

from ...features.mel_scale import mel_points_hz
from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import RateHz, Samples, Width
from .spectrogram import exactly

A4_HZ = 440.0
DDSP = "arXiv:2001.04643"
LOUDEST = 8.0  # nepers; greater levels count as this one, so that nothing overflows


class HarmonicSpectrumConfig(BlockConfig):
    """Fields of HarmonicSpectrum."""

    in_channels: int = from_axis("C")
    pitch_channels: int = from_axis(
        "D", "channels of the second input; the first of them is the pitch"
    )
    num_harmonics: Width = Field(description="channels that are levels of harmonics")
    n_fft: Samples = Field(1024, ge=16, description="samples of a Fourier transform")
    sr_hz: RateHz = Field(16000, description="sample rate of the waveform, in Hz")
    fmin_hz: PositiveFloat = Field(
        30.0,
        description="centre of the lowest band of noise; the highest is at half the rate",
    )

    @property
    def n_bins(self) -> int:
        """Frequencies from 0 to half the sample rate."""
        return self.n_fft // 2 + 1

    @property
    def n_bands(self) -> int:
        """Channels that are levels of noise."""
        return self.in_channels - self.num_harmonics

    @model_validator(mode="after")
    def _some_bands(self) -> HarmonicSpectrumConfig:
        if self.in_channels > 0 and self.n_bands < 2:
            raise ValueError(
                f"{self.in_channels} channels without {self.num_harmonics} harmonics leave less than 2 bands of noise"
            )
        return self


@register(
    "HarmonicSpectrum",
    shape="B C T, B D S -> B 1 {n_bins} T",
    source=DDSP,
    examples=[
        (
            [(2, 9, 7), (2, 3, 3)],
            {"in_channels": 9, "num_harmonics": 5, "n_fft": 64, "sr_hz": 8000},
        )
    ],
)
class HarmonicSpectrum(Block):
    """Magnitudes of harmonics of one pitch, each as wide as a Hann window makes a partial, and of noise in mel bands.

    Shape:   (B, num_harmonics + bands, T) levels in nepers, and (B, D, S) whose first channel is the pitch in octaves
             above 440 Hz, interpolated to T frames -> (B, 1, n_fft // 2 + 1, T), for SpectrogramInversion
    Source:  Engel et al., "DDSP: Differentiable Digital Signal Processing", ICLR 2020, section 3 (harmonics plus
             filtered noise); in spectra as Rodet & Depalle, "Spectral Envelopes and Inverse FFT Synthesis", AES 1992.
             Every bin holds its nearest harmonic only; harmonics above half the rate are left out.
    """

    Config = HarmonicSpectrumConfig

    def __init__(self, config: HarmonicSpectrumConfig) -> None:
        super().__init__()
        self.num_harmonics = config.num_harmonics
        self.bin_hz = config.sr_hz / config.n_fft
        self.highest_hz = config.sr_hz / 2
        self.n_bins = config.n_bins
        # Between the centres of two bands the level goes over from one to the other.
        centres = mel_points_hz(
            config.fmin_hz, config.sr_hz / 2, max(config.n_bands, 2)
        )
        self.blend: Tensor
        self.register_buffer(
            "blend",
            shares_of_bands(centres, config.n_bins, self.bin_hz),
            persistent=False,
        )

    def forward(self, x: Tensor, pitch: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            levels = x.to(exact).clamp_max(LOUDEST)
            f0_bins = octaves_to_bins(pitch[:, :1].to(exact), x.shape[2], self.bin_hz)
            harmonics = self.harmonics(levels[:, : self.num_harmonics], f0_bins)
            bands = levels[:, self.num_harmonics :]
            noise = torch.einsum("fm,bmt->bft", self.blend.to(exact), bands).exp()
        return (harmonics + noise)[:, None].to(x.dtype)

    def harmonics(self, levels: Tensor, f0_bins: Tensor) -> Tensor:
        """(B, H, T) levels and (B, 1, T) pitches in bins -> (B, F, T)."""
        bins = torch.arange(self.n_bins, device=levels.device, dtype=levels.dtype)
        bins = bins[:, None]
        number = (bins / f0_bins).round().clamp(1, self.num_harmonics)
        # NaN cannot be an index. The distance keeps it, so that the result is NaN too.
        place = number.nan_to_num(nan=1.0).long() - 1
        amplitudes = levels.exp().gather(1, place)
        # A harmonic above half the rate would come back below it, at a wrong pitch.
        beyond = number * f0_bins * self.bin_hz >= self.highest_hz
        distance = bins - number * f0_bins
        return torch.where(
            beyond, torch.zeros_like(amplitudes), amplitudes * lobe(distance)
        )


def octaves_to_bins(octaves: Tensor, frames: int, bin_hz: float) -> Tensor:
    """Octaves above 440 Hz (B, 1, S), interpolated to so many frames, as numbers of bins (B, 1, frames)."""
    octaves = functional.interpolate(
        octaves, size=frames, mode="linear", align_corners=False
    )
    # Pitches out of any range would overflow; none of them is heard.
    return A4_HZ / bin_hz * torch.exp2(octaves.clamp(-6.0, 6.0))


def lobe(distance: Tensor) -> Tensor:
    """The spectrum of a Hann window at a distance of so many bins from a partial, 1 at 0, 0 from 2 on.

    sinc(d) / (1 - d²), its main lobe.
    """
    d = distance.abs().clamp_max(2.0)
    # At d = 1 both parts go to 0; their ratio is a half there.
    near_one = (d - 1).abs() < 1e-3
    safe = torch.where(near_one, torch.full_like(d, 0.5), d)
    value = torch.sinc(safe) / (1 - safe.square())
    return torch.where(near_one, 0.5 - 0.75 * (d - 1), value).clamp_min(0.0)


def shares_of_bands(centres_hz: Tensor, n_bins: int, bin_hz: float) -> Tensor:
    """(bins, bands): how much of each band's level a bin has, rows that add up to 1."""
    centres = centres_hz / bin_hz
    bins = torch.arange(n_bins, dtype=torch.float64).clamp(centres[0], centres[-1])
    upper = torch.searchsorted(centres, bins).clamp(1, len(centres) - 1)
    lower = upper - 1
    share = (bins - centres[lower]) / (centres[upper] - centres[lower])
    blend = torch.zeros(n_bins, len(centres), dtype=torch.float64)
    rows = torch.arange(n_bins)
    blend[rows, lower] = 1 - share
    blend[rows, upper] += share
    return blend.to(torch.get_default_dtype())
