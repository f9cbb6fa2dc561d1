"""`graph: encoder.yaml`: another graph file as one block."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GraphError
from .axes import Axis, read_inputs
from .configs import quoted
from .forms import Entry, Item, Scope, SubGraph
from .outputs import read_outputs
from .source import Steps
from .variants import read_variant
from .vars import fill_sections, read_vars, unused_vars

if TYPE_CHECKING:
    from .expand import Expansion

Inputs = Mapping[str, tuple[Axis, ...]]


def expand(expansion: Expansion, item: Mapping[str, Any], steps: Steps, scope: Scope) -> None:
    """Add the layers of the file that `item` names, with a name before theirs."""
    config = expansion.form(SubGraph, item, steps, scope)
    if config is None:
        expansion.broken = True
        return
    here, errors = (*steps, "graph"), expansion.errors
    with expansion.files.open(config.graph, scope.source.value(here), "graph") as opened:
        source, changes = read_variant(opened, expansion.files, (), errors)
        given = {name: (value, scope.source.key((*steps, "vars", name))) for name, value in config.vars.items()}
        before = len(errors)
        names = read_vars(source, errors, given)
        if len(errors) > before:
            expansion.broken = True
            return
        source = fill_sections(source, names, errors)
        prefix = f"{scope.prefix}{config.name or _numbered(expansion, config.graph)}."
        expansion.add_changes(changes, prefix)
        inside, begin = Scope(source, names, prefix), len(expansion.items)
        inputs = read_inputs(source.data.get("input"), source, errors)
        _bind(expansion, config, inputs, here, scope, inside)
        expansion.layers(source.data.get("layers"), ("layers",), inside, "layers")
        read_outputs(expansion, inside, begin)
        expansion.warnings += unused_vars(source, names)
        if len(expansion.items) > begin and inputs:
            entry = Entry(Path(config.graph).name, scope.source.value(here), next(iter(inputs.values())))
            first = expansion.items[begin]
            expansion.items[begin] = replace(first, entries=(entry, *first.entries))


def _bind(expansion: Expansion, config: SubGraph, inputs: Inputs, steps: Steps, outer: Scope, inside: Scope) -> None:
    """Make the inputs of the sub-graph known under their names in it."""
    given = (config.further,) if isinstance(config.further, str) else config.further
    wanted = list(inputs)[1:]
    if len(given) != len(wanted):
        more = f"further inputs {', '.join(map(quoted, wanted))}" if wanted else "no further input"
        message = f"'{config.graph}' has {more}, but `with` names {len(given)}"
        hint = f"give `with: [{', '.join(wanted)}]`, the tensors to take" if wanted else "leave `with` out"
        where = outer.source.value(steps)
        expansion.errors.append(GraphError(message, code="E108", where=where, help=hint))
        expansion.broken = True
    for name, key in zip(wanted, given, strict=False):
        expansion.aliases[inside.prefix + name] = expansion.aliases.get(outer.prefix + key, outer.prefix + key)
    first = next(iter(inputs), "x")
    if _mentions(inside.source.data.get("layers"), first):
        made = Item("StoreAs", first, steps, outer.source, inside.prefix, made=True)
        expansion.items.append(made)


def _mentions(value: Any, word: str) -> bool:
    """Whether a word stands anywhere among these values."""
    if isinstance(value, Mapping):
        return any(_mentions(item, word) for item in value.values())
    return any(_mentions(item, word) for item in value) if isinstance(value, list) else value == word


def _numbered(expansion: Expansion, path: str) -> str:
    """A name for a sub-graph that has none: its file's, and a number."""
    stem = re.sub(r"\W", "_", Path(path).stem)
    stem = stem if stem[:1].isalpha() else f"graph_{stem}"
    expansion.subgraphs[stem] = expansion.subgraphs.get(stem, 0) + 1
    return f"{stem}_{expansion.subgraphs[stem]}"
