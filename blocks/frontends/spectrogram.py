"""The short-time Fourier transform and its inverse, as blocks."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from ...features.fourier import Window, padded_window
from ...registry import STORED, Block, BlockConfig, from_axis, register
from ..bounds import Samples

DOCS = "https://docs.pytorch.org/docs/stable/generated/torch.stft.html"


def exactly(x: Tensor) -> AbstractContextManager[object]:
    """No autocast inside: bfloat16 has 8 bits, 48 dB, and spectra need more. The meta device knows no autocast."""
    if x.is_meta:
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)


class WindowConfig(BlockConfig):
    """Frames and their window; torch.stft's names."""

    n_fft: Samples = Field(
        2048, ge=2, description="samples of a Fourier transform; n_fft // 2 + 1 bins"
    )
    hop_length: Samples | None = Field(
        None, description="samples between frames; default: a quarter of win_length"
    )
    win_length: Samples | None = Field(
        None, description="samples of the window; default: n_fft"
    )
    window: Window = Field(
        "hann",
        description="shape of the window, periodic, in the middle of the n_fft samples",
    )
    normalized: bool = Field(
        False, description="whether the transform is divided by the root of n_fft"
    )

    @model_validator(mode="after")
    def _window_fits(self) -> WindowConfig:
        if self.span > self.n_fft:
            raise ValueError(
                f"win_length {self.span} is larger than n_fft {self.n_fft}; a frame has n_fft samples"
            )
        return self

    @property
    def span(self) -> int:
        """Samples of the window."""
        return self.win_length or self.n_fft

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return self.hop_length or max(1, self.span // 4)

    @property
    def n_bins(self) -> int:
        """Frequencies from 0 to half the sample rate."""
        return self.n_fft // 2 + 1

    def padded_window(self) -> Tensor:
        """(n_fft,) the window with zeros around it, and the factor of `normalized`."""
        window = padded_window(self.window, self.span, self.n_fft)
        # The factor is put into the window once, instead of into every frame.
        if self.normalized:
            return window / math.sqrt(self.n_fft)
        return window


class FramesConfig(WindowConfig):
    """How a waveform is cut into frames."""

    center: bool = Field(
        True,
        description="whether frame t is centred on sample t · hop_length; else it starts there",
    )
    pad_mode: Literal["constant", "reflect", "replicate"] = Field(
        "constant",
        description="what lies outside the waveform, if center: silence, its mirror, its last value",
    )


class Frames(Block):
    """What the transforms share: the window, and the spectrum of each frame. `kernel_size`, `stride` and `lead`, the
    samples a frame spans, those between frames, and those before the first one, are what the receptive field is
    computed from.
    """

    def __init__(self, config: FramesConfig) -> None:
        super().__init__()
        self.kernel_size = config.n_fft
        self.stride = config.hop
        self.center = config.center
        self.lead = config.n_fft // 2 if config.center else 0
        self.pad_mode = config.pad_mode
        self.window: Tensor
        self.register_buffer("window", config.padded_window(), persistent=False)

    def spectrum(self, x: Tensor) -> Tensor:
        """(B, C, N) -> complex (B, C, F, T), in float32 at least: there is no Fourier transform in bfloat16."""
        exact = torch.promote_types(x.dtype, torch.float32)
        if self.center:
            x = functional.pad(x, (self.lead, self.lead), mode=self.pad_mode)

        # Frames as a view: nothing is copied before the window is applied.
        frames = x.to(exact).unfold(2, self.kernel_size, self.stride)
        spectrum: Tensor = torch.fft.rfft(frames * self.window.to(exact)).mT
        return spectrum


@register(
    "STFT",
    shape="B C T -> B {out_channels} {n_bins} T'",
    source=DOCS,
    examples=[
        ((2, 1, 50), {"n_fft": 16, "hop_length": 5}),
        (
            (2, 2, 50),
            {"n_fft": 15, "win_length": 10, "window": "hamming", "output": "magnitude"},
        ),
        (
            (2, 2, 50),
            {"n_fft": 16, "pad_mode": "reflect", "normalized": True, "output": "power"},
        ),
    ],
)
class STFT(Frames):
    """Short-time Fourier transform of each channel.

    Shape:   (B, C, N) -> (B, 2 C, n_fft // 2 + 1, T) with output 'complex': real parts of all channels, then imaginary
             parts; (B, C, n_fft // 2 + 1, T) else. T = 1 + N // hop_length if center and n_fft is even.
    Source:  Allen & Rabiner, "A Unified Approach to Short-Time Fourier Analysis and Synthesis", Proc. IEEE 1977, with
             the conventions of torch.stft. Outside the waveform there is silence (torch mirrors: pad_mode 'reflect').
    """

    class Config(FramesConfig):
        in_channels: int = from_axis("C")
        output: Literal["complex", "magnitude", "power"] = Field(
            "complex",
            description="real and imaginary parts as channels, their magnitude, or its square",
        )

        @property
        def out_channels(self) -> int:
            """Channels of the output: two for each if complex."""
            return self.in_channels * (2 if self.output == "complex" else 1)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.output = config.output

    def forward(self, x: Tensor) -> Tensor:
        return as_real(self.spectrum(x), self.output).to(x.dtype)


def as_real(
    spectrum: Tensor, output: Literal["complex", "magnitude", "power"]
) -> Tensor:
    """(B, C, ...) complex -> (B, 2 C, ...) real and imaginary parts, or (B, C, ...) magnitude or power."""
    if output == "complex":
        return torch.cat([spectrum.real, spectrum.imag], dim=1)
    if output == "magnitude":
        return spectrum.abs()
    return spectrum.real.square() + spectrum.imag.square()


@register(
    "ISTFT",
    shape="B C*2 {n_bins} T, [B ...'] -> B C T'",
    source=DOCS,
    examples=[
        ((2, 2, 9, 7), {"n_fft": 16}),
        (
            (2, 4, 8, 7),
            {"n_fft": 15, "hop_length": 3, "win_length": 9, "normalized": True},
        ),
        ([(2, 2, 9, 7), (2, 1, 27)], {"n_fft": 16, "size_of": "y"}),
    ],
)
class ISTFT(Block):
    """Inverse of STFT with output 'complex' and center: the waveform whose transform is nearest, by least squares.

    Shape:   (B, 2 C, n_fft // 2 + 1, T) -> (B, C, N); N = (T - 1) hop_length, and 1 more if n_fft is odd: what the
             waveform had beyond that is lost. With `size_of`, the waveform that STFT took, N is exactly its length.
    Source:  Griffin & Lim, "Signal Estimation from Modified Short-Time Fourier Transform", IEEE ASSP 1984, eq. 6, with
             the conventions of torch.istft
    """

    class Config(WindowConfig):
        size_of: str | None = Field(
            None,
            description="the stored tensor or input whose length the waveform gets; default: that of the frames",
            json_schema_extra=STORED,
        )

        @model_validator(mode="after")
        def _frames_overlap(self) -> ISTFT.Config:
            if self.hop > self.span:
                raise ValueError(
                    f"hop_length {self.hop} is larger than the window, {self.span}: samples would be lost"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_fft = config.n_fft
        self.hop = config.hop
        self.window: Tensor
        self.register_buffer("window", config.padded_window(), persistent=False)

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        window = self.window.to(exact)
        # The first half of the channels are real parts, the second imaginary ones.
        spectrum = torch.complex(*x.to(exact).chunk(2, dim=1)).flatten(0, 1)
        # The window once more: with it, overlap-add is the least-squares estimate.
        frames = torch.fft.irfft(spectrum, n=self.n_fft, dim=1) * window[:, None]
        weights = window.square()[None, :, None].expand(1, -1, x.shape[3])
        # eq. 6: windowed frames overlapped, over the overlapped squares of the window.
        total = self._overlap(weights).clamp_min(torch.finfo(exact).tiny)
        wave = self._overlap(frames) / total

        # The padding that STFT put around the waveform is taken away again. The last frame reaches beyond its middle,
        # so the samples behind that are there too, up to the length that is asked for.
        half = self.n_fft // 2
        if like is None:
            inner = wave[:, half : wave.shape[1] - half]
        else:
            n_samples = like.shape[-1]
            missing = max(0, half + n_samples - wave.shape[1])
            inner = functional.pad(wave, (0, missing))[:, half : half + n_samples]
        return inner.reshape(x.shape[0], x.shape[1] // 2, -1).to(x.dtype)

    def _overlap(self, frames: Tensor) -> Tensor:
        """(B, n_fft, T) -> (B, n_fft + (T - 1) hop): frames added where they lie."""
        samples = self.n_fft + (frames.shape[2] - 1) * self.hop
        # fold sums overlapping blocks of images; a waveform is an image of one row.
        added: Tensor = functional.fold(
            frames, (1, samples), (1, self.n_fft), stride=(1, self.hop)
        )
        return added[:, 0, 0]
