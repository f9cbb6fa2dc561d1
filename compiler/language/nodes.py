"""Layers and skips with their configs read: every block is known, every config valid, every node has a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...errors import (
    GraphError,
    GraphWarning,
    MirbricksError,
    Where,
    did_you_mean,
)
from ...fields import quoted
from ...registry import BlockConfig, Spec, blocks
from .configs import read_config
from .forms import Entry, Item
from .names import name_problem
from .source import Source, Steps
from .words import JOINS, SKIPS


@dataclass(frozen=True)
class Layer:
    """A block in the chain, with its config as the file gives it."""

    spec: Spec
    config: BlockConfig
    name: str
    steps: Steps
    where: Where
    source: Source = field(repr=False)
    further: tuple[str, ...] = ()  # stored tensors that are its further inputs
    first: Layer | None = field(
        default=None, repr=False
    )  # the node whose weights it uses
    entries: tuple[Entry, ...] = ()
    prefix: str = ""


class Join(BlockConfig):
    """Fields of CatWith, AddWith and MulWith."""

    key: str | tuple[str, ...]
    fit: Literal["error", "crop", "pad"] = "error"


@dataclass(frozen=True)
class Skip:
    """StoreAs, StartFrom, CatWith, AddWith or MulWith."""

    op: str
    keys: tuple[str, ...]
    fit: str
    steps: Steps
    where: Where
    source: Source = field(repr=False)
    entries: tuple[Entry, ...] = ()
    made: bool = False
    prefix: str = ""


class Reader:
    """Reads items one after the other; `errors` and `warnings` collect what is wrong with them."""

    def __init__(
        self,
        items: Sequence[Item],
        aliases: Mapping[str, str],
        errors: list[MirbricksError],
        warnings: list[GraphWarning],
    ) -> None:
        self.aliases = aliases
        self.errors = errors
        self.warnings = warnings
        self.taken = {item.name for item in items if item.name}
        self.counts: dict[str, int] = {}
        self.layers: dict[object, Layer] = {}  # by the marks of their items
        self.named: dict[str, Layer] = {}
        self.failed: set[str | None] = set()
        self.later = {
            item.name: item.source.key(item.steps).line
            for item in reversed(items)
            if item.name
        }

    def read(self, item: Item) -> Layer | Skip | None:
        """The node of one item; None after adding its mistakes to `errors`."""
        known = blocks()
        if item.block == "Reuse":
            return self._reuse(item)
        if item.block in SKIPS:
            return self._skip(item)
        if item.block not in known:
            hint = (
                did_you_mean(item.block, [*known, *SKIPS])
                or "`mirbricks blocks` lists all"
            )
            if (
                " - " in item.block
            ):  # how YAML reads a `-` that is indented deeper than the one before
                hint = "indent every `-` like the one before: this one goes on in the next line"
            message = f"there is no block '{item.label or item.block}'"
            self.fail("E110", message, item.source.key(item.steps), hint)
            return None
        return self._layer(item, known[item.block])

    def fail(self, code: str, message: str, where: Where, hint: str) -> None:
        self.errors.append(GraphError(message, code=code, where=where, help=hint))

    def _layer(self, item: Item, spec: Spec) -> Layer | None:
        before = len(self.errors)
        params = item.params
        name: str | None = None
        further: tuple[str, ...] = ()
        own = ("name", "with") if len(spec.contract.inputs) > 1 else ("name",)
        apart = [key for key in own if key not in spec.cls.Config.model_fields]
        if isinstance(params, Mapping):
            if "name" in apart and "name" in params:
                name = self._name(params["name"], item)
            else:
                name = None
            if "with" in apart and "with" in params:
                further = self._further(params["with"], item)
            else:
                further = ()
            params = {key: value for key, value in params.items() if key not in apart}
        label = item.label or item.block
        config = read_config(
            spec.cls.Config,
            params,
            item.source,
            item.steps,
            label,
            self.errors,
            item.words,
            apart,
            self.warnings,
        )
        if config is None or len(self.errors) > before:
            self.failed.add(item.name)
            return None
        first = self.layers.get(item.first)
        if first:
            name = first.name
        else:
            name = name or self._numbered(spec.name, item.prefix)
        where = item.source.key(item.steps)
        layer = Layer(
            spec,
            config,
            name,
            item.steps,
            where,
            item.source,
            further,
            first,
            item.entries,
            item.prefix,
        )
        self.layers[item.mark] = layer
        self._remember(layer)
        return layer

    def _name(self, name: Any, item: Item) -> str | None:
        where = item.source.value((*item.steps, "name"))
        problem = name_problem(name)
        if problem:
            self.fail(
                "E106",
                f"{item.label or item.block}: {problem}",
                where,
                "choose another name",
            )
            return None
        return f"{item.prefix}{name}"

    def _further(self, keys: Any, item: Item) -> tuple[str, ...]:
        if isinstance(keys, str):
            listed = [keys]
        else:
            listed = keys
        if (
            not isinstance(listed, list)
            or not listed
            or not all(isinstance(key, str) for key in listed)
        ):
            message = f"{item.block}: 'with' must be the name of a stored tensor or a list of them, got {quoted(keys)}"
            where = item.source.value((*item.steps, "with"))
            self.fail("E106", message, where, "write `with: E1` or `with: [E1, E2]`")
            return ()
        return tuple(map(self._full, listed, [item.prefix] * len(listed)))

    def _full(self, key: str, prefix: str) -> str:
        return self.aliases.get(prefix + key, prefix + key)

    def _numbered(self, block: str, prefix: str) -> str:
        """A name for a node that has none: the block's, and a number."""
        word = f"{prefix}{block.lower()}"
        while True:
            self.counts[word] = self.counts.get(word, 0) + 1
            if f"{word}_{self.counts[word]}" not in self.taken:
                return f"{word}_{self.counts[word]}"

    def _remember(self, layer: Layer) -> None:
        """Two nodes of one name would have one key for two weights."""
        if layer.first:
            return
        where = layer.source.value((*layer.steps, "name"))
        if layer.name in self.named:
            line = self.named[layer.name].where.line
            hint = "rename one: its weights go by it"
            if line == layer.where.line:
                hint = f"in a repeat, write `name: {layer.name.removeprefix(layer.prefix)}${{i}}`"
            self.fail(
                "E111",
                f"two nodes are named '{layer.name}', the first on line {line}",
                where,
                hint,
            )
        self.named[layer.name] = layer

    def _reuse(self, item: Item) -> Layer | None:
        if not isinstance(item.params, str) or not item.params:
            message = (
                f"Reuse takes the name of a node, got {quoted(item.params or None)}"
            )
            self.fail(
                "E106",
                message,
                item.source.value(item.steps),
                "write `- Reuse: encoder`",
            )
            return None
        name = item.prefix + item.params
        where = item.source.value(item.steps)
        layer = self.named.get(name)
        if layer is None and name in self.failed:
            return None
        if layer is None:
            own = [
                known.removeprefix(item.prefix)
                for known in self.named
                if known.startswith(item.prefix)
            ]
            hint = (
                did_you_mean(item.params, own)
                or "give the node a `name:` and reuse it below"
            )
            later = self.later.get(name)
            if later:
                problem = f"it stands only later, on line {later}"
            else:
                problem = "no node has that name"
            self.fail("E112", f"Reuse '{item.params}': {problem}", where, hint)
            return None
        steps = item.steps
        source = item.source
        return Layer(
            layer.spec, layer.config, layer.name, steps, source.key(steps), source,
            layer.further, layer.first or layer, item.entries, item.prefix,
        )  # fmt: skip

    def _skip(self, item: Item) -> Skip | None:
        op = item.block
        params = item.params
        steps = item.steps
        where = item.source.key(steps)
        joins = op in JOINS
        if not params or not isinstance(params, str | Mapping if joins else str):
            if op == "StoreAs":
                does = "to store"
            else:
                does = "stored"
            message = f"{op} takes the name {does} under, got {quoted(params or None)}"
            self.fail("E106", message, item.source.value(steps), f"write `- {op}: E1`")
            return None
        values = params if isinstance(params, Mapping) else {"key": params}
        join = read_config(Join, values, item.source, steps, op, self.errors)
        if join is None:
            return None
        listed = (join.key,) if isinstance(join.key, str) else join.key
        if op == "StoreAs":
            keys = tuple(item.prefix + key for key in listed)
        else:
            keys = tuple(self._full(key, item.prefix) for key in listed)
        return Skip(
            op,
            keys,
            join.fit,
            steps,
            where,
            item.source,
            item.entries,
            item.made,
            item.prefix,
        )


def refuse_nested_names(
    nodes: Sequence[Layer | Skip], errors: list[MirbricksError]
) -> None:
    """A node `enc` beside a node `enc.conv` would be a module inside a block."""
    layers = {node.name: node for node in nodes if isinstance(node, Layer)}
    for name, node in layers.items():
        parts = name.split(".")
        outer = next(
            (o for n in range(1, len(parts)) if (o := ".".join(parts[:n])) in layers),
            None,
        )
        if outer:
            where = node.source.value((*node.steps, "name"))
            message = f"'{name}' would lie inside the node '{outer}' on line {layers[outer].where.line}"
            errors.append(
                GraphError(message, code="E111", where=where, help="rename one of them")
            )
