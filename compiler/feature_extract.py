"""The outputs of named nodes inside a compiled graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from ..errors import GraphError, did_you_mean
from .compile import assemble
from .inference.trial import input_axes
from .inference.walk import Step
from .language.graph import Graph
from .language.nodes import Layer, Skip
from .module import GraphModule


def feature_extract(model: GraphModule, names: Sequence[str]) -> GraphModule:
    """A graph over the same blocks whose forward returns a dict of what the named nodes make.

    names   names of nodes ("mid1", "enc.conv") or keys of StoreAs; of a node that runs several times the last run
    Nothing after the last of them is run. Weights are shared with `model`, not copied; the axes that are free in it are
    free here. Raises `GraphError` for a name that the model does not have.
    """
    graph = _with_outputs(model.graph, names)

    def block_of(step: Step) -> nn.Module:
        assert isinstance(step.node, Layer)
        return model.get_submodule(step.node.name)

    return assemble(graph, input_axes(model), block_of).train(model.training)


def _with_outputs(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph up to the last of these names, with all of them stored."""
    last: dict[str, int] = {}
    for i, node in enumerate(graph.nodes):
        last[node.name if isinstance(node, Layer) else f"{node.op} {node.keys[0]}"] = i
    nodes: list[Layer | Skip] = list(graph.nodes)
    places = {name: last.get(f"StoreAs {name}", last.get(name)) for name in names}
    unknown = [name for name, place in places.items() if place is None]
    if unknown or not names:
        known = [
            word.removeprefix("StoreAs ")
            for word in last
            if " " not in word or word.startswith("StoreAs ")
        ]
        if unknown:
            message = f"the graph has no node named '{unknown[0]}'"
        else:
            message = "no node is named"
        hint = (
            did_you_mean(unknown[0] if unknown else "", known)
            or f"there are: {', '.join(known)}"
        )
        raise GraphError(message, code="E112", where=graph.source.whole(), help=hint)
    for name, place in sorted(places.items(), key=lambda pair: -(pair[1] or 0)):
        node = graph.nodes[place or 0]
        if isinstance(node, Layer):
            nodes.insert(
                (place or 0) + 1,
                Skip(
                    "StoreAs",
                    (name,),
                    "error",
                    node.steps,
                    node.where,
                    node.source,
                    made=True,
                ),
            )
    wanted = {*names}
    end = max(
        i
        for i, node in enumerate(nodes)
        if isinstance(node, Skip) and node.op == "StoreAs" and node.keys[0] in wanted
    )
    return replace(graph, nodes=tuple(nodes[: end + 1]), outputs=tuple(names))
