"""A graph run at several sizes of its free axes, so that what depends on them is seen."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

from ...errors import GraphError
from ...registry import Block
from ..language.axes import Axis
from ..language.graph import Graph
from ..language.nodes import Layer
from .formulas import formula
from .infer import Failed, Run, run, shapes_at

Chosen = dict[str, int]
FURTHER = (
    (1, 37),
    (9_973, 0),
)  # times and plus: an odd size; a large one, for strides of hundreds
BASES = (
    64,
    256,
    1024,
    4096,
    16384,
    65536,
)  # sizes tried for free axes, until the graph runs
REMAINDERS = range(257, 320)  # tried where a skip fits at no multiple of 64


def probe(
    graph: Graph, inputs: Mapping[str, tuple[Axis, ...]]
) -> tuple[list[Run], list[Chosen]]:
    """Run the graph at several choices of its free axes; returns the runs and the choices.

    Two choices are 64 or a multiple apart, since a graph may halve its sizes a few times; an odd one and a large one
    count if the graph runs there. Small sizes are tried first: a graph may need a certain length. Raises the error of
    the run that came farthest.
    """
    free = list(
        dict.fromkeys(
            axis.name for axes in inputs.values() for axis in axes if axis.size is None
        )
    )
    blocks: dict[int, Block] = {}
    failures: list[Failed] = []
    for base in _bases(free, failures):
        first = {name: 2 if name == "B" else base for name in free}
        second = {
            name: 3 if name == "B" else base + 64 * (i + 1)
            for i, name in enumerate(free)
        }
        try:
            runs = [
                run(graph, shapes_at(inputs, chosen), chosen, blocks)
                for chosen in (first, second)
            ]
        except Failed as failed:
            failures.append(failed)
            continue
        choices = [first, second]
        _refuse_free_weights(runs, free, choices)
        for times, plus in FURTHER if set(free) - {"B"} else ():
            chosen = {
                name: size if name == "B" else times * size + plus
                for name, size in second.items()
            }
            with contextlib.suppress(
                Failed, GraphError
            ):  # GraphError: larger than torch can count
                runs.append(run(graph, shapes_at(inputs, chosen), chosen, blocks))
                choices.append(chosen)
        return runs, choices
    raise _farthest(failures).error


def _bases(free: Sequence[str], failures: Sequence[Failed]) -> Iterator[int]:
    """Sizes to try, the likeliest first; `failures` are those of the sizes before."""
    if not set(free) - {"B"}:
        yield BASES[0]
        return
    yield from BASES
    if _farthest(failures).error.code == "E203":
        yield from REMAINDERS


def _farthest(failures: Sequence[Failed]) -> Failed:
    return max(failures, key=lambda failed: failed.index)


def _refuse_free_weights(
    runs: Sequence[Run], free: Sequence[str], choices: Sequence[Chosen]
) -> None:
    """A config that changes with a free axis would make a model that runs at one size only."""
    for first, second in zip(runs[0].steps, runs[1].steps, strict=True):
        if (
            first.config != second.config
            and isinstance(first.node, Layer)
            and first.config
            and second.config
        ):
            other = second.config.model_dump()
            field, value = next(
                (name, value)
                for name, value in first.config.model_dump().items()
                if other[name] != value
            )
            sizes = [value, other[field]]
            if all(isinstance(size, int) for size in sizes):
                text = str(formula(sizes, choices))
            else:
                text = ""
            named = [
                name for name in free if name in re.findall(r"[A-Z][A-Za-z0-9]*", text)
            ]
            axes = named or [name for name in free if name != "B"] or ["B"]
            message = f"{first.node.spec.name}: '{field}' would depend on {' and '.join(axes)}, which "
            message += "are free" if len(axes) > 1 else "is free"
            hint = f"fix the size in `input:`, as in {axes[0]}=64, or give '{field}'"
            raise GraphError(message, code="E206", where=first.node.where, help=hint)
