"""`graph: encoder.yaml`: another graph file as one block."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import GraphError
from .axes import Axis, read_inputs
from .configs import quoted
from .forms import Entry, Item, Scope, SubGraph
from .names import name_problem
from .outputs import read_outputs
from .source import Steps
from .variants import read_variant
from .vars import fill_sections, read_vars, unused_vars

if TYPE_CHECKING:
    from .expand import Expansion

Inputs = Mapping[str, tuple[Axis, ...]]


def expand(
    expansion: Expansion, item: Mapping[str, Any], steps: Steps, scope: Scope
) -> None:
    """Add the layers of the file that `item` names, with a name before theirs."""
    config = expansion.form(SubGraph, item, steps, scope)
    if config:
        prefix = _prefix(expansion, config, steps, scope)
    else:
        prefix = None
    if prefix is None:
        expansion.broken = True
        return
    here = (*steps, "graph")
    errors = expansion.errors
    with expansion.files.open(
        config.graph, scope.source.value(here), "graph"
    ) as opened:
        expansion.count_values(len(opened.values), scope.source.value(here))
        source, changes = read_variant(opened, expansion.files, (), errors)
        given = {
            name: (value, scope.source.key((*steps, "vars", name)))
            for name, value in config.vars.items()
        }
        before = len(errors)
        names = read_vars(source, errors, given)
        if len(errors) > before:
            expansion.broken = True
            return
        source = fill_sections(source, names, errors)
        expansion.add_changes(changes, prefix)
        inside = Scope(source, names, prefix, scope.again)
        begin = len(expansion.items)
        inputs = read_inputs(source.data.get("input"), source, errors)
        _bind(expansion, config, inputs, here, scope, inside)
        expansion.layers(source.data.get("layers"), ("layers",), inside, "layers")
        read_outputs(expansion, inside, begin)
        expansion.warnings += unused_vars(source, names)
        if len(expansion.items) > begin and inputs:
            entry = Entry(
                Path(config.graph).name,
                scope.source.value(here),
                next(iter(inputs.values())),
            )
            first = expansion.items[begin]
            expansion.items[begin] = replace(first, entries=(entry, *first.entries))


def _prefix(
    expansion: Expansion, config: SubGraph, steps: Steps, scope: Scope
) -> str | None:
    """What stands before the names in the sub-graph; None after adding why its own name cannot be used."""
    if config.name is None:
        return f"{scope.prefix}{_numbered(expansion, config.graph)}."
    where = scope.source.value((*steps, "name"))
    prefix = f"{scope.prefix}{config.name}."
    problem = name_problem(config.name)
    hint = "choose another name"
    code = "E106"
    first = expansion.prefixes.get(prefix)
    if first and not problem and not scope.again:
        problem = (
            f"two sub-graphs are named '{config.name}', the first on line {first.line}"
        )
        code = "E111"
        again = f'in a repeat, write `name: "{config.name}${{i}}"`'
        if first == where:
            hint = again
        else:
            hint = "rename one: its weights go by it"
    expansion.prefixes.setdefault(prefix, where)
    if problem:
        expansion.errors.append(
            GraphError(f"graph: {problem}", code=code, where=where, help=hint)
        )
    if problem:
        return None
    return prefix


def _bind(
    expansion: Expansion,
    config: SubGraph,
    inputs: Inputs,
    steps: Steps,
    outer: Scope,
    inside: Scope,
) -> None:
    """Make the inputs of the sub-graph known under their names in it."""
    given = (config.further,) if isinstance(config.further, str) else config.further
    wanted = list(inputs)[1:]
    if len(given) != len(wanted):
        if wanted:
            more = f"further inputs {', '.join(map(quoted, wanted))}"
        else:
            more = "no further input"
        message = f"'{config.graph}' has {more}, but `with` names {len(given)}"
        if wanted:
            hint = f"give `with: [{', '.join(wanted)}]`, the tensors to take"
        else:
            hint = "leave `with` out"
        where = outer.source.value(steps)
        expansion.errors.append(
            GraphError(message, code="E108", where=where, help=hint)
        )
        expansion.broken = True
    for name, key in zip(wanted, given, strict=False):
        expansion.aliases[inside.prefix + name] = expansion.aliases.get(
            outer.prefix + key, outer.prefix + key
        )
    first = next(iter(inputs), "x")
    if _mentions(inside.source.data.get("layers"), first):
        made = Item("StoreAs", first, steps, outer.source, inside.prefix, made=True)
        expansion.items.append(made)


def _mentions(value: Any, word: str) -> bool:
    """Whether a word stands anywhere among these values."""
    if isinstance(value, Mapping):
        return any(_mentions(item, word) for item in value.values())
    if isinstance(value, list):
        return any(_mentions(item, word) for item in value)
    return bool(value == word)


def _numbered(expansion: Expansion, path: str) -> str:
    """A name for a sub-graph that has none: its file's, and a number."""
    stem = re.sub(r"\W", "_", Path(path).stem)
    if not (stem[:1].isalpha()):
        stem = f"graph_{stem}"
    expansion.stems[stem] = expansion.stems.get(stem, 0) + 1
    return f"{stem}_{expansion.stems[stem]}"
