"""The command diff: two graphs, node by node."""

from __future__ import annotations

import json
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from ...compiler.comparing.diff import Change, Diff, Fact, diff_graphs
from ...compiler.comparing.entries import Side
from ...compiler.compile import compile_graph, load_graph
from ...compiler.language.graph import SECTIONS, Graph
from ...errors import GraphWarning, MirbricksError
from ...plain_console import PlainConsole
from ...printable import printable
from ...runs.folder import SETTINGS
from ...workflows.compare_runs import compare
from ...workflows.experiment import Experiment
from ...workflows.loading import load_experiment
from ...zoo import located
from .graph_files import graph_file
from .input_shape import input_shape

STYLES = {"+": "green", "-": "red", "~": "yellow", ">": "cyan"}


def diff(arguments: Namespace) -> int:
    """Print what changes from A to B. Ends with 0; with --exit-code with 1 where they differ, as `git diff` does."""
    files = [Path(graph_file(given)) for given in (arguments.a, arguments.b)]
    sides = []
    with warnings.catch_warnings():
        # They are of one graph each: `check` prints them.
        warnings.simplefilter("ignore", GraphWarning)
        for file, sections in zip(files, _sections(files), strict=True):
            sides.append(_side(file, sections, arguments))
    result = diff_graphs(*sides)
    figures = _figures((arguments.a, arguments.b))
    if arguments.json:
        more = {"figures": figures} if figures else {}
        print(json.dumps(result.as_dict() | more))
    else:
        lines = [
            Text(printable(line), STYLES.get(sign, ""))
            for sign, line in _lines(result, files)
        ]
        lines += [Text(printable(_difference(*one))) for one in figures.items()]
        console = PlainConsole(soft_wrap=True)
        # At once: a notebook puts a space around each thing that is printed.
        console.print(Text("\n").join(lines))
    if arguments.exit_code and not result.same:
        return 1
    return 0


def _figures(given: Sequence[str]) -> dict[str, list[float | None]]:
    """The figures of both sides, where both are runs that have been evaluated; else none."""
    folders = [located(one) for one in given]
    if not all((folder / SETTINGS).is_file() for folder in folders):
        return {}
    return compare(folders).in_rows()


def _difference(name: str, values: Sequence[float | None]) -> str:
    """A figure of both runs, and what the second has more or less."""
    first, second = values
    if first is None or second is None:
        shown = ["-" if value is None else f"{value:.4g}" for value in values]
        return f"  {name}: {shown[0]} -> {shown[1]}"
    return f"  {name}: {first:.4g} -> {second:.4g} ({second - first:+.4g})"


def _sections(files: Sequence[Path]) -> list[Mapping[str, Any]]:
    """Each side's sections with every default, where both are whole experiments; else as the files give them."""
    try:
        # A default that is written out and one that is left out are the same setting.
        experiments = [load_experiment(file) for file in files]
    except MirbricksError:
        return [_given_sections(load_graph(file)) for file in files]
    return [_resolved_sections(experiment) for experiment in experiments]


def _given_sections(graph: Graph) -> dict[str, Any]:
    data = graph.source.data
    return {name: data[name] for name in SECTIONS if name in data}


def _resolved_sections(experiment: Experiment) -> dict[str, Any]:
    configs = {name: getattr(experiment, name) for name in SECTIONS if name != "task"}
    configs["task"] = experiment.task.config
    return {name: configs[name].model_dump() for name in SECTIONS}


def _side(file: Path, sections: Mapping[str, Any], arguments: Namespace) -> Side:
    """A graph with its module, or without where it does not compile."""
    graph = load_graph(file)
    try:
        model = compile_graph(graph, input_shape(arguments.input))
    except MirbricksError as error:
        where = printable(error.where or file)
        note = f"note: {where}: sizes are not compared: {printable(error.message)}"
        print(note, file=sys.stderr)
        model = None
    return Side(graph, model, sections)


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
        for fact in change.facts:
            yield "", f"    {_fact(fact)[1][2:]}"
    yield from map(_fact, result.sections)
    if result.only_sizes == 1:
        yield "", "1 more node differs in the sizes only"
    elif result.only_sizes:
        yield "", f"{result.only_sizes} more nodes differ in the sizes only"
    if result.parameters:
        yield "", _counts(*result.parameters)


def _counts(a: int, b: int) -> str:
    if a == b:
        return f"parameters: {a:,}, the same in both"
    return f"parameters: {a:,} -> {b:,} ({b - a:+,})"


def _place(change: Change) -> str:
    """The lines in both files."""
    if change.line_a is None or change.line_b is None:
        return f"line {change.line_a or change.line_b}"
    lines = f"line {change.line_a}"
    if change.line_a != change.line_b:
        lines += f" -> {change.line_b}"
    if change.sign == ">":
        return f"moved, {lines}"
    return lines


def _fact(fact: Fact) -> tuple[str, str]:
    what, old, new = fact
    if old is None:
        return "+", f"+ {what}: {new}"
    if new is None:
        return "-", f"- {what}: {old}"
    return "~", f"~ {what}: {old} -> {new}"
