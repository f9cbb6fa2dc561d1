"""Losses of generators and their discriminators. Scores are a tensor of any shape, or a list: one per discriminator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .base import register_loss

Scores = Tensor | Sequence[Tensor]


def _listed(scores: Scores) -> list[Tensor]:
    found = [scores] if isinstance(scores, Tensor) else list(scores)
    if not found:
        raise ValueError("expected scores of at least one discriminator, got none")
    return found


def _mean(losses: Sequence[Tensor]) -> Tensor:
    # Each discriminator counts the same, however many scores it gives.
    return torch.stack(list(losses)).mean()


def _pairs(real: Scores, fake: Scores) -> list[tuple[Tensor, Tensor]]:
    of_real = _listed(real)
    of_fake = _listed(fake)
    if len(of_real) != len(of_fake):
        raise ValueError(
            f"{len(of_real)} discriminators scored what is real, {len(of_fake)} what is generated"
        )
    return list(zip(of_real, of_fake, strict=True))


@register_loss("hinge_discriminator")
def hinge_discriminator(real: Scores, fake: Scores) -> Tensor:
    """mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)), mean over discriminators.

    Parameters
    ----------
    real, fake : Tensor or sequence of Tensor
        Scores of any shape of what is real and of what is generated; in a list, one tensor per discriminator.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        Where the two lists differ in length, or are empty.

    References
    ----------
    Lim & Ye, "Geometric GAN", 2017; Miyato et al., "Spectral Normalization for GANs", ICLR 2018, eq. 16.

    Examples
    --------
    >>> hinge_discriminator(torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 1.0]))
    tensor(1.5000)
    """
    return _mean(
        [
            functional.relu(1 - of_real).mean() + functional.relu(1 + of_fake).mean()
            for of_real, of_fake in _pairs(real, fake)
        ]
    )


@register_loss("hinge_generator")
def hinge_generator(fake: Scores) -> Tensor:
    """-mean D(fake), mean over discriminators. It is the generator's loss in WGAN too.

    Parameters
    ----------
    fake : Tensor or sequence of Tensor
        Scores of any shape of what is generated; in a list, one tensor per discriminator.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        For an empty list.

    References
    ----------
    Miyato et al., "Spectral Normalization for GANs", ICLR 2018, eq. 17.

    Examples
    --------
    >>> hinge_generator(torch.tensor([2.0, 0.0]))
    tensor(-1.)
    """
    return -_mean([scores.mean() for scores in _listed(fake)])


@register_loss("wasserstein_critic")
def wasserstein_critic(real: Scores, fake: Scores) -> Tensor:
    """mean D(fake) - mean D(real), mean over critics. Add `gradient_penalty` to it.

    Parameters
    ----------
    real, fake : Tensor or sequence of Tensor
        Scores of any shape of what is real and of what is generated; in a list, one tensor per discriminator.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        Where the two lists differ in length, or are empty.

    References
    ----------
    Arjovsky et al., "Wasserstein GAN", ICML 2017.

    Examples
    --------
    >>> wasserstein_critic(torch.tensor([2.0, 0.0]), torch.tensor([-1.0]))
    tensor(-2.)
    """
    return _mean(
        [of_fake.mean() - of_real.mean() for of_real, of_fake in _pairs(real, fake)]
    )


@register_loss("gradient_penalty")
def gradient_penalty(
    critic: Callable[[Tensor], Scores],
    real: Tensor,
    fake: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """mean (‖∇D(x)‖ - 1)² at points x drawn between real and generated items; a scalar.

    Parameters
    ----------
    critic : callable
        Gives the scores of a batch. Its layers must not mix the items of a batch (no batch norm).
    real, fake : Tensor
        Items of one shape (B, ...); no gradient goes back to them.
    generator : torch.Generator
        Where x lies between the two is drawn from it, on its device.

    Returns
    -------
    Tensor
        The penalty, without its weight (10 in the paper).

    Raises
    ------
    ValueError
        For two shapes.

    References
    ----------
    Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, eq. 3 and algorithm 1.

    Examples
    --------
    >>> gradient_penalty(lambda x: 3 * x, torch.ones(4, 1), torch.zeros(4, 1)).item()
    4.0
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"real {tuple(real.shape)} and generated {tuple(fake.shape)} items differ in shape"
        )
    # One place per item, not per value: x lies on the line from one to the other.
    device = real.device if generator is None else generator.device
    share = torch.rand(len(real), generator=generator, device=device, dtype=real.dtype)
    share = share.to(real.device).reshape(-1, *[1] * (real.ndim - 1))
    x = torch.lerp(fake.detach(), real.detach(), share).requires_grad_()
    # The sum over a batch whose items do not meet has each item's own gradient.
    losses = []
    for scores in _listed(critic(x)):
        per_item = scores.flatten(1).mean(dim=1) if scores.ndim > 1 else scores
        (slope,) = torch.autograd.grad(per_item.sum(), x, create_graph=True)
        steepness = torch.linalg.vector_norm(slope.flatten(1), dim=1)
        losses.append((steepness - 1).square().mean())
    return _mean(losses)


@register_loss("feature_matching")
def feature_matching(
    real: Sequence[Tensor] | Sequence[Sequence[Tensor]],
    fake: Sequence[Tensor] | Sequence[Sequence[Tensor]],
    relative: bool = False,
) -> Tensor:
    """Mean absolute difference of a discriminator's features, mean over layers, then over discriminators.

    Parameters
    ----------
    real, fake : sequence of Tensor, or of sequences of them
        The outputs of the layers of one discriminator, or of several; no gradient goes back to `real`.
    relative : bool
        Divide each layer's difference by the mean absolute value of its real features.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        Where the two differ in discriminators, layers or shapes, or are empty.

    References
    ----------
    Kumar et al., "MelGAN", NeurIPS 2019; Défossez et al., "High Fidelity Neural Audio Compression", 2022
    (relative).

    Examples
    --------
    >>> feature_matching([torch.zeros(2, 3)], [torch.full((2, 3), 2.0)])
    tensor(2.)
    """
    of_real = _grouped(real)
    of_fake = _grouped(fake)
    if [len(one) for one in of_real] != [len(one) for one in of_fake]:
        raise ValueError(
            f"layers per discriminator differ: {[len(one) for one in of_real]} of what is real, "
            f"{[len(one) for one in of_fake]} of what is generated"
        )
    return _mean(
        [
            _mean([_layer_distance(*pair, relative) for pair in zip(*one, strict=True)])
            for one in zip(of_real, of_fake, strict=True)
        ]
    )


def _grouped(
    features: Sequence[Tensor] | Sequence[Sequence[Tensor]],
) -> list[list[Tensor]]:
    groups: list[list[Tensor]] = []
    alone: list[Tensor] = []
    for one in features:
        if isinstance(one, Tensor):
            alone.append(one)
        else:
            groups.append(list(one))
    if alone:
        groups.insert(0, alone)
    if not groups or not all(groups):
        raise ValueError("expected features of at least one layer, got none")
    return groups


def _layer_distance(real: Tensor, fake: Tensor, relative: bool) -> Tensor:
    if real.shape != fake.shape:
        raise ValueError(
            f"features {tuple(real.shape)} of what is real and {tuple(fake.shape)} of what is generated differ in shape"
        )
    distance = functional.l1_loss(fake, real.detach())
    if relative:
        distance = distance / real.detach().abs().mean().clamp_min(1e-8)
    return distance
