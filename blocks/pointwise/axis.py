"""Axes in configs: which a block may be given, and whether the tensor has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from ..bounds import MOST_AXES

Dim = Annotated[int, Field(ge=-MOST_AXES, lt=MOST_AXES)]
Dims = Dim | tuple[Dim, ...]


def keeps_the_batch(dim: Dims, info: ValidationInfo) -> Dims:
    """Raises ValueError where a field names axis 0, an axis twice, or no axis at all."""
    if isinstance(dim, tuple):
        dims = dim
    else:
        dims = (dim,)
    if not dims:
        raise ValueError(
            f"'{info.field_name}' is an empty list: give at least one axis"
        )
    # -n may be axis 0 as well, which is known when a tensor has come: see refuse_axis.
    if 0 in dims:
        raise ValueError(
            f"'{info.field_name}' cannot be 0, the batch: its items do not mix"
        )
    if len(set(dims)) < len(dims):
        raise ValueError(f"'{info.field_name}' names an axis twice: {list(dims)}")
    return dim


def refuse_axis(dim: Dims | None, n_axes: int, name: str = "dim") -> None:
    """Raises ValueError for an axis that a tensor of `n_axes` does not have, or that is the batch counted from the
    end; the meta device would take any number.
    """
    if dim is None:
        return
    for one in dim if isinstance(dim, tuple) else (dim,):
        if not -n_axes <= one < n_axes:
            raise ValueError(
                f"'{name}' is {one}, but the tensor has {n_axes} axes, 0 to {n_axes - 1}"
            )
        if one % n_axes == 0:
            raise ValueError(
                f"'{name}' is {one}, which of {n_axes} axes is the batch: its items do not mix"
            )


OwnAxis = Annotated[Dim, AfterValidator(keeps_the_batch)]
OwnAxes = Annotated[Dims, AfterValidator(keeps_the_batch)]
