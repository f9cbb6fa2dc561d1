"""Commands that tell of graphs and blocks: summary, blocks."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from shutil import get_terminal_size

from rich.console import Console
from rich.table import Table

from ...compiler.compile import compile_graph, load_graph
from ...compiler.inference.summary import Row, Summary, summarise
from ...compiler.inference.without_dynamo import without_dynamo
from ...compiler.language.graph import Graph
from ...registry import blocks as registered
from ...registry import by_family
from ...shapes import show
from .input_shape import input_shape


def summary(arguments: Namespace) -> int:
    """Print the rows and totals of a graph."""
    graph = load_graph(arguments.graph, arguments.set)
    with without_dynamo():
        result = summarise(
            compile_graph(graph, input_shape(arguments.input)), _hop_s(graph)
        )
    if arguments.json:
        print(json.dumps(result.as_dict()))
    else:
        _print_summary(result)
    return 0


def _hop_s(graph: Graph) -> float | None:
    """Seconds between input frames, where the graph has a feature section."""
    from ...features.kinds import config_of

    if "feature" not in graph.source.data:
        return None
    config = config_of(
        graph.source.data["feature"], graph.source.value(("feature", "type"))
    )
    return graph.section("feature", config).hop_s


def _print_summary(result: Summary) -> None:
    inputs = ", ".join(show(shape) for shape in result.input_shapes.values())
    outputs = ", ".join(show(shape) for shape in result.output_shapes.values())
    table = Table(title=f"{result.name}: {inputs} -> {outputs}", title_justify="left")
    for column in (
        "name",
        "block",
        "line",
        "in",
        "out",
        "parameters",
        "MACs",
        "sees",
        "a frame every",
    ):
        table.add_column(
            column,
            justify="right" if column in ("line", "parameters", "MACs") else "left",
            no_wrap=True,
        )
    for row in result.rows:
        table.add_row(
            row.name, row.block, str(row.line), show(row.shape_in), show(row.shape_out),
            _parameters(row), f"{row.macs:,}" if row.macs else "", _sees(row), _every(row),
        )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else 160, markup=False)
    console.print(table)
    at = ", ".join(f"{name}={size}" for name, size in result.macs_at.items())
    console.print(
        f"{result.parameters:,} parameters, {result.macs:,} MACs{f' at {at}' if at else ''}",
        highlight=False,
    )


def _parameters(row: Row) -> str:
    if row.reused:
        return "reused"
    if row.parameters:
        return f"{row.parameters:,}"
    return ""


def _every(row: Row) -> str:
    """How far apart the frames of the output are, and the frame rate."""
    if row.stride_frames is None:
        return ""
    return f"{row.stride_frames:g}" + (
        "" if row.frame_rate_hz is None else f", {row.frame_rate_hz:.2f} Hz"
    )


def _sees(row: Row) -> str:
    if row.receptive_field_frames is None:
        return "all"
    frames = f"{row.receptive_field_frames:g} frame{'s' if row.receptive_field_frames != 1 else ''}"
    if row.receptive_field_s is None:
        return frames
    return f"{frames}, {row.receptive_field_s:.2f} s"


def blocks(arguments: Namespace) -> int:
    """List the registered blocks by family, a line each; a terminal that is narrower cuts the line."""
    known = registered()
    if arguments.json:
        print(
            json.dumps(
                {
                    s.name: {
                        "family": s.family,
                        "contract": s.contract.text,
                        "summary": s.summary,
                    }
                    for s in known.values()
                }
            )
        )
        return 0
    if sys.stdout.isatty():
        width = get_terminal_size().columns
    else:
        width = None
    longest = max(map(len, known))
    for family, specs in by_family(known.values()).items():
        print(family)
        for spec in specs:
            line = f"  {spec.name:<{longest}}  {spec.summary}"
            print(
                line if width is None or len(line) <= width else f"{line[: width - 1]}…"
            )
    return 0
