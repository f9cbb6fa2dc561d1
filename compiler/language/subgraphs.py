"""`graph: encoder.yaml`: another graph file as one block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...fields import quoted
from .axes import Axis, read_inputs
from .forms import Entry, Item, Scope, SubGraph
from .names import name_problem
from .outputs import read_outputs
from .source import Source, Steps
from .unrolled import Unrolled
from .variants import read_variant
from .vars import fill_sections, read_vars, unused_vars

Inputs = Mapping[str, tuple[Axis, ...]]


@contextmanager
def entered(
    unrolled: Unrolled, item: Mapping[str, Any], steps: Steps, scope: Scope
) -> Iterator[Scope | None]:
    """The scope of the file that `item` names, for its layers to be unrolled in; None after adding what is wrong.

    When the context ends, the outputs of the file are stored and its first item is marked as its entry.
    """
    config = unrolled.form(SubGraph, item, steps, scope)
    prefix = None
    if config:
        prefix = _prefix(unrolled, config, steps, scope)
    if prefix is None:
        unrolled.broken = True
        yield None
        return
    # The file stays open while its layers are unrolled, so that one that names itself
    # is seen as a circle.
    where = scope.source.value((*steps, "graph"))
    with unrolled.files.open(config.graph, where, "graph") as opened:
        unrolled.count_values(len(opened.values), where)
        inside = _inside(unrolled, config, opened, steps, scope, prefix)
        if inside is None:
            unrolled.broken = True
            yield None
            return
        begin = len(unrolled.items)
        given = inside.source.data.get("input")
        inputs = read_inputs(given, inside.source, unrolled.errors)
        _bind(unrolled, config, inputs, (*steps, "graph"), scope, inside)
        yield inside
        # Behind its layers: only then is it known which of its names exist.
        read_outputs(unrolled, inside, begin)
        unrolled.warnings += unused_vars(inside.source, inside.names)
        # The file's `input:` is a contract, held against the tensor that comes to its
        # first layer. That may be the entry of an inner sub-graph as well.
        if len(unrolled.items) > begin and inputs:
            axes = next(iter(inputs.values()))
            entry = Entry(Path(config.graph).name, where, axes)
            first = unrolled.items[begin]
            entries = (entry, *first.entries)
            unrolled.items[begin] = replace(first, entries=entries)


def _inside(
    unrolled: Unrolled,
    config: SubGraph,
    opened: Source,
    steps: Steps,
    scope: Scope,
    prefix: str,
) -> Scope | None:
    """The scope of the sub-graph's layers; None after adding what is wrong with its vars."""
    errors = unrolled.errors
    source, changes = read_variant(opened, unrolled.files, (), errors)
    given = {
        name: (_thawed(value), scope.source.key((*steps, "vars", name)))
        for name, value in config.vars.items()
    }
    # What uses a var that has a mistake would only repeat it.
    before = len(errors)
    names = read_vars(source, errors, given)
    if len(errors) > before:
        return None
    source = fill_sections(source, names, errors)
    unrolled.add_changes(changes, prefix)
    return Scope(source, names, prefix, scope.again, scope.rounds)


def _thawed(value: Any) -> Any:
    """A var as a file holds it: settings are frozen, and their lists are tuples."""
    if isinstance(value, (list, tuple)):
        return [_thawed(item) for item in value]
    return value


def _prefix(
    unrolled: Unrolled, config: SubGraph, steps: Steps, scope: Scope
) -> str | None:
    """What stands before the names in the sub-graph; None after adding why its own name cannot be used."""
    if config.name is None:
        return f"{scope.prefix}{_numbered(unrolled, config.graph)}."
    where = scope.source.value((*steps, "name"))
    prefix = f"{scope.prefix}{config.name}."
    first = unrolled.prefixes.get(prefix)
    unrolled.prefixes.setdefault(prefix, where)
    problem = name_problem(config.name)
    if problem:
        unrolled.fail("E106", f"graph: {problem}", where, "choose another name")
        return None
    # The first round of a shared repeat gives its name to all rounds.
    if first is None or scope.again:
        return prefix
    message = f"graph: two sub-graphs are named '{config.name}', the first on line {first.line}"
    hint = "rename one: its weights go by it"
    if first == where:
        hint = f'in a repeat, write `name: "{config.name}${{i}}"`'
    unrolled.fail("E111", message, where, hint)
    return None


def _bind(
    unrolled: Unrolled,
    config: SubGraph,
    inputs: Inputs,
    steps: Steps,
    outer: Scope,
    inside: Scope,
) -> None:
    """Make the inputs of the sub-graph known under their names in it."""
    given = config.further
    if isinstance(given, str):
        given = (given,)
    wanted = list(inputs)[1:]
    if len(given) != len(wanted):
        more = "no further input"
        hint = "leave `with` out"
        if wanted:
            more = f"further inputs {', '.join(map(quoted, wanted))}"
            hint = f"give `with: [{', '.join(wanted)}]`, the tensors to take"
        message = f"'{config.graph}' has {more}, but `with` names {len(given)}"
        unrolled.fail("E108", message, outer.source.value(steps), hint)
        unrolled.broken = True
    # No tensor is copied: the name inside is another word for the one outside, which may
    # itself be an input of the file around this one.
    for name, key in zip(wanted, given, strict=False):
        outside = outer.prefix + key
        stored = unrolled.aliases.get(outside, outside)
        unrolled.aliases[inside.prefix + name] = stored
    # The first input is the running tensor: it is stored only where the file asks for it by name.
    first = next(iter(inputs), "x")
    if _mentions(inside.source.data.get("layers"), first):
        made = Item("StoreAs", first, steps, outer.source, inside.prefix, made=True)
        unrolled.items.append(replace(made, rounds=outer.rounds))


def _mentions(value: Any, word: str) -> bool:
    """Whether a word stands anywhere among these values."""
    if isinstance(value, Mapping):
        return any(_mentions(item, word) for item in value.values())
    if isinstance(value, list):
        return any(_mentions(item, word) for item in value)
    return bool(value == word)


def _numbered(unrolled: Unrolled, path: str) -> str:
    """A name for a sub-graph that has none: its file's, and a number."""
    stem = re.sub(r"\W", "_", Path(path).stem)
    if not stem[:1].isalpha():
        stem = f"graph_{stem}"
    unrolled.stems[stem] = unrolled.stems.get(stem, 0) + 1
    return f"{stem}_{unrolled.stems[stem]}"
