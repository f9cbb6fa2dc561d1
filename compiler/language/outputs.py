"""`outputs: [head, E1]`: the tensors that a graph gives back, by the names of nodes or of StoreAs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import GraphError, did_you_mean
from .configs import quoted
from .forms import Item, Scope
from .source import Steps

if TYPE_CHECKING:
    from .expand import Expansion


def read_outputs(expansion: Expansion, scope: Scope, begin: int = 0) -> tuple[str, ...]:
    """The keys under which the outputs are stored, made where a node is named; () where the graph names none."""
    given = scope.source.data.get("outputs")
    if given is None:
        return ()
    pairs: list[tuple[Any, Any, Steps]]
    if isinstance(given, Mapping):
        pairs = [(output, name, ("outputs", output)) for output, name in given.items()]
    else:
        if isinstance(given, list):
            listed = given
        else:
            listed = [given]
        pairs = [(name, name, ("outputs", i)) for i, name in enumerate(listed)]
    if not pairs or not all(isinstance(name, str) for _, name, _ in pairs):
        message = f"outputs: expected names of nodes or of StoreAs, got {quoted(given)}"
        where = scope.source.value(("outputs",))
        expansion.errors.append(
            GraphError(
                message, code="E106", where=where, help="write `outputs: [head, E1]`"
            )
        )
        return ()
    return tuple(_keep(expansion, scope, *pair, begin) for pair in pairs)


def _keep(
    expansion: Expansion, scope: Scope, output: str, name: str, steps: Steps, begin: int
) -> str:
    """Store what `name` means under the output's name."""
    items = expansion.items
    wanted = scope.prefix + name
    key = scope.prefix + output
    found = [
        i
        for i in range(begin, len(items))
        if _stored(items[i]) == wanted or items[i].name == wanted
    ]
    taken = [item for item in items[begin:] if _stored(item) == key and key != wanted]
    if found and not taken:
        at = found[-1]
        if _stored(items[at]) != key:
            if _stored(items[at]):
                items[at] = replace(
                    items[at], made=True
                )  # nobody need ask for it: the output does
            items.insert(
                at + 1,
                Item("StoreAs", output, steps, scope.source, scope.prefix, made=True),
            )
        return key
    known = [
        word
        for item in items[begin:]
        if (word := _stored(item) or item.name) and not item.made
    ]
    where = scope.source.value(steps)
    if taken:
        message = f"outputs: '{output}' is also what another tensor is stored as"
        hint = "choose another name"
    else:
        message = f"outputs: no node and no stored tensor is named '{name}'"
        own = [word.removeprefix(scope.prefix) for word in dict.fromkeys(known)]
        hint = (
            did_you_mean(name, own)
            or f"there are: {', '.join(own) or 'none; give a node a `name:`'}"
        )
    expansion.errors.append(GraphError(message, code="E112", where=where, help=hint))
    return key


def _stored(item: Item) -> str | None:
    """The key under which an item stores."""
    if item.block == "StoreAs" and isinstance(item.params, str):
        return item.prefix + item.params
    return None
