"""How a loss is known by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..catalogue import Catalogue
from ..errors import DataError

LOSSES: Catalogue[Callable[..., Any]] = Catalogue(
    "loss",
    package=__package__ or "",
    group="mirbricks.losses",
    error=DataError,
    code="E491",
)
L = TypeVar("L", bound=Callable[..., Any])


def register_loss(name: str) -> Callable[[L], L]:
    """Make a loss known under a name.

    Parameters
    ----------
    name : str
        The name in snake_case.

    Returns
    -------
    callable
        A decorator of functions that give a scalar, or of `torch.nn.Module` classes whose `forward` does.

    Raises
    ------
    RegistryError
        E301 for a name that another loss has, E302 for what cannot be called, E313 for a name that is not text.

    Examples
    --------
    >>> from mirbricks.losses import losses, register_loss
    >>> @register_loss("mean_distance")
    ... def mean_distance(one, other):
    ...     "Mean Euclidean distance of rows."
    ...     return (one - other).norm(dim=1).mean()
    >>> losses()["mean_distance"] is mean_distance
    True
    """

    LOSSES.refuse_name(name)

    def add(loss: L) -> L:
        LOSSES.register(name, loss)
        return loss

    return add


def losses() -> dict[str, Callable[..., Any]]:
    """Every loss by name, those of installed packages with them, sorted."""
    return LOSSES.all()
