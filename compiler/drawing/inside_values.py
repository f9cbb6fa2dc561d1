"""What a trace of a block is made of: operations, and the tensors between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ...shapes import Shape
from .parts import Size

# The batch that blocks are traced with: a size that nothing else has, so that it can be told apart in every shape.
BATCH = 101


@dataclass(frozen=True)
class Value:
    """A tensor: `maker` is the index of the operation that made it, None where it comes from weights alone.

    `moves` are what moved it since; `piece` says which part of a chunk it is, `role` which argument of the operation
    that takes it. Of a tensor from weights, `weights` are their names and `made_by` the operations on them.
    """

    maker: int | None
    size: Size = ()
    moves: tuple[str, ...] = ()
    piece: str = ""
    role: str = ""
    weights: tuple[str, ...] = ()
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """An operation: its name, the tensors it takes, what comes out, and the rest of its arguments by name.

    path   the module that it runs in ("block.conv"); an input is a call too, and its path is its name
    kinds  (path, class) of the modules around it, the outermost first
    note   of what stands for several operations: which
    """

    name: str
    values: tuple[Value, ...]
    size: Size
    given: tuple[tuple[str, Any], ...] = ()
    path: str = ""
    kinds: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the parameters and buffers that go in."""
        return weights_of(self.values)

    @property
    def data(self) -> tuple[Value, ...]:
        """The tensors that depend on the input."""
        return tuple(value for value in self.values if value.maker is not None)


def weights_of(values: Iterable[Value]) -> tuple[str, ...]:
    """The weights of several tensors, each once."""
    return tuple(dict.fromkeys(name for value in values for name in value.weights))


def sized(shape: Shape) -> Size:
    """B where an axis is the batch, B·9 where it is merged with others."""
    return tuple(map(_axis, shape))


def _axis(size: int | str) -> int | str:
    if size == BATCH:
        return "B"
    if isinstance(size, int) and size and size % BATCH == 0:
        return f"B·{size // BATCH}"
    return size


def renumbered(value: Value, places: dict[int, int]) -> Value:
    """The same tensor where operations have other indices."""
    if value.maker is None:
        return value
    return replace(value, maker=places[value.maker])


def reordered(
    calls: list[Call], order: list[int], out: Value
) -> tuple[list[Call], Value]:
    """The operations at these indices, in this order, and the output."""
    places = {old: new for new, old in enumerate(order)}
    kept = []
    for i in order:
        values = tuple(renumbered(value, places) for value in calls[i].values)
        kept.append(replace(calls[i], values=values))
    return kept, renumbered(out, places)
