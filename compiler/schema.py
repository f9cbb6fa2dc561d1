"""The form of a graph: what a file says, before any size is known.

name: unet_small                # optional; the file's name otherwise
input: B C=6 F=360 T            # named axes, "=" fixes a size; several inputs: {x: B C=64 T, t: B}
layers:
  - BatchNorm2d
  - Conv2d: {name: head, out_channels: 32, kernel_size: 3}
  - StoreAs: E1
  - CatWith: {key: E1, fit: crop}
feature: {...}                  # sections of an experiment: feature, dataset, task, train
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel
from torch import nn

from ..errors import GraphError, MirbricksError, Where, did_you_mean, raise_all
from ..registry import BlockConfig, Spec, blocks
from .configs import NO_WORDS, quoted, read_config
from .source import Source, Steps

SECTIONS = ("feature", "dataset", "task", "train")
TOP_KEYS = ("name", "input", "layers", *SECTIONS)
SKIPS = ("StoreAs", "CatWith", "AddWith", "MulWith")
RESERVED = {*dir(nn.Module()), "graph", "ops", "nodes", "input_shapes", "output_shape", "free_sizes", "axis_names"}
M = TypeVar("M", bound=BaseModel)

LARGEST_SIZE = 10**9
_AXIS = re.compile(r"([A-Z][A-Za-z0-9]*)(?:=([1-9]\d*))?")
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Axis:
    """A named axis of an input; `size` is None where it is free."""

    name: str
    size: int | None = None


def default_axes(rank: int) -> tuple[str, ...]:
    """Names of the axes of an input that the graph does not name."""
    return {3: ("B", "C", "T"), 4: ("B", "C", "F", "T")}.get(rank) or ("B", *(f"X{i}" for i in range(1, rank)))


@dataclass(frozen=True)
class Layer:
    """A block in the chain, with its config as the file gives it."""

    spec: Spec
    config: BlockConfig
    name: str | None
    steps: Steps
    where: Where


class Join(BlockConfig):
    """Fields of CatWith, AddWith and MulWith."""

    key: str
    fit: Literal["error", "crop", "pad"] = "error"


@dataclass(frozen=True)
class Skip:
    """StoreAs, CatWith, AddWith or MulWith."""

    op: str
    key: str
    fit: str
    steps: Steps
    where: Where


@dataclass(frozen=True)
class Graph:
    """A graph whose form is right: every block is known and every config valid. Sizes are not checked yet."""

    name: str
    inputs: Mapping[str, tuple[Axis, ...]]
    nodes: tuple[Layer | Skip, ...]
    source: Source = field(repr=False)

    def section(self, name: str, model: type[M]) -> M:
        """The section `name` as a validated config (its defaults where the file has none); raises `GraphError`."""
        errors: list[MirbricksError] = []
        config = read_config(model, self.source.data.get(name, {}), self.source, (name,), name, errors)
        raise_all(errors)
        assert config is not None
        return config

    def where_input(self) -> Where:
        """Place of the `input:` line, for messages about shapes."""
        return self.source.value(("input",))


def read_graph(source: Source) -> Graph:
    """The graph of a native file; raises all mistakes of its form at once."""
    errors: list[MirbricksError] = []
    data = source.data
    if not isinstance(data, Mapping):
        message = f"a graph file is a mapping with the key `layers`, got {quoted(data)}"
        raise GraphError(message, code="E108", where=source.whole(), help="start with `input:` and `layers:`")
    for key in data:
        if key not in TOP_KEYS:
            hint = did_you_mean(key, TOP_KEYS) or f"a graph has: {', '.join(TOP_KEYS)}"
            errors.append(GraphError(f"a graph has no key '{key}'", code="E105", where=source.key((key,)), help=hint))
    inputs = _read_inputs(data.get("input"), source, errors)
    nodes = _read_layers(data.get("layers"), source, errors)
    check_names(nodes, inputs, source, errors)
    name = data.get("name") or re.sub(r"\.ya?ml$", "", source.file.rpartition("/")[2])
    if isinstance(name, dict | list):
        message, where = f"name: expected a word, got {quoted(name)}", source.value(("name",))
        errors.append(GraphError(message, code="E106", where=where, help="write `name: my_graph`"))
    raise_all(sorted(errors, key=by_place))
    return Graph(str(name), inputs, tuple(nodes), source)


def by_place(error: MirbricksError) -> tuple[int, int]:
    """Sort key: the order of the file."""
    return (error.where.line, error.where.column) if error.where else (0, 0)


def _read_inputs(given: Any, source: Source, errors: list[MirbricksError]) -> dict[str, tuple[Axis, ...]]:
    if given is None:
        return {}
    named = given if isinstance(given, Mapping) else {"x": given}
    inputs = {}
    for name, text in named.items():
        steps: Steps = ("input", name) if isinstance(given, Mapping) else ("input",)
        matches = [_AXIS.fullmatch(word) for word in text.split()] if isinstance(text, str) else []
        inputs[name] = tuple(Axis(m[1], int(m[2]) if m[2] else None) for m in matches if m)
        problem = _axes_problem(text, inputs[name])
        if problem:
            hint = "write named axes, the batch first, as in `input: B C=6 F=360 T`"
            errors.append(GraphError(f"input: {problem}", code="E113", where=source.value(steps), help=hint))
    return inputs


def _axes_problem(text: Any, axes: Sequence[Axis]) -> str | None:
    """Why `text` names no axes of an input; None where it does. `axes` are those that could be read."""
    if not isinstance(text, str) or not text.split():
        return f"expected named axes, got {quoted(text)}"
    for word in text.split():
        if not _AXIS.fullmatch(word):
            return f"expected an axis such as T or F=360, got '{word}'"
    names = [axis.name for axis in axes]
    if names[0] != "B":
        return f"the first axis must be the batch B, got '{text}'"
    large = next((axis for axis in axes if axis.size and axis.size > LARGEST_SIZE), None)
    if large:
        return f"{large.name} is larger than {LARGEST_SIZE:,}"
    twice = next((name for name in names if names.count(name) > 1), None)
    return f"the axis '{twice}' stands twice, got '{text}'" if twice else None


def _read_layers(given: Any, source: Source, errors: list[MirbricksError]) -> list[Layer | Skip]:
    if not isinstance(given, list) or not given:
        where = source.key(("layers",)) if given is not None else source.whole()
        message = "a graph needs `layers`: a list of blocks" + ("" if given is None else f", got {quoted(given)}")
        errors.append(GraphError(message, code="E108", where=where, help="add `layers:` and below it `  - ReLU`"))
        return []
    nodes = [_read_layer(item, ("layers", i), source, errors) for i, item in enumerate(given)]
    return [node for node in nodes if node]


def _read_layer(item: Any, steps: Steps, source: Source, errors: list[MirbricksError]) -> Layer | Skip | None:
    if isinstance(item, str):
        return read_node(item, {}, steps, source, errors)
    if isinstance(item, Mapping) and len(item) == 1:
        ((block, params),) = item.items()
        return read_node(block, {} if params is None else params, (*steps, block), source, errors)
    hint = "write `- Block` or `- Block: {...}`; a block's keys go inside its braces or one level deeper"
    several = list(item) if isinstance(item, Mapping) else []
    if several and several[0] in blocks() and several[1] not in blocks():
        hint = f"indent '{several[1]}' by four more than the `-`, so that it belongs to {several[0]}"
    got = f"the keys {' and '.join(map(quoted, several))}" if several else quoted(item)
    where = source.key((*steps, several[1])) if several else source.value(steps)
    errors.append(GraphError(f"a layer is one block, got {got}", code="E109", where=where, help=hint))
    return None


def read_node(
    block: str,
    params: Any,
    steps: Steps,
    source: Source,
    errors: list[MirbricksError],
    label: str | None = None,
    words: Mapping[str, str] = NO_WORDS,
) -> Layer | Skip | None:
    """One layer or skip; None after adding its mistakes to `errors`.

    `label` and `words` are the block's name and its fields' names in the file, where they differ (see `read_config`).
    """
    if block in SKIPS:
        return _read_skip(block, params, steps, source, errors)
    known = blocks()
    if block not in known:
        hint = did_you_mean(block, [*known, *SKIPS]) or "`mirbricks blocks` lists all"
        message = f"no block is registered as '{block}'"
        errors.append(GraphError(message, code="E110", where=source.key(steps), help=hint))
        return None
    spec, name = known[block], None
    if isinstance(params, Mapping) and "name" in params and "name" not in spec.cls.Config.model_fields:
        name = params["name"]
        params = {key: value for key, value in params.items() if key != "name"}
        problem = _name_problem(name)
        if problem:
            where = source.value((*steps, "name"))
            errors.append(GraphError(f"{block}: {problem}", code="E106", where=where, help="choose another name"))
            return None
    config = read_config(spec.cls.Config, params, source, steps, label or block, errors, words, ("name",))
    return Layer(spec, config, name, steps, source.key(steps)) if config is not None else None


def _name_problem(name: Any) -> str | None:
    """Why a node cannot have this name; None where it can."""
    if not isinstance(name, str) or not _NODE_NAME.fullmatch(name):
        return f"'name' must be a word of letters, digits and _ that begins with a letter, got {quoted(name)}"
    return f"'name' cannot be '{name}': a torch module has that word for itself" if name in RESERVED else None


def _read_skip(op: str, params: Any, steps: Steps, source: Source, errors: list[MirbricksError]) -> Skip | None:
    if not params or not isinstance(params, str if op == "StoreAs" else str | Mapping):
        message = (
            f"{op} takes the name {'to store' if op == 'StoreAs' else 'stored'} under, got {quoted(params or None)}"
        )
        errors.append(GraphError(message, code="E106", where=source.value(steps), help=f"write `- {op}: E1`"))
        return None
    values = {"key": params} if isinstance(params, str) else params
    join = read_config(Join, values, source, steps, op, errors)
    return Skip(op, join.key, join.fit, steps, source.key(steps)) if join else None


def check_names(
    nodes: list[Layer | Skip], inputs: Mapping[str, Any], source: Source, errors: list[MirbricksError]
) -> None:
    """Node names are unique; every join names a tensor stored before it (or an input)."""
    stored: dict[str, Where | None] = dict.fromkeys(inputs)
    named: dict[str, Where] = {}
    for node in nodes:
        if isinstance(node, Layer):
            if node.name in named:
                where = source.value((*node.steps, "name"))
                message = f"two nodes are named '{node.name}', the first on line {named[node.name].line}"
                errors.append(GraphError(message, code="E111", where=where, help="rename one: its weights go by it"))
            elif node.name:
                named[node.name] = node.where
        elif node.op == "StoreAs":
            stored[node.key] = node.where
        elif node.key not in stored:
            later = [n for n in nodes if isinstance(n, Skip) and (n.op, n.key) == ("StoreAs", node.key)]
            so_far = ", ".join([*(f"{n} (an input)" for n in inputs), *(n for n in stored if n not in inputs)])
            hint = did_you_mean(node.key, stored) or f"stored so far: {so_far or 'nothing'}"
            hint = f"a skip leads forward only: store before line {node.where.line}" if later else hint
            problem = f"stored only later, on line {later[0].where.line}" if later else "nothing has that name"
            message = f"{node.op} '{node.key}': {problem}"
            where = source.value((*node.steps, "key"))
            errors.append(GraphError(message, code="E112", where=where, help=hint))
