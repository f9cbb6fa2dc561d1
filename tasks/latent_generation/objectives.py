"""What a model of latents learns: the velocity of a rectified flow, or the noise of a diffusion.

Both move Gaussian noise into data as t goes between 0 and 1. An objective says where an item is at time t (`moved`)
and what the model is to give there (`target`); sampling.py goes the way from noise to data.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.random import Generator
from scipy.special import ndtri
from torch import Tensor

Model = Callable[[Tensor, Tensor], Tensor]  # (x, t) -> what the objective asks for

OFFSET = 0.008  # of the cosine schedule: the noise does not vanish too fast near t = 0
LATEST = 0.999  # beyond it the cosine schedule leaves nothing of the data to divide by


class Objective(abc.ABC):
    """What is learned, and how times are drawn.

    noise_at, data_at   the times of pure noise and of data, where sampling begins and ends
    """

    noise_at: float
    data_at: float

    def times(self, shares: Tensor) -> Tensor:
        """Times with the distribution of the training, of uniform `shares` in (0, 1): the inverse of its cumulative
        distribution. Here uniform.
        """
        return shares

    def draw_times(self, count: int, rng: Generator) -> Tensor:
        """Times of `count` training items, one in each of `count` equal shares, which lowers the loss's variance."""
        places = (rng.permutation(count) + rng.random(count)) / count
        return self.times(torch.from_numpy(places).float())

    def fixed_times(self, count: int) -> Tensor:
        """The middles of `count` equal shares: times to validate at, always the same."""
        return self.times((torch.arange(count) + 0.5) / count)

    @abc.abstractmethod
    def moved(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Where items are at times t (B,), on the way between noise (B, ...) and data (B, ...)."""

    @abc.abstractmethod
    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the model is to give for `moved`."""


class RectifiedFlow(Objective):
    """Straight lines from noise (t = 0) to data (t = 1); the model gives their velocity.

    Parameters
    ----------
    logit_normal : bool
        Whether times are drawn from the logistic of a Gaussian, more of them in the middle, and not uniformly.
    mean, deviation : float
        Of that Gaussian.

    References
    ----------
    Liu, Gong & Liu, "Flow Straight and Fast", arXiv:2209.03003, eq. 1; logit-normal times: Esser et al., "Scaling
    Rectified Flow Transformers", arXiv:2403.03206, section 3.1. There t = 1 is noise; here it is data.

    Examples
    --------
    >>> flow = RectifiedFlow()
    >>> data, noise = torch.full((1, 2), 3.0), torch.full((1, 2), -1.0)
    >>> flow.moved(data, noise, torch.tensor([0.25]))
    tensor([[0., 0.]])
    >>> flow.target(data, noise, torch.tensor([0.25]))
    tensor([[4., 4.]])
    """

    noise_at = 0.0
    data_at = 1.0

    def __init__(
        self, *, logit_normal: bool = True, mean: float = 0.0, deviation: float = 1.0
    ) -> None:
        self.logit_normal = logit_normal
        self.mean = mean
        self.deviation = deviation

    def times(self, shares: Tensor) -> Tensor:
        if not self.logit_normal:
            return shares
        # The inverse of the normal distribution function makes Gaussians of uniform numbers.
        gaussian = torch.from_numpy(np.asarray(ndtri(shares.double().numpy())))
        return torch.sigmoid(self.mean + self.deviation * gaussian).to(shares.dtype)

    def moved(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        t = like(t, data)
        return t * data + (1 - t) * noise

    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:  # noqa: ARG002  # the same at all times
        # The line is straight, so its velocity does not depend on the time.
        return data - noise


class Diffusion(Objective):
    """A variance-preserving diffusion with a cosine schedule, from data (t = 0) to noise (t = 1).

    Parameters
    ----------
    predicts : "epsilon" or "v"
        What the model gives: the noise, or v = α ε - σ x.

    References
    ----------
    Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 4 and 14 (the simple loss);
    the schedule: Nichol & Dhariwal, arXiv:2102.09672, eq. 17, with continuous t that ends at 0.999, where their β is
    clipped; v: Salimans & Ho, arXiv:2202.00512, appendix D.

    Examples
    --------
    >>> diffusion = Diffusion("epsilon")
    >>> kept, noise = diffusion.scales(torch.tensor([0.0]))
    >>> kept.item(), noise.item()
    (1.0, 0.0)
    """

    noise_at = LATEST
    data_at = 0.0

    def __init__(self, predicts: str = "v") -> None:
        self.predicts = predicts

    def times(self, shares: Tensor) -> Tensor:
        return LATEST * shares

    def scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """α and σ at times t: x_t = α x_0 + σ ε, with α² + σ² = 1."""
        # eq. 17: α² = cos²((t + s) / (1 + s) · π/2), over its value at t = 0.
        angle = (t + OFFSET) / (1 + OFFSET) * (math.pi / 2)
        least = math.cos(OFFSET / (1 + OFFSET) * (math.pi / 2))
        kept = (torch.cos(angle) / least).clamp(0.0, 1.0)
        return kept, (1 - kept.square()).clamp_min(0.0).sqrt()

    def moved(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        kept, added = self.scales(like(t, data))
        return kept * data + added * noise

    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        if self.predicts == "epsilon":
            return noise
        kept, added = self.scales(like(t, data))
        return kept * noise - added * data

    def data_and_noise(
        self, output: Tensor, x: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The data and the noise that a model's output at (x, t) stands for."""
        kept, added = self.scales(like(t, x))
        if self.predicts == "v":
            # v and x are the data and the noise, turned by an angle: turn them back.
            return kept * x - added * output, added * x + kept * output
        return (x - added * output) / kept.clamp_min(1e-4), output


def like(t: Tensor, x: Tensor) -> Tensor:
    """(B,) with axes of size 1 behind, so that it broadcasts over items (B, ...)."""
    return t.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
