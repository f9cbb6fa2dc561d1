"""`repeat`, `branch` and `graph:` unrolled: the layers of a graph as one flat list of items, `${...}` filled in.

A branch becomes StoreAs, StartFrom and a join; a sub-graph its own layers, with its name before theirs; a repeat its
layers as often as it says. What comes after this stage knows blocks and skips only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import GraphError, GraphWarning, MirbricksError, Where, did_you_mean
from . import subgraphs
from .configs import quoted, read_config
from .files import Files
from .forms import FORMS, MOST_LAYERS, Branch, Item, Repeat, Scope, as_pair
from .source import Steps
from .variants import REPLACE, Change
from .vars import fill_in

MOST_VALUES = 500_000  # of all layers, unrolled
JOINS = {"cat": "CatWith", "add": "AddWith", "mul": "MulWith"}


class Expansion:
    """The items of one graph, and what was found wrong while they were unrolled."""

    def __init__(self, files: Files, errors: list[MirbricksError]) -> None:
        self.files = files
        self.errors = errors
        self.warnings: list[GraphWarning] = []
        self.items: list[Item] = []
        self.aliases: dict[
            str, str
        ] = {}  # a sub-graph's input -> the stored tensor that it is
        self.stems: dict[
            str, int
        ] = {}  # files without a name, and how often they stood so far
        self.prefixes: dict[
            str, Where
        ] = {}  # names of sub-graphs, and where they were given
        self._changes: dict[str, list[Change]] = {}
        self._changed: set[str] = set()
        self.broken = False  # a sub-graph is missing: what it would have stored is not missed as well
        self._walked = self._values = self._branches = 0

    def add_changes(self, changes: Sequence[Change], prefix: str = "") -> None:
        """Changes of named nodes, the last one wins; those of a sub-graph's own file come before those already here."""
        outer = self._changes
        self._changes = {}
        for change in changes:
            self._changes.setdefault(prefix + change.name, []).append(change)
        for name, later in outer.items():
            self._changes[name] = [*self._changes.get(name, ()), *later]

    def layers(self, given: Any, steps: Steps, scope: Scope, label: str) -> None:
        """Unroll a list of layers; `label` names it in messages."""
        if not isinstance(given, list):
            message = f"{label}: expected a list of layers, got {quoted(given)}"
            where = scope.source.key(steps)
            hint = "begin each layer with `- `"
            if not (given is not None):
                hint = "add `layers:` and below it `  - ReLU`"
            self.errors.append(GraphError(message, code="E108", where=where, help=hint))
            return
        if not given:
            self._count(
                1, scope.source.value(steps)
            )  # a path, or a round of a repeat, that does nothing
        for i, item in enumerate(given):
            self._count(1, scope.source.value((*steps, i)))
            self._layer(item, (*steps, i), scope)

    def _count(self, layers: int, where: Where) -> None:
        self._walked += layers
        if self._walked > MOST_LAYERS:
            message = f"the graph has more than {MOST_LAYERS:,} layers"
            raise GraphError(
                message, code="E103", where=where, help="repeat less often"
            )

    def count_values(self, values: int, where: Where) -> None:
        """What a repeat fills in again and again must have an end too."""
        self._values += values
        if self._values > MOST_VALUES:
            message = f"its layers, unrolled, hold more than {MOST_VALUES:,} values: this is no graph"
            raise GraphError(
                message,
                code="E103",
                where=where,
                help="repeat less often, or write shorter lists",
            )

    def _layer(self, item: Any, steps: Steps, scope: Scope) -> None:
        form = next(
            (form for form in FORMS if isinstance(item, Mapping) and form in item), None
        )
        if form == "graph":
            subgraphs.expand(self, item, steps, scope)
        elif form:
            (self._repeat if form == "repeat" else self._branch)(item, steps, scope)
        else:
            before = len(self.errors)
            filled = self._filled(item, steps, scope)
            if len(self.errors) == before:
                pair = as_pair(filled, steps, scope.source, self.errors)
            else:
                pair = None
            if pair:
                self._add(Item(*pair, scope.source, scope.prefix), scope)

    def _filled(self, values: Any, steps: Steps, scope: Scope) -> Any:
        """The values with `${...}` filled in; they are counted before and, since a var may be a list, after."""
        where = scope.source.key(steps)
        self.count_values(_size(values), where)
        filled = fill_in(values, steps, scope.source, scope.names, self.errors)
        self.count_values(_size(filled), where)
        return filled

    def _add(self, item: Item, scope: Scope) -> None:
        """Add an item, as the variants of its node change it."""
        name = item.name or ""
        changes = self._changes.get(name, [])
        for i, change in enumerate(changes):
            self._changed.add(name)
            if REPLACE in change.values:
                self._changes[name] = changes[
                    i + 1 :
                ]  # the layers in its place may have its name
                inside = replace(scope, source=change.source)
                self.layers(
                    change.values[REPLACE], (*change.steps, REPLACE), inside, REPLACE
                )
                self._changes[name] = changes
                return
            values = fill_in(
                change.values, change.steps, change.source, scope.names, self.errors
            )
            item = replace(
                item, params={**item.params, **values}, source=_places(item, change)
            )
        if (
            item.block in JOINS.values()
            and isinstance(item.params, Mapping)
            and isinstance(item.params.get("key"), list)
        ):
            self._count(len(item.params["key"]), item.source.value(item.steps))
        self.items.append(item)

    def _repeat(self, item: Mapping[str, Any], steps: Steps, scope: Scope) -> None:
        config = self.form(Repeat, item, steps, scope, ("layers",))
        if config is None:
            return
        index = config.index
        if index in scope.names.values:
            where = scope.source.value(
                (*steps, "index" if "index" in item else "repeat")
            )
            message = f"the index '{index}' hides another '{index}' outside"
            self.warn(
                "W102",
                message,
                where,
                f"name one of them otherwise: `index: {'j' if index == 'i' else 'i'}`",
            )
        starts = []
        for i in range(config.repeat):
            starts.append(len(self.items))
            again = scope.again or (config.share and i > 0)
            inside = replace(scope, names=scope.names.also(index, i), again=again)
            self.layers(item.get("layers"), (*steps, "layers"), inside, "repeat")
        if config.share:
            self._share(starts, scope, (*steps, "share"))

    def _share(self, starts: Sequence[int], scope: Scope, steps: Steps) -> None:
        """Give the items of each round the weights of the first round's."""
        begin = starts[0]
        each = (starts[1] if len(starts) > 1 else len(self.items)) - starts[0]
        for at in starts[1:]:
            for i in range(at, at + each):
                first = self.items[begin + i - at]
                if i >= len(self.items) or (
                    self.items[i].block,
                    self.items[i].params,
                ) != (first.block, first.params):
                    message = f"share: the layers must be the same each time, but {first.block} is not"
                    hint = "one set of weights cannot depend on the index: take it out, or write `share: false`"
                    where = scope.source.value(steps)
                    self.errors.append(
                        GraphError(message, code="E116", where=where, help=hint)
                    )
                    return
                self.items[i] = replace(self.items[i], first=first.first or first.mark)

    def _branch(self, item: Mapping[str, Any], steps: Steps, scope: Scope) -> None:
        config = self.form(Branch, item, steps, scope, ("branch",))
        paths = item["branch"]
        here = (*steps, "branch")
        if (
            not isinstance(paths, list)
            or len(paths) < 2
            or not all(isinstance(path, list) for path in paths)
        ):
            message = (
                f"branch: expected two or more lists of layers, got {quoted(paths)}"
            )
            hint = "write `branch: [[Conv2d: {...}], []]`; `[]` is the tensor itself"
            self.errors.append(
                GraphError(
                    message, code="E106", where=scope.source.value(here), help=hint
                )
            )
            return
        if config is None:
            return
        self._branches += 1
        begin = f"branch_{self._branches}/in"
        ends = [f"branch_{self._branches}/{i + 1}" for i in range(len(paths))]
        self._made("StoreAs", begin, here, scope)
        for i, (path, end) in enumerate(zip(paths, ends, strict=True)):
            if i:
                self._made("StartFrom", begin, here, scope)
            self.layers(path, (*here, i), scope, "branch")
            self._made("StoreAs", end, here, scope)
        self._made("StartFrom", ends[0], here, scope)
        self._made(
            JOINS[config.join], {"key": ends[1:], "fit": config.fit}, here, scope
        )

    def _made(self, op: str, params: Any, steps: Steps, scope: Scope) -> None:
        self.items.append(
            Item(op, params, steps, scope.source, scope.prefix, made=True)
        )

    def form(
        self,
        model: type[Any],
        item: Mapping[str, Any],
        steps: Steps,
        scope: Scope,
        apart: Sequence[str] = (),
    ) -> Any:
        """The keys of a form as its config, None after adding what is wrong; those of `apart` are read elsewhere."""
        label = next(iter(form for form in FORMS if form in item))
        before = len(self.errors)
        values = {key: value for key, value in item.items() if key not in apart}
        filled = self._filled(values, steps, scope)
        if len(self.errors) > before:
            return None
        return read_config(
            model, filled, scope.source, steps, label, self.errors, more=apart
        )

    def warn(self, code: str, message: str, where: Any, help: str) -> None:
        self.warnings.append(GraphWarning(message, code=code, where=where, help=help))

    def refuse_unknown_changes(self) -> None:
        """A change of a node that is not there is a mistake of the variant."""
        if self.broken:
            return
        names = {item.name for item in self.items if item.name}
        for name, changes in self._changes.items():
            if name not in self._changed:
                change = changes[0]
                hint = (
                    did_you_mean(name, names)
                    or f"nodes with a name: {', '.join(sorted(names)) or 'none'}"
                )
                where = change.source.key(change.steps)
                message = f"the graph has no node named '{change.name}'"
                self.errors.append(
                    GraphError(message, code="E107", where=where, help=hint)
                )


def _size(value: Any) -> int:
    """How many values there are in a value, itself counted; no more than one above the most are looked at."""
    rest = [value]
    count = 0
    while rest and count <= MOST_VALUES:
        one = rest.pop()
        count += 1
        rest += (
            one.values()
            if isinstance(one, Mapping)
            else one
            if isinstance(one, list)
            else []
        )
    return count


def _places(item: Item, change: Change) -> Any:
    """The item's source, with the places of the changed fields where the variant has them."""
    keys = dict(item.source.keys)
    values = dict(item.source.values)
    for field in change.values:
        place = (*item.steps, field)
        keys[place], values[place] = (
            change.source.key((*change.steps, field)),
            change.source.value((*change.steps, field)),
        )
    return replace(item.source, keys=keys, values=values)
