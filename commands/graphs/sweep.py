"""`mirbricks check --sweep`: at which sizes of one axis a graph runs, and where it breaks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from ...compiler.compile import Inputs
from ...compiler.inference.sizes import Outcome, spans, sweep
from ...compiler.module import GraphModule
from ...errors import GraphError, MirbricksError
from ...printable import printable

MOST_SIZES = 10_000
MANY = 100  # sizes from which on a bar is shown
_SWEEP = re.compile(r"([A-Z][A-Za-z0-9]*)=(\d+):(\d+)(?::(\d+))?")


def read_sweep(text: str) -> tuple[str, range]:
    """Axis and sizes of --sweep; raises `GraphError` E207 where they have another form."""
    match = _SWEEP.fullmatch(text)
    if match:
        first, last, step = (int(part or 1) for part in match.groups()[1:])
        in_order = 0 < first <= last and step > 0
        if in_order and (last - first) // step < MOST_SIZES:
            return match[1], range(first, last + 1, step)
    expected = f"an axis and its sizes, at most {MOST_SIZES:,}"
    raise GraphError(
        f"--sweep: expected {expected}, got '{text}'",
        code="E207",
        help="write --sweep F=12:400, or --sweep F=12:400:4 for every fourth",
    )


def base_sizes(model: GraphModule) -> dict[str, int]:
    """Sizes of the free axes at which the graph runs: with a batch of two, of which none is left over."""
    if "B" in model.free_sizes:
        return {**model.free_sizes, "B": 2}
    return dict(model.free_sizes)


def runs_everywhere(
    model: GraphModule, inputs: Inputs, axis: str, sizes: range
) -> bool:
    """Print at which of these sizes the graph runs and where it breaks; whether it breaks at none."""
    # Several inputs may share an axis; it is swept in all of them at once.
    known = list(dict.fromkeys(one.name for axes in inputs.values() for one in axes))
    if axis not in known:
        raise GraphError(
            f"--sweep: no input has an axis '{axis}'",
            code="E207",
            where=model.graph.where_input(),
            help=f"there are: {', '.join(known)}",
        )
    outcomes = sweep(model.graph, inputs, base_sizes(model), axis, _with_bar(sizes))
    fine = [outcome.size for outcome in outcomes if not outcome.error]
    print(f"  {axis} = {spans(sizes)}: runs at {spans(fine) or 'none of them'}")
    for line in _by_cause(outcomes):
        print(f"    breaks at {printable(line)}")
    return len(fine) == len(outcomes)


def _with_bar(sizes: Sequence[int]) -> Iterator[int]:
    """The sizes, with a bar where somebody is looking."""
    if not sys.stderr.isatty() or len(sizes) <= MANY:
        yield from sizes
        return
    from rich.progress import track  # not needed by a check without a sweep

    yield from track(sizes, description="sweep", transient=True)


def _by_cause(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Each cause with the sizes at which it occurs; the words of the first."""
    causes: dict[tuple[str, str], list[int]] = {}
    first: dict[tuple[str, str], MirbricksError] = {}
    for outcome in outcomes:
        error = outcome.error
        if error:
            # One mistake breaks many sizes with a message that differs in the numbers only.
            cause = (error.code, str(error.where))
            causes.setdefault(cause, []).append(outcome.size)
            first.setdefault(cause, error)
    for (code, where), sizes in causes.items():
        message = first[code, where].message
        yield f"{spans(sizes)}: {where}: {message}     [{code}]"
