"""The command draw: a graph as a picture."""

from __future__ import annotations

from argparse import Namespace

from ...compiler.compile import compile_graph, load_graph
from ...compiler.drawing.diagram import draw as drawn
from ...workflows.new_file import refuse_existing, write_new
from .input_shape import input_shape


def draw(arguments: Namespace) -> int:
    """Write the SVG of a graph; the same graph gives the same file."""
    refuse_existing(arguments.out)
    model = compile_graph(
        load_graph(arguments.graph, arguments.set), input_shape(arguments.input)
    )
    write_new(arguments.out, drawn(model))
    print(f"{arguments.out}: {len(model.nodes)} layers")
    return 0
