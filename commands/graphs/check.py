"""`mirbricks check`: form, names, sizes; at which sizes of its free axes a graph runs."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from ...compiler.compile import Inputs, compile_graph, load_graph
from ...compiler.given_shapes import read_shape
from ...compiler.inference.sizes import free_sizes
from ...compiler.inference.without_compiler import without_compiler
from ...compiler.module import GraphModule, count_parameters
from ...errors import MirbricksError
from ...printable import fitting_error, printable, printable_json
from ...shapes import show
from ..problems import problems_of
from .graph_files import graph_file
from .input_shape import input_shape
from .sweep import base_sizes, read_sweep, runs_everywhere


def check(arguments: Namespace) -> int:
    """Compile every graph; print one line for each that is fine, the whole message for each that is not."""
    failed = 0
    sweeps = [read_sweep(text) for text in arguments.sweep]
    for path in arguments.graphs:
        try:
            with without_compiler():
                model = _checked(graph_file(path), arguments)
                inputs = read_shape(model.graph, input_shape(arguments.input))
                if arguments.json:
                    print(json.dumps(_as_json(path, model)))
                    continue
                print(f"{printable(path)}: fine: {_facts(model, inputs)}")
                for axis, sizes in sweeps:
                    failed += not runs_everywhere(model, inputs, axis, sizes)
        except MirbricksError as error:
            failed += 1
            if arguments.json:
                problems = problems_of(error)
                found = {"graph": str(path), "fine": False, "problems": problems}
                print(printable_json(found))
            else:
                print(fitting_error(error), file=sys.stderr)
    return 1 if failed else 0


def _checked(path: str, arguments: Namespace) -> GraphModule:
    """The compiled graph; of a whole experiment the sections are checked too, and whether the graph fits its task."""
    graph = load_graph(path, arguments.set)
    if "task" in graph.source.data and not arguments.input:
        from ...runs.folder import MODELS, WEIGHTS
        from ...workflows.loading import experiment_of

        # A run, or a packed model, holds the models that its settings name itself.
        folder = Path(path).parent
        stored: Path | None = None
        if (folder / WEIGHTS).is_file() and (folder / MODELS).is_dir():
            stored = folder
        return experiment_of(graph, stored).model
    return compile_graph(graph, input_shape(arguments.input))


def _as_json(path: str, model: GraphModule) -> dict[str, Any]:
    return {
        "graph": str(path),
        "fine": True,
        "problems": [],
        "inputs": {name: show(shape) for name, shape in model.input_shapes.items()},
        "outputs": {name: show(shape) for name, shape in model.output_shapes.items()},
        "parameters": count_parameters(model),
    }


def _facts(model: GraphModule, inputs: Inputs) -> str:
    """Shapes, parameters, and the sizes of free axes."""
    came = ", ".join(map(show, model.input_shapes.values()))
    went = ", ".join(map(show, model.output_shapes.values()))
    count = count_parameters(model)
    # Which other sizes would do is found by trying, from sizes that are known to run.
    base = base_sizes(model)
    found = free_sizes(model.graph, inputs, base) if base else ()
    # That any batch will do goes without saying.
    worth = [str(sizes) for sizes in found if sizes.axis != "B" or sizes.least > 1]
    return "; ".join([f"{came} -> {went}, {count:,} parameters", *worth])
