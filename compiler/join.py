"""CatWith, AddWith and MulWith: how a skip joins the running tensor, and when it cannot."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..shapes import Shape

AXES = {3: "C T", 4: "C F T"}


def fits(op: str, here: Shape, stored: Shape, fit: str) -> str | None:
    """None where the two can be joined, else which axes differ, in words. Channels are axis 1.

    AddWith and MulWith also take a single value along an axis, which then counts at every place of it.
    """
    differing = list(misfit(op, here, stored, fit))
    if not differing:
        return None
    if len(here) != len(stored):
        return f"the stored tensor has {len(stored)} axes and this one {len(here)}"
    names = AXES.get(len(here), "").split()
    words = [names[i - 1] if names else f"axis {i}" for i in differing]
    listed = words[-1]
    if len(words) > 1:
        listed = f"{', '.join(words[:-1])} and {words[-1]}"
    return f"the stored tensor and this one differ in {listed}"


def misfit(op: str, here: Shape, stored: Shape, fit: str) -> dict[int, tuple[int, int]]:
    """The sizes of both along each axis that differs; along axis -1 how many axes they have, where that differs."""
    if len(here) != len(stored):
        return {-1: (len(here), len(stored))}
    first = 2 if op == "CatWith" else 1
    last = len(here) if fit == "error" else 2
    differing = {}
    for i in range(first, last):
        spread = op != "CatWith" and (here[i] == 1 or stored[i] == 1)
        if here[i] != stored[i] and not spread:
            differing[i] = (here[i], stored[i])
    return differing


def join(op: str, tensors: Sequence[Tensor], fit: str) -> Tensor:
    """(B, C, ...) tensors concatenated over axis 1, added or multiplied; `fit` acts on the axes from 2."""
    first = tensors[0]
    if fit != "error" and any(
        other.shape[2:] != first.shape[2:] for other in tensors[1:]
    ):
        if fit == "crop":
            choose = min
        else:
            choose = max
        sizes = [
            choose(axis)
            for axis in zip(*(tensor.shape[2:] for tensor in tensors), strict=True)
        ]
        tensors = [_resize(tensor, sizes) for tensor in tensors]
    if op == "CatWith":
        return torch.cat(tuple(tensors), dim=1)
    joined = tensors[0]
    for other in tensors[1:]:
        if op == "AddWith":
            joined = joined + other
        else:
            joined = joined * other
    return joined


def _resize(x: Tensor, sizes: list[int]) -> Tensor:
    """Cut or zero-pad the end of every axis from 2 on to `sizes`."""
    missing = [size - have for size, have in zip(sizes, x.shape[2:], strict=True)]
    return functional.pad(x, [side for gap in reversed(missing) for side in (0, gap)])
