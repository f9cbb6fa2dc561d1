"""How fast the level of each band goes up and down: the modulation spectrum."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ...features.fourier import padded_window
from ...registry import Block, BlockConfig, register
from ..bounds import Samples


class ModulationSpectrumConfig(BlockConfig):
    """Settings of ModulationSpectrum."""

    n_fft: Samples = Field(
        128, ge=2, description="frames of a Fourier transform; n_fft // 2 + 1 rates"
    )
    hop_length: Samples = Field(32, description="frames between these transforms")

    @property
    def n_rates(self) -> int:
        """Modulation frequencies from 0 to half the frame rate."""
        return self.n_fft // 2 + 1


@register(
    "ModulationSpectrum",
    shape="B C F T -> B C F {n_rates}",
    source="Sukittanon, Atlas & Pitton, IEEE TSP 2004",
    examples=[
        ((2, 1, 4, 40), {"n_fft": 16, "hop_length": 8}),
        ((2, 3, 5, 11), {"n_fft": 7, "hop_length": 3}),
    ],
)
class ModulationSpectrum(Block):
    """Power of each band's ups and downs by their rate: rotors, engines and clocks have peaks, rain has none.

    Frames of n_fft values are taken without their mean, under a Hann window, and their powers averaged (Welch), so
    that the size does not depend on T. Rate m is m / n_fft of the frame rate. Powers are divided by the sum of the
    squared window: white noise of variance 1 has power 1.

    Shape:   (B, C, F, T) -> (B, C, F, n_fft // 2 + 1); T is n_fft or more
    Source:  Sukittanon, Atlas & Pitton, "Modulation-Scale Analysis for Content Identification", IEEE Transactions on
             Signal Processing 52(10), 2004, section II; there subbands are magnitudes and rates are scales.
             Welch, "The Use of Fast Fourier Transform for the Estimation of Power Spectra", 1967.
    """

    Config = ModulationSpectrumConfig
    sees_all_frames = True

    def __init__(self, config: ModulationSpectrumConfig) -> None:
        super().__init__()
        self.n_fft = config.n_fft
        self.hop_length = config.hop_length
        window = padded_window("hann", config.n_fft, config.n_fft)
        self.window: Tensor
        self.register_buffer("window", window / window.norm(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        # There is no Fourier transform in bfloat16.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        frames = wide.unfold(-1, self.n_fft, self.hop_length)

        # Without the mean, whose side lobes would hide slow rates.
        frames = frames - frames.mean(-1, keepdim=True)
        spectrum = torch.fft.rfft(frames * self.window.to(wide))
        power = spectrum.real.square() + spectrum.imag.square()
        y: Tensor = power.mean(-2).to(x.dtype)
        return y
