"""The pitch of a single note over time."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor
from torch.nn import functional

from ...registry import Block, BlockConfig, register
from ..bounds import RateHz, Samples
from .spectrogram import exactly

A4_HZ = 440.0
DIP = 0.15  # of YIN's normalized difference: the first dip below it is the period
NEAR = 1 / 12  # octaves around the pitch of the note within which frames are believed
MOST_PERIODS = 16  # after which the period is measured again
SILENCE = 1e-8  # mean square of a frame that has no pitch


class NotePitchConfig(BlockConfig):
    """Fields of NotePitch."""

    sr_hz: RateHz = Field(16000, description="sample rate of the waveform, in Hz")
    hop_length: Samples = Field(512, description="samples from one frame to the next")
    frame_length: Samples = Field(
        1024, description="samples that are compared with those a period later"
    )
    fmin_hz: PositiveFloat = Field(30.0, description="the lowest pitch, in Hz")
    fmax_hz: PositiveFloat = Field(3000.0, description="the highest pitch, in Hz")

    @property
    def longest(self) -> int:
        """The longest period in samples."""
        return math.ceil(self.sr_hz / self.fmin_hz) + 1

    @property
    def shortest(self) -> int:
        """The shortest period in samples."""
        return max(2, math.floor(self.sr_hz / self.fmax_hz))

    @model_validator(mode="after")
    def _some_periods(self) -> NotePitchConfig:
        if self.shortest + 2 > self.longest:
            raise ValueError(
                f"no period lies between fmax_hz {self.fmax_hz:g} and fmin_hz {self.fmin_hz:g} at {self.sr_hz} Hz"
            )
        return self


@register(
    "NotePitch",
    shape="B 1 T -> B 1 T'",
    source="de Cheveigné & Kawahara, JASA 2002",
    examples=[
        (
            (2, 1, 256),
            {
                "sr_hz": 2000,
                "hop_length": 64,
                "frame_length": 128,
                "fmin_hz": 50.0,
                "fmax_hz": 500.0,
            },
        )
    ],
)
class NotePitch(Block):
    """The pitch of a waveform that holds one note, in octaves above 440 Hz, for every `hop_length` samples.

    Frames that are silent, or more than a semitone off the note's pitch, have the note's pitch: the median over frames,
    weighted by energy. Without any sound it is 0. No gradient goes through.

    Shape:   (B, 1, N) -> (B, 1, N // hop_length); frame t is in the middle of its hop_length samples
    Source:  de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 2002, steps 1
             to 5; the threshold is .15.
    """

    Config = NotePitchConfig

    def __init__(self, config: NotePitchConfig) -> None:
        super().__init__()
        self.config = config
        self.kernel_size = config.frame_length + config.longest
        self.stride = config.hop_length

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            frames = self._frames(x[:, 0].to(exact))
            octaves = self._octaves(frames)
            energy = frames.square().mean(-1)
            pitch = steadied(octaves, energy)
        return pitch[:, None].to(x.dtype)

    def _frames(self, x: Tensor) -> Tensor:
        """(B, N) -> (B, T, frame_length + longest), each in the middle of its hop."""
        c = self.config
        count = x.shape[1] // c.hop_length
        before = max((self.kernel_size - c.hop_length) // 2, 0)
        missing = (count - 1) * c.hop_length + self.kernel_size - before - x.shape[1]
        padded = functional.pad(x, (before, max(missing, 0)))
        return padded.unfold(1, self.kernel_size, c.hop_length)[:, :count]

    def _octaves(self, frames: Tensor) -> Tensor:
        """The pitch of each frame, (B, T)."""
        c = self.config
        normalized = self._difference(frames)

        # Step 4: from the first dip that is deep enough go down to its bottom; where none is, take the deepest.
        searched = normalized[..., c.shortest : -1]
        deep = searched < DIP
        rises = normalized[..., c.shortest + 1 :] >= searched
        begun = deep.cumsum(-1) > 0
        bottom = (begun & rises).to(torch.uint8).argmax(-1)
        deepest = searched.argmin(-1)
        lag = c.shortest + torch.where(deep.any(-1), bottom, deepest)

        # Step 5: the bottom of a parabola through three lags; then of one some periods later, which tells the period
        # as many times more precisely.
        period = lag + bottom_near(normalized, lag)
        times = torch.floor((c.longest - 1) / period).clamp(1, MOST_PERIODS)
        later = (times * period).round().long().clamp(1, c.longest - 1)
        period = (later + bottom_near(normalized, later)) / times
        return torch.log2(c.sr_hz / A4_HZ / period)

    def _difference(self, frames: Tensor) -> Tensor:
        """YIN's normalized difference at lags 0 ... longest: (..., longest + 1)."""
        c = self.config
        size = c.frame_length
        # A power of two is quick; what wraps around only reaches lags that are not looked at.
        n_fft = 1 << (self.kernel_size - 1).bit_length()
        # Step 2: the energy of a frame minus itself a lag later: two energies, less twice their product (by FFT).
        first = torch.fft.rfft(frames[..., :size], n_fft)
        product = torch.fft.irfft(torch.fft.rfft(frames, n_fft) * first.conj(), n_fft)
        energy = functional.pad(frames.square().cumsum(-1), (1, 0))
        later = energy[..., size:] - energy[..., : c.longest + 1]
        difference = energy[..., size : size + 1] + later
        difference = (difference - 2 * product[..., : c.longest + 1]).clamp_min(0.0)

        # Step 3: over the mean up to each lag, so that short lags do not win by being short.
        lags = torch.arange(1, c.longest + 1, device=frames.device)
        running = difference[..., 1:].cumsum(-1).clamp_min(1e-12)
        return functional.pad(difference[..., 1:] * lags / running, (1, 0), value=1.0)


def bottom_near(curves: Tensor, lag: Tensor) -> Tensor:
    """How far the bottom of a parabola through three values of (..., L) around `lag` (...) is from it."""
    below, here, above = (
        curves.gather(-1, (lag + step)[..., None])[..., 0] for step in (-1, 0, 1)
    )
    curvature = (below - 2 * here + above).clamp_min(1e-9)
    return ((below - above) / (2 * curvature)).clamp(-1.0, 1.0)


def steadied(octaves: Tensor, energy: Tensor) -> Tensor:
    """Pitches (B, T) of one note: those far from its pitch, and those of silence, become its pitch."""
    weights = torch.where(energy > SILENCE, energy, torch.zeros_like(energy)).sqrt()
    # The weighted median: sorted, the first place at which half of the weight lies behind.
    ordered, places = octaves.sort(dim=1)
    passed = weights.gather(1, places).cumsum(1)
    half = (passed >= passed[:, -1:] / 2).to(torch.uint8).argmax(1, keepdim=True)
    note = ordered.gather(1, half)
    sounding = weights.sum(1, keepdim=True) > 0
    note = torch.where(sounding, note, torch.zeros_like(note))
    believed = ((octaves - note).abs() < NEAR) & (weights > 0)
    return torch.where(believed, octaves, note)
