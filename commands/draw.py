"""The command draw: a graph as a picture."""

from __future__ import annotations

from argparse import Namespace

from ..compiler.compile import compile_graph, load_graph
from ..compiler.drawing.diagram import draw as drawn
from .given import input_shape
from .new_file import refuse_existing, write_new


def draw(arguments: Namespace) -> int:
    """Write the SVG of a graph; the same graph gives the same file."""
    refuse_existing(arguments.out)
    model = compile_graph(load_graph(arguments.graph, arguments.set), input_shape(arguments.input))
    write_new(arguments.out, drawn(model))
    print(f"{arguments.out}: {len(model.nodes)} layers")
    return 0
