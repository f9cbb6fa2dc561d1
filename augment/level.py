"""Level, polarity and noise of a waveform."""

from __future__ import annotations

import torch
from numpy.random import Generator
from pydantic import Field
from torch import Tensor

from .base import (
    Augmentation,
    AugmentationConfig,
    Drawn,
    noise_like,
    per_example,
    register_augmentation,
    seeds,
    uniform,
)


@register_augmentation("Gain")
class Gain(Augmentation):
    """Louder or softer by a gain that is uniform in dB."""

    domain = "waveform"

    class Config(AugmentationConfig):
        min_db: float = Field(-6.0, description="least gain in dB")
        max_db: float = Field(6.0, description="greatest gain in dB")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        return {
            "gain_db": uniform(rng, self.config.min_db, self.config.max_db, batch_size)
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        return x * per_example(10.0 ** (drawn["gain_db"] / 20), x)


@register_augmentation("Polarity")
class Polarity(Augmentation):
    """The waveform upside down: it sounds the same, and a model should give the same answer."""

    domain = "waveform"

    class Config(AugmentationConfig):
        probability: float = Field(
            0.5, ge=0, le=1, description="share of the examples that are turned"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:  # noqa: ARG002  # nothing is drawn but whether
        return {"sign": torch.full((batch_size,), -1.0)}

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        return x * per_example(drawn["sign"], x)


@register_augmentation("SwapChannels")
class SwapChannels(Augmentation):
    """The channels in reverse order: left and right change places. Mono examples stay as they are.

    Source: Uhlich et al., "Improving Music Source Separation Based on Deep Neural Networks through Data Augmentation
    and Network Blending", ICASSP 2017, section 3.
    """

    domain = "waveform"

    class Config(AugmentationConfig):
        probability: float = Field(
            0.5, ge=0, le=1, description="share of the examples that are turned round"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:  # noqa: ARG002  # nothing is drawn but whether
        return {}

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:  # noqa: ARG002  # as above
        return x.flip(1)


@register_augmentation("Noise")
class Noise(Augmentation):
    """Gaussian noise at a signal-to-noise ratio that is uniform in dB; its power falls with frequency as f^-slope.

    The ratio is that of the mean powers over the whole example; silence stays silent.
    """

    domain = "waveform"

    class Config(AugmentationConfig):
        min_snr_db: float = Field(
            10.0, description="least signal-to-noise ratio in dB: the loudest noise"
        )
        max_snr_db: float = Field(
            40.0, description="greatest signal-to-noise ratio in dB"
        )
        min_slope: float = Field(
            0.0, description="least slope of the noise's power: 0 is white"
        )
        max_slope: float = Field(
            2.0, description="greatest slope: 1 is pink, 2 is brown"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        return {
            "snr_db": uniform(rng, c.min_snr_db, c.max_snr_db, batch_size),
            "slope": uniform(rng, c.min_slope, c.max_slope, batch_size),
            "seed": seeds(rng, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        # Noise with the power of the example, times the ratio that was drawn.
        noise = coloured(noise_like(x, drawn["seed"]), drawn["slope"])
        power, own = (t.square().mean((1, 2), keepdim=True) for t in (x, noise))
        ratio = per_example(10.0 ** (-drawn["snr_db"] / 10), x)
        return (
            x
            + noise * (power / own.clamp_min(torch.finfo(x.dtype).tiny) * ratio).sqrt()
        )


def coloured(white: Tensor, slope: Tensor) -> Tensor:
    """White noise (B, C, N) with power falling as f^-slope, (B,); what is constant over time is taken out."""
    spectrum = torch.fft.rfft(white)
    frequency = torch.arange(spectrum.shape[-1], device=white.device, dtype=white.dtype)
    # Power falls as f^-slope, magnitudes as its root; frequency 0 is taken out.
    shape = frequency.clamp_min(1.0) ** (per_example(slope, white) * -0.5)
    noise: Tensor = torch.fft.irfft(spectrum * shape * (frequency > 0), white.shape[-1])
    return noise
