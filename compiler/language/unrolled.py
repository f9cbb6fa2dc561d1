"""What a graph has been unrolled to so far: its items, what was found wrong, and how much it may hold.

The stages of the unrolling (expand, subgraphs, outputs) write here, and none of them needs to know the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import GraphError, GraphWarning, MirbricksError, Where, did_you_mean
from .configs import read_config
from .files import Files
from .forms import FORMS, MOST_LAYERS, Item, Scope
from .source import Steps
from .variants import Change
from .vars import fill_in

MOST_VALUES = 500_000  # of all layers, unrolled


class Unrolled:
    """The items of one graph, and what was found wrong while they were unrolled."""

    def __init__(self, files: Files, errors: list[MirbricksError]) -> None:
        self.files = files
        self.errors = errors
        self.warnings: list[GraphWarning] = []
        self.items: list[Item] = []
        # A sub-graph's input -> the stored tensor that it is.
        self.aliases: dict[str, str] = {}
        # Files without a name, and how often they stood so far.
        self.stems: dict[str, int] = {}
        # Names of sub-graphs, and where they were given.
        self.prefixes: dict[str, Where] = {}
        # Changes of named nodes that variants ask for, and the nodes that were found.
        self.changes: dict[str, list[Change]] = {}
        self.changed: set[str] = set()
        # A sub-graph is missing: what it would have stored is not missed as well.
        self.broken = False
        self._layers = 0
        self._values = 0

    def add_changes(self, changes: Sequence[Change], prefix: str = "") -> None:
        """Changes of named nodes, the last one wins; those of a sub-graph's own file come before those already here."""
        outer = self.changes
        self.changes = {}
        for change in changes:
            self.changes.setdefault(prefix + change.name, []).append(change)
        for name, later in outer.items():
            self.changes[name] = [*self.changes.get(name, ()), *later]

    def count_layers(self, layers: int, where: Where) -> None:
        """Hold the number of layers, unrolled, against the most that a graph may have."""
        self._layers += layers
        if self._layers > MOST_LAYERS:
            message = f"the graph has more than {MOST_LAYERS:,} layers"
            hint = "repeat less often"
            raise GraphError(message, code="E103", where=where, help=hint)

    def count_values(self, values: int, where: Where) -> None:
        """Hold the values of all layers against their limit: a repeat fills in the same ones again and again."""
        self._values += values
        if self._values > MOST_VALUES:
            message = f"its layers, unrolled, hold more than {MOST_VALUES:,} values: this is not a graph"
            hint = "repeat less often, or write shorter lists"
            raise GraphError(message, code="E103", where=where, help=hint)

    def filled(self, values: Any, steps: Steps, scope: Scope) -> Any:
        """The values with `${...}` filled in; they are counted before and, since a var may be a list, after."""
        where = scope.source.key(steps)
        self.count_values(_size(values), where)
        filled = fill_in(values, steps, scope.source, scope.names, self.errors)
        self.count_values(_size(filled), where)
        return filled

    def form(
        self,
        model: type[Any],
        item: Mapping[str, Any],
        steps: Steps,
        scope: Scope,
        apart: Sequence[str] = (),
    ) -> Any:
        """The keys of a form as its config, None after adding what is wrong; those of `apart` are read elsewhere."""
        label = next(form for form in FORMS if form in item)
        before = len(self.errors)
        values = {key: value for key, value in item.items() if key not in apart}
        filled = self.filled(values, steps, scope)
        if len(self.errors) > before:
            return None
        return read_config(
            model,
            filled,
            scope.source,
            steps,
            label,
            self.errors,
            more=apart,
            warned=self.warnings,
        )

    def fail(self, code: str, message: str, where: Where, hint: str) -> None:
        self.errors.append(GraphError(message, code=code, where=where, help=hint))

    def warn(self, code: str, message: str, where: Where, hint: str) -> None:
        self.warnings.append(GraphWarning(message, code=code, where=where, help=hint))

    def refuse_unknown_changes(self) -> None:
        """A change of a node that is not there is a mistake of the variant."""
        if self.broken:
            return
        names = {item.name for item in self.items if item.name}
        for name, changes in self.changes.items():
            if name in self.changed:
                continue
            change = changes[0]
            listed = ", ".join(sorted(names)) or "none"
            hint = did_you_mean(name, names) or f"nodes with a name: {listed}"
            message = f"the graph has no node named '{change.name}'"
            self.fail("E107", message, change.source.key(change.steps), hint)


def _size(value: Any) -> int:
    """How many values there are in a value, itself counted; no more than one above the most are looked at."""
    rest = [value]
    count = 0
    while rest and count <= MOST_VALUES:
        one = rest.pop()
        count += 1
        if isinstance(one, Mapping):
            rest += one.values()
        elif isinstance(one, list):
            rest += one
    return count
