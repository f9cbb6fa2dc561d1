"""`mirbricks check`: form, names, sizes; at which sizes of its free axes a graph runs."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence

from rich.progress import track

from ...compiler.compile import compile_graph, load_graph, read_shape
from ...compiler.inference.sizes import Outcome, free_sizes, spans, sweep
from ...compiler.inference.without_dynamo import without_dynamo
from ...compiler.module import GraphModule
from ...errors import GraphError, MirbricksError
from ...printable import printable
from ...shapes import show
from .graph_files import graph_file
from .input_shape import input_shape

MOST_SIZES = 10_000
_SWEEP = re.compile(r"([A-Z][A-Za-z0-9]*)=(\d+):(\d+)(?::(\d+))?")


def check(arguments: Namespace) -> int:
    """Compile every graph; print one line for each that is fine, the whole message for each that is not."""
    failed = 0
    sweeps = [_sweep(text) for text in arguments.sweep]
    for path in arguments.graphs:
        try:
            with without_dynamo():
                model = _checked(graph_file(path), arguments)
                print(f"{printable(path)}: fine: {_facts(model, arguments)}")
                failed += sum([_swept(model, arguments, *each) for each in sweeps])
        except MirbricksError as error:
            print(error, file=sys.stderr)
            failed += 1
    if failed:
        return 1
    return 0


def _checked(path: str, arguments: Namespace) -> GraphModule:
    """The compiled graph; of a whole experiment the sections are checked too, and whether the graph fits its task."""
    graph = load_graph(path, arguments.set)
    if "task" in graph.source.data and not arguments.input:
        from ...workflows.experiment import load_experiment

        return load_experiment(path, arguments.set).model
    return compile_graph(graph, input_shape(arguments.input))


def _facts(model: GraphModule, arguments: Namespace) -> str:
    """Shapes, parameters, and the sizes of free axes."""
    inputs, outputs = (
        ", ".join(map(show, shapes.values()))
        for shapes in (model.input_shapes, model.output_shapes)
    )
    count = sum(p.numel() for p in model.parameters())
    base = _base(model)
    if base:
        found = free_sizes(
            model.graph, read_shape(model.graph, input_shape(arguments.input)), base
        )
    else:
        found = ()
    told = [str(sizes) for sizes in found if sizes.axis != "B" or sizes.least > 1]
    return "; ".join([f"{inputs} -> {outputs}, {count:,} parameters", *told])


def _base(model: GraphModule) -> dict[str, int]:
    """Sizes of the free axes at which the graph runs: with a batch of two, of which none is left over."""
    return {**model.free_sizes, **({"B": 2} if "B" in model.free_sizes else {})}


def _sweep(text: str) -> tuple[str, range]:
    """Axis and sizes of --sweep; raises `GraphError` where they have another form."""
    match = _SWEEP.fullmatch(text)
    if match:
        first, last, step = (int(part or 1) for part in match.groups()[1:])
    else:
        first = 1
        last = 0
        step = 1
    if (
        not match
        or not 0 < first <= last
        or step < 1
        or (last - first) // step >= MOST_SIZES
    ):
        message = f"--sweep: expected an axis and its sizes, at most {MOST_SIZES:,}, got '{text}'"
        raise GraphError(
            message,
            code="E207",
            help="write --sweep F=12:400, or --sweep F=12:400:4 for every fourth",
        )
    return match[1], range(first, last + 1, step)


def _swept(model: GraphModule, arguments: Namespace, axis: str, sizes: range) -> int:
    """Print at which of these sizes the graph runs and where it breaks; returns 1 where it breaks at one."""
    inputs = read_shape(model.graph, input_shape(arguments.input))
    known = list(dict.fromkeys(one.name for axes in inputs.values() for one in axes))
    if axis not in known:
        message = f"--sweep: no input has an axis '{axis}'"
        hint = f"there are: {', '.join(known)}"
        raise GraphError(
            message, code="E207", where=model.graph.where_input(), help=hint
        )
    outcomes = sweep(model.graph, inputs, _base(model), axis, _shown(sizes))
    broken = [outcome.size for outcome in outcomes if outcome.error]
    runs = [outcome.size for outcome in outcomes if not outcome.error]
    print(f"  {axis} = {spans(sizes)}: runs at {spans(runs) or 'none of them'}")
    for line in _by_cause(outcomes):
        print(f"    breaks at {line}")
    if broken:
        return 1
    return 0


def _shown(sizes: Sequence[int]) -> Iterator[int]:
    """The sizes, with a bar where somebody is looking."""
    if sys.stderr.isatty() and len(sizes) > 100:
        yield from track(sizes, description="sweep", transient=True)
    else:
        yield from sizes


def _by_cause(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Each cause with the sizes at which it stands; the words of the first."""
    causes: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error:
            causes.setdefault(
                (outcome.error.code, str(outcome.error.where)), []
            ).append(outcome)
    for (code, where), members in causes.items():
        error = members[0].error
        yield f"{spans([member.size for member in members])}: {where}: {error.message if error else ''}     [{code}]"
