"""The command summary: a row per layer."""

from __future__ import annotations

import json
from argparse import Namespace

from ...compiler.compile import compile_graph, load_graph
from ...compiler.inference.summary import summarise
from ...compiler.inference.without_compiler import without_compiler
from ...compiler.language.graph import Graph
from .graph_files import graph_file
from .input_shape import input_shape
from .summary_table import print_summary


def summary(arguments: Namespace) -> int:
    """Print the rows and totals of a graph."""
    graph = load_graph(graph_file(arguments.graph), arguments.set)
    with without_compiler():
        model = compile_graph(graph, input_shape(arguments.input))
        result = summarise(model, _hop_s(graph))
    if arguments.json:
        print(json.dumps(result.as_dict()))
    else:
        print_summary(result)
    return 0


def _hop_s(graph: Graph) -> float | None:
    """Seconds between input frames, where the graph has a feature section."""
    from ...features.kinds import config_of

    # A graph alone counts in frames; only a feature gives them a length in seconds.
    if "feature" not in graph.source.data:
        return None
    section = graph.source.data["feature"]
    config = config_of(section, graph.source.value(("feature", "type")))
    return graph.section("feature", config).hop_s
