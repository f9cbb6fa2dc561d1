"""The command diff: two graphs, node by node."""

from __future__ import annotations

import json
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ...compiler.comparing.diff import Change, Diff, Fact, Side, diff_graphs
from ...compiler.compile import compile_graph, load_graph
from ...compiler.language.graph import SECTIONS
from ...errors import GraphWarning, MirbricksError
from ...workflows.experiment import load_experiment
from .graph_files import graph_file
from .input_shape import input_shape

STYLES = {"+": "green", "-": "red", "~": "yellow", ">": "cyan"}


def diff(arguments: Namespace) -> int:
    """Print what changes from A to B. Ends with 0; with --exit-code with 1 where they differ, as `git diff` does."""
    files = [Path(graph_file(given)) for given in (arguments.a, arguments.b)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GraphWarning)  # `check` tells them
        sections = _sections(files)
        sides = [
            _side(file, values, arguments)
            for file, values in zip(files, sections, strict=True)
        ]
    result = diff_graphs(*sides)
    if arguments.json:
        print(json.dumps(result.as_dict()))
    else:
        console = Console(highlight=False, markup=False, soft_wrap=True, emoji=False)
        for sign, line in _lines(result, files):
            console.print(Text(line, STYLES.get(sign, "")))
    if arguments.exit_code and not result.same:
        return 1
    return 0


def _sections(files: Sequence[Path]) -> list[Mapping[str, Any]]:
    """Each side's sections with every default, where both are whole experiments; else as the files give them."""
    try:
        experiments = [load_experiment(file) for file in files]
    except MirbricksError:
        graphs = [load_graph(file) for file in files]
        return [
            {
                name: graph.source.data[name]
                for name in SECTIONS
                if name in graph.source.data
            }
            for graph in graphs
        ]
    given = [
        {
            name: e.task.config if name == "task" else getattr(e, name)
            for name in SECTIONS
        }
        for e in experiments
    ]
    return [
        {name: config.model_dump() for name, config in values.items()}
        for values in given
    ]


def _side(file: Path, sections: Mapping[str, Any], arguments: Namespace) -> Side:
    graph = load_graph(file)
    try:
        return Side(graph, compile_graph(graph, input_shape(arguments.input)), sections)
    except MirbricksError as error:
        print(
            f"note: {error.where or file}: sizes are not compared: {error.message}",
            file=sys.stderr,
        )
        return Side(graph, None, sections)


def _lines(result: Diff, files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Sign and text of every line."""
    if result.same:
        yield "", "no difference"
        return
    yield "-", f"--- {files[0]}"
    yield "+", f"+++ {files[1]}"
    yield from map(_fact, result.head)
    for change in result.nodes:
        yield change.sign, f"{change.sign} {change.what}  {_place(change)}"
        yield from (("", f"    {_fact(fact)[1][2:]}") for fact in change.facts)
    yield from map(_fact, result.sections)
    if result.only_sizes:
        if result.only_sizes == 1:
            more = "1 more node differs"
        else:
            more = f"{result.only_sizes} more nodes differ"
        yield "", f"{more} in the sizes only"
    if result.parameters:
        a, b = result.parameters
        yield (
            "",
            f"parameters: {a:,}"
            + (f" -> {b:,} ({b - a:+,})" if a != b else ", the same in both"),
        )


def _place(change: Change) -> str:
    if change.line_a is None or change.line_b is None:
        return f"line {change.line_a or change.line_b}"
    if change.sign == ">":
        moved = "moved, "
    else:
        moved = ""
    if change.line_a == change.line_b:
        lines = f"line {change.line_a}"
    else:
        lines = f"line {change.line_a} -> {change.line_b}"
    return moved + lines


def _fact(fact: Fact) -> tuple[str, str]:
    what, old, new = fact
    if old is None or new is None:
        if old is None:
            sign = "+"
        else:
            sign = "-"
        return sign, f"{sign} {what}: {new if old is None else old}"
    return "~", f"~ {what}: {old} -> {new}"
