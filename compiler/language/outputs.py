"""`outputs: [head, E1]`: the tensors that a graph gives back, by the names of nodes or of StoreAs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import did_you_mean
from ...fields import quoted
from .forms import Item, Scope
from .source import Steps
from .unrolled import Unrolled


@dataclass(frozen=True)
class _Wanted:
    """An output: what it is called, and the node or stored tensor that it is."""

    output: str
    name: Any
    steps: Steps


def read_outputs(unrolled: Unrolled, scope: Scope, begin: int = 0) -> tuple[str, ...]:
    """The keys under which the outputs are stored, made where a node is named; () where the graph names none.

    Only the items from `begin` on are looked at: those of the graph whose `outputs:` this is.
    """
    given = scope.source.data.get("outputs")
    if given is None:
        return ()
    wanted = _listed(given)
    if not wanted or not all(isinstance(one.name, str) for one in wanted):
        message = f"outputs: expected names of nodes or of StoreAs, got {quoted(given)}"
        where = scope.source.value(("outputs",))
        unrolled.fail("E106", message, where, "write `outputs: [head, E1]`")
        return ()
    return tuple(_keep(unrolled, scope, one, begin) for one in wanted)


def _listed(given: Any) -> list[_Wanted]:
    if isinstance(given, Mapping):
        return [
            _Wanted(output, name, ("outputs", output)) for output, name in given.items()
        ]
    names = given if isinstance(given, list) else [given]
    return [_Wanted(name, name, ("outputs", i)) for i, name in enumerate(names)]


def _keep(unrolled: Unrolled, scope: Scope, wanted: _Wanted, begin: int) -> str:
    """Store what the output names under the output's own name."""
    items = unrolled.items
    name = scope.prefix + wanted.name
    key = scope.prefix + wanted.output
    where = scope.source.value(wanted.steps)

    # The output's name must not be that of another stored tensor: one would hide the other.
    stored = {_stored(item) for item in items[begin:]}
    if key in stored and key != name:
        message = f"outputs: '{wanted.output}' is also what another tensor is stored as"
        unrolled.fail("E112", message, where, "choose another name")
        return key

    # Of a node that runs several times, the output is what its last run makes.
    found = None
    for i in range(begin, len(items)):
        if name in (_stored(items[i]), items[i].name):
            found = i
    if found is None:
        message = f"outputs: no node and no stored tensor is named '{wanted.name}'"
        hint = _names_there_are(wanted.name, items[begin:], scope.prefix)
        unrolled.fail("E112", message, where, hint)
        return key
    if _stored(items[found]) == key:
        return key
    if _stored(items[found]):
        # The output uses this tensor, so that nothing in the graph need ask for it.
        items[found] = replace(items[found], made=True)
    store = Item(
        "StoreAs", wanted.output, wanted.steps, scope.source, scope.prefix, made=True
    )
    # It stands in the repeats of the node that it keeps.
    items.insert(found + 1, replace(store, rounds=items[found].rounds))
    return key


def _names_there_are(name: str, items: list[Item], prefix: str) -> str:
    known = []
    for item in items:
        word = _stored(item) or item.name
        if word and not item.made:
            known.append(word.removeprefix(prefix))
    listed = ", ".join(dict.fromkeys(known))
    near = did_you_mean(name, list(dict.fromkeys(known)))
    return near or f"there are: {listed or 'none; give a node a `name:`'}"


def _stored(item: Item) -> str | None:
    """The key under which an item stores."""
    if item.block == "StoreAs" and isinstance(item.params, str):
        return item.prefix + item.params
    return None
