"""What may stand in `layers:` beside blocks and skips: `repeat`, `branch`, `graph`; and the items they unroll to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, field_validator

from ...errors import GraphError, MirbricksError, Where, did_you_mean
from ...fields import quoted
from ...registry import BlockConfig, blocks
from ..operations import Round
from .axes import Axis
from .configs import NO_WORDS
from .expressions import Names
from .source import Source, Steps
from .words import SKIPS, own_item

MOST_LAYERS = 2_000
FORMS = ("repeat", "branch", "graph")
_NAME = re.compile(r"[A-Za-z_]\w*")


class Repeat(BlockConfig):
    """Layers several times over."""

    repeat: int = Field(ge=1, le=MOST_LAYERS, description="how many times")
    index: str = Field("i", description="the name that counts them in ${...}, from 0")
    share: bool = Field(False, description="true: the same weights each time")

    @field_validator("index")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(
                f"'index' must be a word of letters, digits and _, got '{value}'"
            )
        return value


class Branch(BlockConfig):
    """Paths side by side from one tensor, joined at their ends."""

    join: Literal["cat", "add", "mul"] = Field(
        "cat", description="how the ends become one tensor"
    )
    fit: Literal["error", "crop", "pad"] = Field(
        "error", description="what happens where their sizes differ"
    )


class SubGraph(BlockConfig):
    """Another graph file as one block."""

    graph: str = Field(description="path of the file, relative to this one")
    name: str | None = Field(None, description="what its nodes' names begin with")
    vars: dict[str, Any] = Field({}, description="values for its vars")
    further: str | tuple[str, ...] = Field(
        (), alias="with", description="stored tensors for its further inputs"
    )


@dataclass(frozen=True)
class Scope:
    """Where layers stand: their file, the names that `${...}` may use, what comes before their own names."""

    source: Source
    names: Names
    prefix: str = ""  # "enc." inside the sub-graph enc
    again: bool = False  # a further round of a repeat that shares its weights
    rounds: tuple[Round, ...] = ()  # of the repeats around, the outermost first


@dataclass(frozen=True)
class Entry:
    """The beginning of a sub-graph: its file, where it is asked for, and the axes that its `input:` wants."""

    file: str
    where: Where
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class Item:
    """A block or skip as the file has it, `${...}` filled in, before its config is read."""

    block: str
    params: Any
    steps: Steps = field(repr=False)
    source: Source = field(repr=False)
    prefix: str = ""
    mark: object = field(default_factory=object, repr=False, compare=False)
    first: object = None  # the mark of the item whose weights it shares
    entries: tuple[Entry, ...] = ()
    made: bool = (
        False  # by the compiler: a user is not warned about what he did not write
    )
    label: str | None = (
        None  # the block's and the fields' names in the file, where they differ
    )
    words: Mapping[str, str] = field(default_factory=lambda: NO_WORDS)
    rounds: tuple[Round, ...] = ()

    @property
    def name(self) -> str | None:
        """Its own name, with that of the sub-graph before it."""
        if isinstance(self.params, Mapping):
            own = self.params.get("name")
        else:
            own = None
        if isinstance(own, str):
            return f"{self.prefix}{own}"
        return None


def as_pair(
    item: Any, steps: Steps, source: Source, errors: list[MirbricksError]
) -> tuple[str, Any, Steps] | None:
    """Block, params and the steps to them; None after adding why `item` is not a layer."""
    if isinstance(item, str):
        return item, {}, steps
    if isinstance(item, Mapping) and len(item) == 1:
        ((block, params),) = item.items()
        return block, {} if params is None else params, (*steps, block)
    if isinstance(item, Mapping):
        several = list(item)
    else:
        several = []
    if several:
        got = f"the keys {' and '.join(map(quoted, several))}"
    else:
        got = quoted(item)
    if several:
        where = source.key((*steps, several[1]))
    else:
        where = source.value(steps)
    message = f"a layer is one block, got {got}"
    hint = _layer_hint(several)
    errors.append(GraphError(message, code="E109", where=where, help=hint))
    return None


def _layer_hint(keys: Sequence[str]) -> str:
    if keys and keys[1] in SKIPS:
        return own_item(keys[1])
    if keys and keys[0] in blocks() and keys[1] not in blocks():
        return f"indent '{keys[1]}' by four more than the `-`, so that it belongs to {keys[0]}"
    meant = next(
        (hint for hint in (did_you_mean(key, FORMS) for key in keys) if hint), None
    )
    return (
        meant
        or "write `- Block` or `- Block: {...}`; a block's keys go inside its braces or one level deeper"
    )
