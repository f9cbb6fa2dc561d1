"""From items to nodes: every block is known, every config valid, every node has a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import (
    GraphError,
    GraphWarning,
    MirbricksError,
    Where,
    did_you_mean,
)
from ...fields import quoted
from ...registry import BlockConfig, Spec, blocks, find
from ...spelling import snake_case
from .configs import read_config
from .forms import Item
from .names import name_problem
from .nodes import Join, Layer, Skip
from .words import JOINS, SKIPS


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
        # A name that the user gives anywhere in the file is not given to another node
        # by the reader, even where that node comes first.
        self.taken = {item.name for item in items if item.name}
        self.counts: dict[str, int] = {}
        # By the marks of their items: where a repeat shares weights, the nodes of later
        # rounds find those of the first here.
        self.layers: dict[object, Layer] = {}
        self.named: dict[str, Layer] = {}
        # A Reuse of a node that has mistakes of its own would only repeat them.
        self.failed: set[str | None] = set()
        # Reversed, so that of several nodes with one name the first line is kept.
        self.later = {
            item.name: item.source.key(item.steps).line
            for item in reversed(items)
            if item.name
        }

    def read(self, item: Item) -> Layer | Skip | None:
        """The node of one item; None after adding its mistakes to `errors`."""
        if item.block == "Reuse":
            return self._reuse(item)
        if item.block in SKIPS:
            return self._skip(item)
        spec = find(item.block)
        if spec is None:
            self._unknown(item, blocks())
            return None
        return self._layer(item, spec)

    def _unknown(self, item: Item, known: Mapping[str, Spec]) -> None:
        # YAML reads a `-` that is indented deeper than the one before as more of that
        # one's text, and no spelling is near to two lines in one.
        if " - " in item.block:
            hint = "indent every `-` like the one before: this one goes on in the next line"
        else:
            near = did_you_mean(item.block, [*known, *SKIPS])
            listing = "`mirbricks blocks` lists all"
            hint = _own_block(item) or near or listing
        message = f"there is no block '{item.label or item.block}'"
        self.fail("E110", message, item.source.key(item.steps), hint)

    def fail(self, code: str, message: str, where: Where, hint: str) -> None:
        self.errors.append(GraphError(message, code=code, where=where, help=hint))

    def _layer(self, item: Item, spec: Spec) -> Layer | None:
        before = len(self.errors)
        params = item.params
        name: str | None = None
        further: tuple[str, ...] = ()
        # `name` and `with` belong to every layer, not to its config; a block whose
        # config has a field of that name keeps it.
        own = ("name", "with") if spec.contract.required > 1 else ("name",)
        apart = [key for key in own if key not in spec.cls.Config.model_fields]
        if isinstance(params, Mapping):
            if "name" in apart and "name" in params:
                name = self._name(params["name"], item)
            if "with" in apart and "with" in params:
                further = self._further(params["with"], item)
            params = {key: value for key, value in params.items() if key not in apart}
        config = self._config(item, spec, params, apart)
        # A field that names a stored tensor makes it a further input, by its full name.
        if config is not None and config.stored():
            named = {
                field: self._full(key, item.prefix)
                for field, key in config.stored().items()
            }
            config = config.model_copy(update=named)
            further = (*further, *named.values())
        # A valid config beside a bad name is not a node either: the mistakes are counted.
        if config is None or len(self.errors) > before:
            self.failed.add(item.name)
            return None
        # Where a repeat shares weights, the nodes of later rounds go by the name of the
        # first; a number is drawn only where there is no name at all.
        first = self.layers.get(item.first)
        if first:
            name = first.name
        elif not name:
            name = self._numbered(spec.name, item.prefix)
        layer = Layer(
            spec,
            config,
            name,
            item.steps,
            item.source.key(item.steps),
            item.source,
            further,
            first,
            item.entries,
            item.prefix,
            item.rounds,
        )
        self.layers[item.mark] = layer
        self._remember(layer)
        return layer

    def _config(
        self, item: Item, spec: Spec, params: Any, apart: Sequence[str]
    ) -> BlockConfig | None:
        return read_config(
            spec.cls.Config,
            params,
            item.source,
            item.steps,
            item.label or item.block,
            self.errors,
            item.words,
            apart,
            self.warnings,
        )

    def _name(self, name: Any, item: Item) -> str | None:
        where = item.source.value((*item.steps, "name"))
        problem = name_problem(name)
        if problem:
            message = f"{item.label or item.block}: {problem}"
            self.fail("E106", message, where, "choose another name")
            return None
        return f"{item.prefix}{name}"

    def _further(self, keys: Any, item: Item) -> tuple[str, ...]:
        if isinstance(keys, str):
            listed = [keys]
        else:
            listed = keys
        is_list = isinstance(listed, list) and bool(listed)
        if not is_list or not all(isinstance(key, str) for key in listed):
            message = f"{item.block}: 'with' must be the name of a stored tensor or a list of them, got {quoted(keys)}"
            where = item.source.value((*item.steps, "with"))
            self.fail("E106", message, where, "write `with: E1` or `with: [E1, E2]`")
            return ()
        return tuple(self._full(key, item.prefix) for key in listed)

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
            # On one line both come from one item: a repeat has written it several times,
            # and only its index can tell them apart.
            line = self.named[layer.name].where.line
            if line == layer.where.line:
                own = layer.name.removeprefix(layer.prefix)
                hint = f"in a repeat, write `name: {own}${{i}}`"
            else:
                hint = "rename one: its weights go by it"
            message = f"two nodes are named '{layer.name}', the first on line {line}"
            self.fail("E111", message, where, hint)
        self.named[layer.name] = layer

    def _reuse(self, item: Item) -> Layer | None:
        where = item.source.value(item.steps)
        if not isinstance(item.params, str) or not item.params:
            got = quoted(item.params or None)
            message = f"Reuse takes the name of a node, got {got}"
            self.fail("E106", message, where, "write `- Reuse: encoder`")
            return None
        name = item.prefix + item.params
        layer = self.named.get(name)
        if layer is None and name in self.failed:
            return None
        if layer is None:
            self._not_named(item, item.params, name, where)
            return None
        # `first` of what is itself a later run leads on to the run that has the weights,
        # so that no chain of nodes has to be followed later.
        return Layer(
            layer.spec,
            layer.config,
            layer.name,
            item.steps,
            item.source.key(item.steps),
            item.source,
            layer.further,
            layer.first or layer,
            item.entries,
            item.prefix,
            item.rounds,
        )

    def _not_named(self, item: Item, word: str, name: str, where: Where) -> None:
        # Only names of the same sub-graph can be written in its file, so only these are
        # near words.
        own = [
            known.removeprefix(item.prefix)
            for known in self.named
            if known.startswith(item.prefix)
        ]
        near = did_you_mean(word, own)
        hint = near or "give the node a `name:` and reuse it below"
        later = self.later.get(name)
        if later:
            problem = f"it stands only later, on line {later}"
        else:
            problem = "no node has that name"
        self.fail("E112", f"Reuse '{word}': {problem}", where, hint)

    def _skip(self, item: Item) -> Skip | None:
        op = item.block
        params = item.params
        steps = item.steps
        where = item.source.key(steps)
        # Only a join has more to set than its key, such as `fit`.
        if op in JOINS:
            forms: tuple[type, ...] = (str, Mapping)
        else:
            forms = (str,)
        if not params or not isinstance(params, forms):
            if op == "StoreAs":
                does = "to store"
            else:
                does = "stored"
            message = f"{op} takes the name {does} under, got {quoted(params or None)}"
            self.fail("E106", message, item.source.value(steps), f"write `- {op}: E1`")
            return None
        # The short form is read as a config too, so that its mistakes are reported alike.
        values = params if isinstance(params, Mapping) else {"key": params}
        join = read_config(Join, values, item.source, steps, op, self.errors)
        if join is None:
            return None
        listed = (join.key,) if isinstance(join.key, str) else join.key
        # What is stored belongs to its sub-graph; what is read may also be an input of
        # the sub-graph, which is a tensor of the graph around it.
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
            item.rounds,
        )


def _own_block(item: Item) -> str | None:
    """The hint where a file of the block's name lies beside the graph or here, as `mirbricks new-block` writes it."""
    module = snake_case(item.block)
    # The name comes out of a file: only a plain one is looked for.
    if not module.isidentifier():
        return None
    for folder in (Path(item.source.file).parent, Path()):
        file = folder / f"{module}.py"
        if file.is_file():
            return f"if '{file}' registers it, add `--plugin {module}`"
    return None
