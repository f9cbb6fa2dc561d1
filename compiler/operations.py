"""What a compiled graph does, step by step, and what is known of its layers."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Where
from ..registry import BlockConfig


@dataclass(frozen=True)
class NodeInfo:
    """A layer as it was built: sizes are ints, or formulas of the free axes such as "T" and "T/2"."""

    name: str
    block: str
    config: BlockConfig
    where: Where
    came: tuple[int | str, ...]
    went: tuple[int | str, ...]
    reused: bool = False  # a further run of a node above, with its weights


@dataclass(frozen=True)
class Round:
    """One time of a `repeat`: `of` times in all, `number` counts from 1, `repeat` is the number of the form."""

    repeat: int
    number: int
    of: int


@dataclass(frozen=True)
class Op:
    """One step of forward: run the child `name`, or StoreAs, StartFrom, CatWith, AddWith, MulWith on the key `name`.

    `extra` are further stored tensors: of a run its further inputs, of a join what else is joined. `done` are the keys
    that nothing asks for after this step, `rounds` the repeats that it stands in, the outermost first.
    """

    kind: str
    name: str
    fit: str = "error"
    where: Where | None = None
    extra: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    rounds: tuple[Round, ...] = ()
