"""Skips lead forward: every stored tensor that is asked for was stored before, and none is stored for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...errors import GraphError, GraphWarning, MirbricksError, Where, did_you_mean
from .nodes import Layer, Skip


@dataclass
class _Stored:
    # None for an input.
    where: Where | None
    used: bool = False
    # Stored by the compiler, or in a sub-graph whose users may take it or leave it.
    quiet: bool = False


def check_skips(
    nodes: Sequence[Layer | Skip],
    inputs: Iterable[str],
    outputs: Sequence[str],
    errors: list[MirbricksError],
) -> list[GraphWarning]:
    """Adds an error for each name that nothing stored before; returns warnings of what is unused or hidden."""
    stored = {name: _Stored(None, quiet=True) for name in inputs}
    seen: list[tuple[str, _Stored]] = []
    warnings = []
    for node in nodes:
        if isinstance(node, Skip) and node.op == "StoreAs":
            key = node.keys[0]
            warnings += _hiding(node, stored.get(key))
            stored[key] = _Stored(node.where, quiet=node.made or bool(node.prefix))
            seen.append((key, stored[key]))
            continue
        if isinstance(node, Skip):
            asked = node.keys
        else:
            asked = node.further
        for key in asked:
            if key in stored:
                stored[key].used = True
            else:
                errors.append(_unknown(node, key, stored, nodes))
    for key in outputs:
        if key in stored:
            stored[key].used = True
    return [*warnings, *_unused_places(seen)]


def _unused_places(seen: Iterable[tuple[str, _Stored]]) -> Iterator[GraphWarning]:
    # A repeat stores at one place several times: where one of the rounds is used, the
    # line is not for nothing.
    by_place: dict[tuple[str, Where | None], bool] = {}
    for key, one in seen:
        before = by_place.get((key, one.where), False)
        by_place[key, one.where] = before or one.used or one.quiet
    for (key, where), used in by_place.items():
        if not used:
            yield _unused(key, where)


def _hiding(node: Skip, before: _Stored | None) -> list[GraphWarning]:
    if before is None or node.made or before.where == node.where:
        return []
    if before.where:
        what = f"that of line {before.where.line}"
    else:
        what = "the input of that name"
    message = f"StoreAs '{node.keys[0].removeprefix(node.prefix)}' hides {what}"
    return [
        GraphWarning(
            message, code="W102", where=node.where, help="give it another name"
        )
    ]


def _unused(key: str, where: Where | None) -> GraphWarning:
    hint = "join it with CatWith, AddWith or MulWith, or take it out"
    return GraphWarning(
        f"StoreAs '{key}' is never used", code="W101", where=where, help=hint
    )


def _unknown(
    node: Layer | Skip,
    key: str,
    stored: dict[str, _Stored],
    nodes: Sequence[Layer | Skip],
) -> GraphError:
    own = key.removeprefix(node.prefix)
    known = [name.removeprefix(node.prefix) for name in stored if "/" not in name]
    inputs = [name for name, one in stored.items() if one.where is None]
    stores = [one for one in nodes if isinstance(one, Skip) and one.op == "StoreAs"]
    later = next((one for one in stores if key in one.keys), None)
    # A key that is stored too late is spelt right: the nearest other word would mislead.
    if later:
        problem = f"stored only later, on line {later.where.line}"
        hint = f"a skip leads forward only: store before line {node.where.line}"
    else:
        problem = "nothing has that name"
        so_far = ", ".join(
            f"{name} (an input)" if name in inputs else name for name in known
        )
        hint = did_you_mean(own, known) or f"stored so far: {so_far or 'nothing'}"
    if isinstance(node, Skip):
        label = node.op
        step = "key"
    else:
        step = node.asks_by(key)
        label = f"{node.spec.name}: {step}"
    message = f"{label} '{own}': {problem}"
    where = node.source.value((*node.steps, step))
    return GraphError(message, code="E112", where=where, help=hint)
