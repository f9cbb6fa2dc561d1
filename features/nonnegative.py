"""Non-negative least squares for many right sides at once."""

from __future__ import annotations

import torch
from torch import Tensor


def nonnegative_least_squares(
    dictionary: Tensor, values: Tensor, n_steps: int = 100
) -> Tensor:
    """x (..., K, T) ≥ 0 that makes |dictionary x - values| least, dictionary (F, K), values (..., F, T).

    Accelerated projected gradients; a column restarts its momentum where that points uphill. Every column is solved
    for itself, in a fixed number of steps. Sources: Beck & Teboulle, "A Fast Iterative Shrinkage-Thresholding
    Algorithm for Linear Inverse Problems", SIAM J. Imaging Sciences 2009; O'Donoghue & Candès, "Adaptive Restart for
    Accelerated Gradient Schemes", Found. Comput. Math. 2015.
    """
    # All that the steps need of the dictionary and the values.
    gram = dictionary.T @ dictionary
    sought = dictionary.T @ values
    step = 1 / gram.abs().sum(dim=0).max()  # at most 1 / the largest eigenvalue
    x = y = torch.zeros_like(sought)
    momentum = torch.ones_like(sought[..., :1, :])
    for _ in range(n_steps):
        # A step downhill from the extrapolated point, back to what is not negative.
        new = (y - step * (gram @ y - sought)).clamp_min(0)
        # Where the momentum points uphill it starts again, for that column only.
        uphill = ((y - new) * (new - x)).sum(dim=-2, keepdim=True) > 0
        then = torch.where(uphill, 1.0, momentum)
        momentum = (1 + (1 + 4 * then.square()).sqrt()) / 2
        y = new + torch.where(uphill, 0.0, (then - 1) / momentum) * (new - x)
        x = new
    return x
