"""A waveform from magnitudes alone: what decoders of spectra end in."""

from __future__ import annotations

import math

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ...registry import Block, from_axis, register
from ..bounds import Layers
from .spectrogram import ISTFT, STFT, WindowConfig, exactly

SEED = 0  # of the phases in which partials begin
MOMENTUM = 0.99  # of the fast Griffin-Lim algorithm


@register(
    "SpectrogramInversion",
    shape="B C {n_bins} T -> B C T'",
    source="Beauregard et al., ISSPIT 2015",
    examples=[
        ((2, 1, 9, 7), {"n_fft": 16, "n_iter": 2}),
        ((1, 2, 17, 5), {"n_fft": 32, "hop_length": 8, "win_length": 24}),
    ],
)
class SpectrogramInversion(Block):
    """The waveform of a magnitude spectrogram: each peak becomes a partial whose phase goes on at the peak's frequency.

    Shape:   (B, C, n_fft // 2 + 1, T) -> (B, C, (T - 1) hop_length): STFT's with output 'magnitude' and center
    Source:  Beauregard, Harish & Wyse, "Single Pass Spectrogram Inversion", ISSPIT 2015; `n_iter`: Perraudin, Balazs &
             Søndergaard, "A Fast Griffin-Lim Algorithm", WASPAA 2013, α = 0.99. Bins belong to the nearest peak, where
             the paper cuts at the valleys; partials begin in phases that differ from bin to bin and never change, where
             the paper begins at 0. Gradients go through the magnitudes; phases are constants to them.
    """

    class Config(WindowConfig):
        in_channels: int = from_axis("C")
        n_iter: Layers | None = Field(
            None,
            description="iterations of Griffin-Lim that refine the phases in eval(); default: none, as in training",
        )

        @model_validator(mode="after")
        def _frames_overlap(self) -> SpectrogramInversion.Config:
            if self.hop > self.span:
                raise ValueError(
                    f"hop_length {self.hop} is larger than the window, {self.span}: samples would be lost"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_iter = config.n_iter or 0
        # In radians per bin: how far a partial in the middle of bin 1 turns from one frame to the next.
        self.turn = 2 * math.pi * config.hop / config.n_fft
        shared = config.model_dump(exclude={"in_channels", "n_iter"})
        self.inverse = ISTFT(ISTFT.Config(**shared))
        self.transform = STFT(STFT.Config(in_channels=1, **shared))

        # Phases that begin alike would begin with a click.
        drawn = torch.Generator().manual_seed(SEED)
        first = 2 * math.pi * torch.rand(config.n_bins, generator=drawn)
        self.first: Tensor
        self.register_buffer("first", first, persistent=False)
        # A window centred on its frame gives neighbouring bins of a partial opposite signs.
        signs = 1 - 2 * (torch.arange(config.n_bins) % 2)
        self.signs: Tensor
        self.register_buffer("signs", signs.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels = x.shape[:2]
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            magnitudes = x.to(exact).flatten(0, 1)
            unit = self.unit_spectrum(magnitudes.detach())
            wave = self.synthesized(magnitudes, unit)
        return wave.reshape(batch, channels, -1).to(x.dtype)

    @torch.no_grad()
    def unit_spectrum(self, magnitudes: Tensor) -> Tensor:
        """exp(iφ) of magnitudes (B, F, T): the phases that a waveform with these magnitudes may have."""
        phases = self.phases(magnitudes)
        unit = torch.polar(torch.ones_like(phases), phases) * self.signs[:, None]
        # On the meta device only sizes count: iterations leave them as they are, and took half of a codec's loading.
        if self.training or magnitudes.is_meta:
            return unit
        before = torch.zeros_like(unit)
        for _ in range(self.n_iter):
            # Magnitudes as wanted, phases as a real waveform has them, over and over; with momentum it goes faster.
            consistent = self._spectrum(self.synthesized(magnitudes, unit))
            ahead = consistent + MOMENTUM * (consistent - before)
            unit = ahead / ahead.abs().clamp_min(1e-8)
            before = consistent
        return unit

    def phases(self, magnitudes: Tensor) -> Tensor:
        """Phases at the middle of each frame, of magnitudes (B, F, T)."""
        # On the meta device only sizes count, and frames one after another would take seconds.
        if magnitudes.is_meta:
            return torch.empty_like(magnitudes)
        frequencies, nearest = peaks(magnitudes)
        advance = self.turn * frequencies.gather(1, nearest)
        phase = self.first.to(magnitudes).expand(magnitudes.shape[0], -1)
        frames = []
        for frame in range(magnitudes.shape[2]):
            # A bin takes over the phase that its partial had, wherever it was, and turns at the partial's frequency.
            phase = phase.gather(1, nearest[:, :, frame]) + advance[:, :, frame]
            phase = torch.remainder(phase, 2 * math.pi)
            frames.append(phase)
        return torch.stack(frames, dim=2)

    def synthesized(self, magnitudes: Tensor, unit: Tensor) -> Tensor:
        """(B, F, T) and unit spectra -> (B, N)."""
        parts = torch.stack((magnitudes * unit.real, magnitudes * unit.imag), dim=1)
        wave: Tensor = self.inverse(parts)
        return wave[:, 0]

    def _spectrum(self, waves: Tensor) -> Tensor:
        """(B, N) -> complex (B, F, T)."""
        return self.transform.spectrum(waves[:, None])[:, 0]


def peaks(magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """The partials of magnitudes (B, F, T): the frequency of each peak, in bins, and the nearest peak of each bin."""
    n_bins = magnitudes.shape[1]
    tiny = torch.finfo(magnitudes.dtype).tiny
    bins = torch.arange(n_bins, device=magnitudes.device)[:, None]
    levels = magnitudes.clamp_min(tiny).log()
    below, here, above = levels[:, :-2], levels[:, 1:-1], levels[:, 2:]

    # A parabola through three logarithms: its top is the partial's frequency.
    is_peak = torch.zeros_like(levels, dtype=torch.bool)
    is_peak[:, 1:-1] = (here > below) & (here >= above)
    curvature = (below - 2 * here + above).clamp_max(-1e-6)
    offsets = torch.zeros_like(levels)
    offsets[:, 1:-1] = ((below - above) / (2 * curvature)).clamp(-0.5, 0.5)
    frequencies = bins + offsets

    # The nearest peak on either side; where there is none, a number far outside.
    outside = 2 * n_bins
    lower = torch.where(is_peak, bins, -outside).cummax(dim=1).values
    upper = torch.where(is_peak, bins, outside).flip(1).cummin(dim=1).values.flip(1)
    nearest = torch.where(bins - lower <= upper - bins, lower, upper)
    has_peak = (nearest >= 0) & (nearest < n_bins)
    return frequencies, torch.where(has_peak, nearest, bins)
