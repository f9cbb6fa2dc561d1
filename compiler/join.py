"""CatWith, AddWith and MulWith: how a skip joins the running tensor, and when it cannot."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..shapes import Shape

AXES = {3: "C T", 4: "C F T"}


def fits(op: str, here: Shape, stored: Shape, fit: str) -> str | None:
    """None where the two can be joined, else which axes differ, in words. Channels are axis 1."""
    if len(here) != len(stored):
        return f"the stored tensor has {len(stored)} axes and this one {len(here)}"
    first = 2 if op == "CatWith" else 1
    last = 2 if fit != "error" else len(here)
    differing = [i for i in range(first, last) if here[i] != stored[i]]
    if not differing:
        return None
    names = AXES.get(len(here), "").split() or [f"axis {i}" for i in range(1, len(here))]
    words = [names[i - 1] for i in differing]
    listed = " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
    return f"the stored tensor and this one differ in {listed}"


def join(op: str, x: Tensor, other: Tensor, fit: str) -> Tensor:
    """(B, C, ...) with (B, C', ...): concatenated over axis 1, added or multiplied; `fit` acts on the axes from 2."""
    if fit != "error" and x.shape[2:] != other.shape[2:]:
        choose = min if fit == "crop" else max
        sizes = [choose(a, b) for a, b in zip(x.shape[2:], other.shape[2:], strict=True)]
        x, other = _resize(x, sizes), _resize(other, sizes)
    if op == "CatWith":
        return torch.cat((x, other), dim=1)
    return x + other if op == "AddWith" else x * other


def _resize(x: Tensor, sizes: list[int]) -> Tensor:
    """Cut or zero-pad the end of every axis from 2 on to `sizes`."""
    missing = [size - have for size, have in zip(sizes, x.shape[2:], strict=True)]
    return functional.pad(x, [side for gap in reversed(missing) for side in (0, gap)])
