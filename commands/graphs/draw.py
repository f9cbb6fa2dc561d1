"""The command draw: a graph as a picture."""

from __future__ import annotations

from argparse import Namespace

from ...compiler.compile import compile_graph, load_graph
from ...compiler.drawing.diagram import draw as drawn
from ...compiler.inference.without_compiler import without_compiler
from ...printable import printable
from .graph_files import graph_file
from .input_shape import input_shape
from .picture_files import refuse_picture, write_picture


def draw(arguments: Namespace) -> int:
    """Write the picture of a graph; the same graph gives the same file."""
    refuse_picture(arguments.out)
    graph = load_graph(graph_file(arguments.graph), arguments.set)
    with without_compiler():
        model = compile_graph(graph, input_shape(arguments.input))
    write_picture(arguments.out, drawn(model))
    print(f"{printable(arguments.out)}: {len(model.nodes)} layers")
    return 0
