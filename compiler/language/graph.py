"""The form of a graph: what a file says, before any size is known.

name: unet_small                # optional; the file's name otherwise
extends: base.yaml              # a variant of another file
vars: {width: 32}               # for ${width}
input: B C=6 F=360 T            # named axes, "=" fixes a size; several inputs: {x: B C=64 T, t: B}
outputs: [head, E1]             # several outputs: names of nodes or of StoreAs
layers:
  - BatchNorm2d
  - Conv2d: {name: head, out_channels: "${width}", kernel_size: 3}
  - StoreAs: E1
  - CatWith: {key: E1, fit: crop}
feature: {...}                  # sections of an experiment: feature, dataset, task, train

The stages: variants (extends, --set) -> vars -> expand (repeat, branch, graph) -> nodes -> skips.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from ...errors import (
    GraphError,
    GraphWarning,
    MirbricksError,
    Where,
    did_you_mean,
    raise_all,
)
from ...fields import quoted
from .axes import Axis, read_inputs
from .configs import read_config
from .expand import Expansion
from .files import Files
from .forms import Item, Scope
from .nodes import Layer, Skip, refuse_nested_names
from .outputs import read_outputs
from .reader import Reader
from .skips import check_skips
from .source import Source
from .variants import read_variant
from .vars import fill_sections, read_vars, unused_vars

SECTIONS = ("feature", "dataset", "task", "train")
TOP_KEYS = ("name", "extends", "vars", "input", "outputs", "layers", *SECTIONS)
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Graph:
    """A graph whose form is right: every block is known and every config valid. Sizes are not checked yet.

    assumed      the inputs of a file that has no `input:`, where its sections say what is given to it
    of_sections  what is wrong with its sections, told once an experiment is made of it
    """

    name: str
    inputs: Mapping[str, tuple[Axis, ...]]
    nodes: tuple[Layer | Skip, ...]
    source: Source = field(repr=False)
    outputs: tuple[str, ...] = ()
    warnings: tuple[GraphWarning, ...] = ()
    assumed: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)
    of_sections: tuple[GraphWarning, ...] = ()

    def section(self, name: str, model: type[M]) -> M:
        """The section `name` as a validated config (its defaults where the file has none); raises `GraphError`."""
        errors: list[MirbricksError] = []
        config = read_config(
            model, self.source.data.get(name, {}), self.source, (name,), name, errors
        )
        raise_all(errors)
        assert config is not None
        return config

    def where_input(self) -> Where:
        """Place of the `input:` line, for messages about shapes."""
        return self.source.value(("input",))


def read_graph(source: Source, overrides: Sequence[str] = ()) -> Graph:
    """The graph of a native file; raises all mistakes of its form at once."""
    errors: list[MirbricksError] = []
    if not isinstance(source.data, Mapping):
        message = f"a graph file is a mapping with the key `layers`, got {quoted(source.data)}"
        raise GraphError(
            message,
            code="E108",
            where=source.whole(),
            help="start with `input:` and `layers:`",
        )
    files = Files.of(source)
    source, changes = read_variant(source, files, overrides, errors)
    _refuse_unknown_keys(source, errors)
    # What uses a var that has a mistake would only repeat it, so the reading ends here.
    before = len(errors)
    names = read_vars(source, errors)
    if len(errors) > before:
        finish(errors)
    source = fill_sections(source, names, errors)
    inputs = read_inputs(source.data.get("input"), source, errors)
    scope = Scope(source, names)
    expansion = Expansion(files, errors)
    expansion.add_changes(changes)
    _expand(expansion, scope)
    # Where a sub-graph could not be read, the names that it would have stored are missing:
    # skips and outputs are not checked, since they may well be right.
    outputs: tuple[str, ...] = ()
    before = len(errors)
    if not expansion.broken:
        outputs = read_outputs(expansion, scope)
    of_outputs = errors[before:]
    nodes = read_nodes(expansion.items, expansion.aliases, errors, expansion.warnings)
    _forget_consequences(of_outputs, errors)
    unfit: list[GraphWarning] = []
    if not expansion.broken:
        unfit = check_skips(nodes, inputs, outputs, errors)
    name = _name(source, errors)
    finish(errors)
    # A layer that is repeated warns in each round: once is enough.
    found = [*unused_vars(source, names), *expansion.warnings, *unfit]
    warnings = {str(warning): warning for warning in found}
    return Graph(name, inputs, tuple(nodes), source, outputs, tuple(warnings.values()))


def _refuse_unknown_keys(source: Source, errors: list[MirbricksError]) -> None:
    """Add an error for each key of the file that a graph does not have."""
    for key in source.data:
        if key not in TOP_KEYS:
            hint = did_you_mean(key, TOP_KEYS) or f"a graph has: {', '.join(TOP_KEYS)}"
            errors.append(
                GraphError(
                    f"a graph has no key '{key}'",
                    code="E105",
                    where=source.key((key,)),
                    help=hint,
                )
            )


def _forget_consequences(
    of_outputs: Sequence[MirbricksError], errors: list[MirbricksError]
) -> None:
    """Drop the outputs that nobody stores where a block is unknown: `StoreAss: E1` stores nothing either.

    Nor does a StoreAs whose name has an expression without a value. `outputs:` stands above the layers, so that its
    error would come before that of the mistake.
    """
    if any(error.code in ("E110", "E117") for error in errors):
        for error in of_outputs:
            if error.code == "E112":
                errors.remove(error)


def _expand(expansion: Expansion, scope: Scope) -> None:
    source = scope.source
    given = scope.source.data.get("layers")
    if not isinstance(given, list) or not given:
        message = "a graph needs `layers`: a list of blocks"
        where = source.whole()
        if given is not None:
            message = f"{message}, got {quoted(given)}"
            where = source.key(("layers",))
        hint = "add `layers:` and below it `  - ReLU`"
        expansion.errors.append(
            GraphError(message, code="E108", where=where, help=hint)
        )
        return
    expansion.layers(given, ("layers",), scope, "layers")
    expansion.refuse_unknown_changes()


def read_nodes(
    items: Sequence[Item],
    aliases: Mapping[str, str],
    errors: list[MirbricksError],
    warnings: list[GraphWarning],
) -> list[Layer | Skip]:
    """The nodes of these items; adds their mistakes to `errors`, old words to `warnings`."""
    reader = Reader(items, aliases, errors, warnings)
    nodes = [node for node in map(reader.read, items) if node]
    refuse_nested_names(nodes, errors)
    return nodes


def _name(source: Source, errors: list[MirbricksError]) -> str:
    stem = re.sub(r"\.ya?ml$", "", source.file.rpartition("/")[2])
    name = source.data.get("name") or stem
    if isinstance(name, dict | list) or not str(name).isprintable():
        message = f"name: expected a word, got {quoted(name)}"
        where = source.value(("name",))
        errors.append(
            GraphError(message, code="E106", where=where, help="write `name: my_graph`")
        )
    return str(name)


def finish(errors: Sequence[MirbricksError]) -> None:
    """Raise what was found in the order of the file; what a repeat finds each time is told once."""
    once = {str(error): error for error in errors}
    raise_all(sorted(once.values(), key=_by_place))


def _by_place(error: MirbricksError) -> tuple[int, int]:
    if error.where:
        return (error.where.line, error.where.column)
    return (0, 0)
