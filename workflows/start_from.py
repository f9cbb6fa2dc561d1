"""A training that begins with the weights of another one, and a table of what each node begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from torch import Tensor, nn

from ..errors import RunError, did_you_mean
from ..printable import printable
from ..runs.folder import RunFolder
from ..shapes import show
from ..training.chosen import nodes_of, tensors_of

TAKEN = "taken"
NEW = "new"
LEFT = "left over"


@dataclass(frozen=True)
class Row:
    """What becomes of a node: taken from the other model, made new, or left over there; and why."""

    node: str
    state: str
    why: str = ""


@dataclass(frozen=True)
class Start:
    """What a training began with.

    Parameters
    ----------
    source : str
        Where the weights come from.
    rows : tuple of Row
        The nodes of the graph in their order, then those of the other model that the graph does not have.
    """

    source: str
    rows: tuple[Row, ...]

    @property
    def complete(self) -> bool:
        """Whether every node was taken and none is left over: nothing that needs a second look."""
        return all(row.state == TAKEN for row in self.rows)

    def lines(self) -> list[str]:
        """A line per node, or per run of nodes with the same fate."""
        counts = dict.fromkeys((TAKEN, NEW, LEFT), 0)
        for row in self.rows:
            counts[row.state] += 1
        head = f"weights of '{printable(self.source)}': {counts[TAKEN]} nodes taken"
        for state in (NEW, LEFT):
            if counts[state]:
                head += f", {counts[state]} {state}"
        return [head, *self._body()]

    def _body(self) -> Iterator[str]:
        joined: list[tuple[str, str, str]] = []
        for (state, why), rows in groupby(self.rows, lambda row: (row.state, row.why)):
            names = [printable(row.node) for row in rows]
            where = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
            if len(names) > 2:
                where += f" ({len(names)})"
            joined.append((where, state, why))
        wide = max((len(where) for where, _, _ in joined), default=0)
        for where, state, why in joined:
            yield f"  {where:<{wide}}  {state:<9}  {why}".rstrip()


def start_from(model: nn.Module, source: str) -> Start:
    """Take from a run, a packed model or `zoo:NAME` every weight whose name and shape the model has.

    Returns what was taken, node by node. Raises what `fitting` raises.
    """
    given, taken = fitting(model, source)
    rows = tuple(_rows(model, given))
    model.load_state_dict(taken, strict=False)
    return Start(source, rows)


def fitting(
    model: nn.Module, source: str
) -> tuple[Mapping[str, Tensor], dict[str, Tensor]]:
    """All weights of a run, and those of them that a model can begin with.

    Raises RunError E607 where hardly anything fits, and what opening the run raises.
    """
    run = RunFolder.open(source)
    given, _ = run.read_weights()
    wanted = model.state_dict()
    taken = {}
    # Name and shape decide, so that a head with other labels is left as it was drawn.
    for name, tensor in given.items():
        if name in wanted and tensor.shape == wanted[name].shape:
            taken[name] = tensor
    # a model of other layers shares a name or two by chance
    if len(taken) < len(wanted) / 2:
        first = next(iter(wanted))
        near = None
        # A name that both have differs in its shape: other names would not mend that.
        if first not in given:
            near = did_you_mean(first, given)
        raise RunError(
            f"{len(taken)} of {len(wanted)} tensors of the graph are in '{source}': they are other models",
            code="E607",
            facts=[
                ("graph", f"'{first}', ..."),
                ("given", f"'{next(iter(given))}', ..."),
            ],
            help=near or "start from a model of the same layers, with the same names",
        )
    return given, taken


def _rows(model: nn.Module, given: Mapping[str, Tensor]) -> Iterator[Row]:
    """The nodes of the graph, and what of the other model belongs to none of them."""
    names = nodes_of(model)
    claimed: set[str] = set()
    for node in names:
        own = tensors_of(model, node)
        full = {name: f"{node}.{name}" for name in own}
        claimed.update(full.values())
        yield Row(node, *_fate(own, {name: given.get(full[name]) for name in own}))
    left = [name for name in given if name not in claimed]
    # A node's name is what stands before that of its weight.
    for node in dict.fromkeys(name.rpartition(".")[0] or name for name in left):
        yield Row(node, LEFT, "no such node in the graph")


def _fate(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor | None]
) -> tuple[str, str]:
    """Whether a node is taken or made new, and why."""
    found = {name: tensor for name, tensor in given.items() if tensor is not None}
    if not found:
        return NEW, "no such node there"
    for name, tensor in found.items():
        if tensor.shape != own[name].shape:
            theirs, ours = show(tuple(tensor.shape)), show(tuple(own[name].shape))
            return NEW, f"{name} is {ours} here and {theirs} there"
    if len(found) < len(own):
        missing = next(name for name in own if name not in found)
        return NEW, f"without '{missing}' there"
    return TAKEN, ""
