"""`repeat`, `branch` and `graph:` unrolled: the layers of a graph as one flat list of items, `${...}` filled in.

A branch becomes StoreAs, StartFrom and a join; a sub-graph its own layers, with its name before theirs; a repeat its
layers as often as it says. What comes after this stage knows blocks and skips only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import MirbricksError
from ...fields import quoted
from ..operations import Round
from .files import Files
from .forms import FORMS, Branch, Item, Repeat, Scope, as_pair
from .source import Source, Steps
from .subgraphs import entered
from .unrolled import Unrolled
from .variants import REPLACE, Change
from .vars import fill_in

JOINS = {"cat": "CatWith", "add": "AddWith", "mul": "MulWith"}


class Expansion(Unrolled):
    """Unrolls the layers of one graph."""

    def __init__(self, files: Files, errors: list[MirbricksError]) -> None:
        super().__init__(files, errors)
        self._branches = 0
        self._repeats = 0

    def layers(self, given: Any, steps: Steps, scope: Scope, label: str) -> None:
        """Unroll a list of layers; `label` names it in messages."""
        if not isinstance(given, list):
            message = f"{label}: expected a list of layers, got {quoted(given)}"
            hint = "begin each layer with `- `"
            if given is None:
                hint = "add `layers:` and below it `  - ReLU`"
            self.fail("E108", message, scope.source.key(steps), hint)
            return
        # An empty path of a branch, or an empty round of a repeat, counts as well:
        # a repeat of nothing would go on for ever.
        if not given:
            self.count_layers(1, scope.source.value(steps))
        for i, item in enumerate(given):
            self.count_layers(1, scope.source.value((*steps, i)))
            self._layer(item, (*steps, i), scope)

    def _layer(self, item: Any, steps: Steps, scope: Scope) -> None:
        form = None
        if isinstance(item, Mapping):
            form = next((form for form in FORMS if form in item), None)
        if form == "graph":
            self._graph(item, steps, scope)
        elif form == "repeat":
            self._repeat(item, steps, scope)
        elif form == "branch":
            self._branch(item, steps, scope)
        else:
            self._block(item, steps, scope)

    def _block(self, item: Any, steps: Steps, scope: Scope) -> None:
        before = len(self.errors)
        filled = self.filled(item, steps, scope)
        if len(self.errors) > before:
            return
        pair = as_pair(filled, steps, scope.source, self.errors)
        if pair:
            item = Item(*pair, scope.source, scope.prefix, rounds=scope.rounds)
            self._add(item, scope)

    def _graph(self, item: Mapping[str, Any], steps: Steps, scope: Scope) -> None:
        with entered(self, item, steps, scope) as inside:
            if inside is not None:
                inner = inside.source.data.get("layers")
                self.layers(inner, ("layers",), inside, "layers")

    def _add(self, item: Item, scope: Scope) -> None:
        """Add an item, as the variants of its node change it."""
        name = item.name or ""
        changes = self.changes.get(name, [])
        for i, change in enumerate(changes):
            self.changed.add(name)
            if REPLACE in change.values:
                # The layers in its place may have its name: later changes are theirs.
                self.changes[name] = changes[i + 1 :]
                inside = replace(scope, source=change.source)
                layers = change.values[REPLACE]
                self.layers(layers, (*change.steps, REPLACE), inside, REPLACE)
                self.changes[name] = changes
                return
            item = self._changed(item, change, scope)
        if item.block in JOINS.values():
            self._count_joined(item)
        self.items.append(item)

    def _changed(self, item: Item, change: Change, scope: Scope) -> Item:
        """The item with the fields that a variant gives it."""
        values = fill_in(
            change.values, change.steps, change.source, scope.names, self.errors
        )
        params = {**item.params, **values}
        return replace(item, params=params, source=_places(item, change))

    def _count_joined(self, item: Item) -> None:
        """A join of many tensors costs as much as many layers."""
        if isinstance(item.params, Mapping) and isinstance(
            item.params.get("key"), list
        ):
            where = item.source.value(item.steps)
            self.count_layers(len(item.params["key"]), where)

    def _repeat(self, item: Mapping[str, Any], steps: Steps, scope: Scope) -> None:
        config = self.form(Repeat, item, steps, scope, ("layers",))
        if config is None:
            return
        if config.index in scope.names.values:
            self._warn_of_hiding(config.index, item, steps, scope)
        self._repeats += 1
        repeat = self._repeats
        starts = []
        # Where each round begins: how many items it becomes may depend on the index.
        for i in range(config.repeat):
            starts.append(len(self.items))
            again = scope.again or (config.share and i > 0)
            names = scope.names.also(config.index, i)
            rounds = (*scope.rounds, Round(repeat, i + 1, config.repeat))
            inside = replace(scope, names=names, again=again, rounds=rounds)
            self.layers(item.get("layers"), (*steps, "layers"), inside, "repeat")
        if config.share:
            self._share(starts, scope, (*steps, "share"))

    def _warn_of_hiding(
        self, index: str, item: Mapping[str, Any], steps: Steps, scope: Scope
    ) -> None:
        key = "index" if "index" in item else "repeat"
        other = "j" if index == "i" else "i"
        message = f"the index '{index}' hides another '{index}' outside"
        hint = f"give one of them another name: `index: {other}`"
        self.warn("W102", message, scope.source.value((*steps, key)), hint)

    def _share(self, starts: Sequence[int], scope: Scope, steps: Steps) -> None:
        """Give the items of each round the weights of the first round's."""
        # All rounds must be the first one again, item by item; `first` leads on to the
        # very first where a shared repeat stands in another.
        begin = starts[0]
        end = starts[1] if len(starts) > 1 else len(self.items)
        length = end - begin
        for start in starts[1:]:
            for i in range(length):
                first = self.items[begin + i]
                if not self._same(start + i, first):
                    message = f"share: the layers must be the same each time, but {first.block} is not"
                    hint = "one set of weights cannot depend on the index: take it out, or write `share: false`"
                    self.fail("E116", message, scope.source.value(steps), hint)
                    return
                mark = first.first or first.mark
                self.items[start + i] = replace(self.items[start + i], first=mark)

    def _same(self, at: int, first: Item) -> bool:
        if at >= len(self.items):
            return False
        item = self.items[at]
        return (item.block, item.params) == (first.block, first.params)

    def _branch(self, item: Mapping[str, Any], steps: Steps, scope: Scope) -> None:
        config = self.form(Branch, item, steps, scope, ("branch",))
        paths = item["branch"]
        here = (*steps, "branch")
        lists = isinstance(paths, list) and all(isinstance(p, list) for p in paths)
        if not lists or len(paths) < 2:
            message = (
                f"branch: expected two or more lists of layers, got {quoted(paths)}"
            )
            hint = "write `branch: [[Conv2d: {...}], []]`; `[]` is the tensor itself"
            self.fail("E106", message, scope.source.value(here), hint)
            return
        if config is None:
            return
        # Every path begins at the same tensor and stores its end; the join then takes
        # the first end and asks for the others.
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
        join = {"key": ends[1:], "fit": config.fit}
        self._made(JOINS[config.join], join, here, scope)

    def _made(self, op: str, params: Any, steps: Steps, scope: Scope) -> None:
        item = Item(op, params, steps, scope.source, scope.prefix, made=True)
        self.items.append(replace(item, rounds=scope.rounds))


def _places(item: Item, change: Change) -> Source:
    """The item's source, with the places of the changed fields where the variant has them."""
    keys = dict(item.source.keys)
    values = dict(item.source.values)
    for field in change.values:
        place = (*item.steps, field)
        there = (*change.steps, field)
        keys[place] = change.source.key(there)
        values[place] = change.source.value(there)
    return replace(item.source, keys=keys, values=values)
