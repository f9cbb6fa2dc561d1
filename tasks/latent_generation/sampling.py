"""From noise to data: Euler and Heun steps along a flow, DDIM steps of a diffusion, guidance by conditions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from .objectives import Diffusion, Model, RectifiedFlow

OnStep = Callable[[float], None]  # is called with the share of the steps that is done


def _quiet(_: float) -> None:
    """Progress that nobody looks at."""


def guided(conditional: Model, free: Model, scale: float) -> Model:
    """A model pulled towards its conditions.

    Parameters
    ----------
    conditional, free : callable
        The model with its conditions, and with all of them dropped.
    scale : float
        1: the conditional model as it is; 0: the free one; above 1: further away from the free one than the
        conditional model is.

    References
    ----------
    Ho & Salimans, "Classifier-Free Diffusion Guidance", arXiv:2207.12598, eq. 6, with scale = 1 + w.
    """
    if scale == 1.0:
        return conditional

    def pulled(x: Tensor, t: Tensor) -> Tensor:
        without = free(x, t)
        return without + scale * (conditional(x, t) - without)

    return pulled


def euler(model: Model, noise: Tensor, steps: int, on_step: OnStep = _quiet) -> Tensor:
    """Follow a rectified flow by straight pieces: one evaluation per step, an error of the order 1 / steps.

    References
    ----------
    Liu, Gong & Liu, "Flow Straight and Fast", arXiv:2209.03003, section 2.
    """
    x = noise
    times = _between(RectifiedFlow.noise_at, RectifiedFlow.data_at, steps, noise)
    for place, (now, then) in enumerate(pairwise(times)):
        x = x + (then - now) * model(x, _for_all(now, x))
        on_step((place + 1) / steps)
    return x


def heun(model: Model, noise: Tensor, steps: int, on_step: OnStep = _quiet) -> Tensor:
    """Follow a rectified flow by Heun's method: two evaluations per step, an error of the order 1 / steps².

    References
    ----------
    Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, algorithm 1.
    """
    x = noise
    times = _between(RectifiedFlow.noise_at, RectifiedFlow.data_at, steps, noise)
    for place, (now, then) in enumerate(pairwise(times)):
        # Look at the slope where Euler's step would land, and go by the mean of both slopes.
        slope = model(x, _for_all(now, x))
        landed = x + (then - now) * slope
        other = model(landed, _for_all(then, x))
        x = x + (then - now) * (slope + other) / 2
        on_step((place + 1) / steps)
    return x


def ddim(
    objective: Diffusion,
    model: Model,
    noise: Tensor,
    steps: int,
    *,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    on_step: OnStep = _quiet,
) -> Tensor:
    """Take the noise of a diffusion away, step by step.

    Parameters
    ----------
    objective : Diffusion
        Schedule, and what the model predicts.
    model : callable
        (x, t) -> its prediction.
    noise : Tensor
        (B, ...) from the standard normal distribution.
    steps : int
        Evaluations of the model.
    eta : float
        New noise in every step: 0 none, the sound follows from `noise`; 1 as much as DDPM's ancestral sampling.
    generator : torch.Generator, optional
        Where the new noise comes from.

    References
    ----------
    Song, Meng & Ermon, "Denoising Diffusion Implicit Models", arXiv:2010.02502, eq. 12 and 16.
    """
    x = noise
    times = _between(objective.noise_at, objective.data_at, steps, noise)
    for place, (now, then) in enumerate(pairwise(times)):
        data, predicted = objective.data_and_noise(
            model(x, _for_all(now, x)), x, _for_all(now, x)
        )
        kept, added = objective.scales(now)
        kept_then, added_then = objective.scales(then)
        # eq. 16: the share of the noise that is drawn again; the rest points where the model saw it.
        fresh = torch.zeros_like(now)
        if eta and then > objective.data_at:
            shrink = (1 - (kept / kept_then).square()).clamp_min(0.0).sqrt()
            fresh = eta * added_then / added * shrink
        stays = (added_then.square() - fresh.square()).clamp_min(0.0).sqrt()
        x = kept_then * data + stays * predicted
        if eta:
            drawn = torch.randn(
                x.shape, generator=generator, dtype=x.dtype, device=x.device
            )
            x = x + fresh * drawn
        on_step((place + 1) / steps)
    return x


def _between(start: float, end: float, steps: int, x: Tensor) -> Tensor:
    """The times of `steps` equal steps, both ends with them, at the device and precision of x."""
    return torch.linspace(start, end, steps + 1, device=x.device, dtype=x.dtype)


def _for_all(time: Tensor, x: Tensor) -> Tensor:
    """One time for every item: (B,)."""
    return time.expand(len(x))
