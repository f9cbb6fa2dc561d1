"""Commands on graphs and blocks: check, summary, blocks, explain."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

from rich.console import Console
from rich.table import Table

from ..compiler.compile import compile_graph, load_graph
from ..compiler.configs import expected, quoted
from ..compiler.module import GraphModule
from ..compiler.schema import Graph
from ..compiler.summary import Row, Summary, summarise
from ..errors import CODES, GraphError, MirbricksError, RegistryError, did_you_mean
from ..experiment import load_experiment
from ..registry import INFER, Spec
from ..registry import blocks as registered
from ..shapes import show


def check(arguments: Namespace) -> int:
    """Compile every graph; print one line for each that is fine, the whole message for each that is not."""
    failed = 0
    for path in arguments.graphs:
        try:
            model = _checked(path, arguments)
        except MirbricksError as error:
            print(error, file=sys.stderr)
            failed += 1
            continue
        shapes = ", ".join(show(shape) for shape in model.input_shapes.values())
        count = sum(p.numel() for p in model.parameters())
        print(f"{path}: fine: {shapes} -> {show(model.output_shape)}, {count:,} parameters")
    return 1 if failed else 0


def _checked(path: str, arguments: Namespace) -> GraphModule:
    """The compiled graph; of a whole experiment the sections are checked too, and whether the graph fits its task."""
    graph = load_graph(path, arguments.set)
    if "task" in graph.source.data and not arguments.input:
        return load_experiment(path, arguments.set).model
    return compile_graph(graph, input_shape(arguments.input))


def input_shape(words: list[str] | None) -> Any:
    """The sizes of --input: one list, or a dict of them; raises `GraphError` where a size is no number."""
    if not words:
        return None
    named = [word.partition("=") for word in words]
    if len(named) == 1 and not named[0][1]:
        return _sizes(words[0])
    return {name: _sizes(sizes) for name, _, sizes in named}


def _sizes(text: str) -> list[int | None]:
    try:
        return [None if size in ("*", "") else int(size) for size in text.split(",")]
    except ValueError:
        message = f"--input: expected sizes separated by commas, got '{text}'"
        raise GraphError(message, code="E207", help="write --input 1,6,360,64, with * for a free size") from None


def summary(arguments: Namespace) -> int:
    """Print the rows and totals of a graph."""
    graph = load_graph(arguments.graph, arguments.set)
    result = summarise(compile_graph(graph, input_shape(arguments.input)), _hop_s(graph))
    if arguments.json:
        print(json.dumps(result.as_dict()))
    else:
        _print_summary(result)
    return 0


def _hop_s(graph: Graph) -> float | None:
    """Seconds between input frames, where the graph has a feature section."""
    from ..features.hcqt import HCQTConfig

    return graph.section("feature", HCQTConfig).hop_s if "feature" in graph.source.data else None


def _print_summary(result: Summary) -> None:
    inputs = ", ".join(show(shape) for shape in result.input_shapes.values())
    outputs = ", ".join(show(shape) for shape in result.output_shapes.values())
    table = Table(title=f"{result.name}: {inputs} -> {outputs}", title_justify="left")
    for column in ("name", "block", "line", "in", "out", "parameters", "MACs", "sees"):
        table.add_column(column, justify="right" if column in ("line", "parameters", "MACs") else "left", no_wrap=True)
    for row in result.rows:
        table.add_row(
            row.name, row.block, str(row.line), show(row.shape_in), show(row.shape_out),
            f"{row.parameters:,}" if row.parameters else "", f"{row.macs:,}" if row.macs else "", _sees(row),
        )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else 160, markup=False)
    console.print(table)
    at = ", ".join(f"{name}={size}" for name, size in result.macs_at.items())
    console.print(f"{result.parameters:,} parameters, {result.macs:,} MACs{f' at {at}' if at else ''}", highlight=False)


def _sees(row: Row) -> str:
    if row.receptive_field_frames is None:
        return "all"
    frames = f"{row.receptive_field_frames:g} frame{'s' if row.receptive_field_frames != 1 else ''}"
    return frames if row.receptive_field_s is None else f"{frames}, {row.receptive_field_s:.2f} s"


def blocks(arguments: Namespace) -> int:
    """List the registered blocks by family, a line each."""
    known = registered()
    if arguments.json:
        print(
            json.dumps(
                {
                    s.name: {"family": s.family, "contract": s.contract.text, "summary": s.summary}
                    for s in known.values()
                }
            )
        )
        return 0
    for family in sorted({spec.family for spec in known.values()}):
        print(family)
        for spec in (spec for spec in known.values() if spec.family == family):
            print(f"  {spec.name:<26} {spec.summary}")
    return 0


def explain(arguments: Namespace) -> int:
    """Explain a block (contract, fields, source, example) or an error code."""
    name, known = arguments.name, registered()
    if name in CODES:
        print(f"{name}: {CODES[name]}")
    elif name in known:
        print(_explain_block(known[name]))
    else:
        hint = did_you_mean(name, [*known, *CODES]) or "`mirbricks blocks` lists the blocks; codes look like E203"
        raise RegistryError(f"neither a block nor an error code is named '{name}'", code="E305", help=hint)
    return 0


def _explain_block(spec: Spec) -> str:
    example = spec.examples[0]
    config = ", ".join(f"{key}: {json.dumps(value)}" for key, value in example.config.items())
    lines = [
        f"{spec.name} ({spec.family})",
        "",
        (spec.cls.__doc__ or "").strip(),
        "",
        f"contract  {spec.contract.text}",
    ]
    lines += [f"source    {spec.source}", "", "fields"]
    for key, info in spec.cls.Config.model_fields.items():
        default = "required" if info.is_required() else "inferred" if info.default == INFER else _default(info.default)
        lines.append(f"  {key:<18} {expected(info)}; {default}. {info.description or ''}".rstrip())
    if not spec.cls.Config.model_fields:
        lines.append("  none")
    yaml = f"- {spec.name}: {{{config}}}" if config else f"- {spec.name}"
    return "\n".join([*lines, "", f"example   on {', '.join(map(show, example.shapes))}", f"  {yaml}"])


def _default(value: object) -> str:
    return "none" if value is None else quoted(value)
