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

Places = dict[str, int]  # names, and the places of their nodes in the graph


def feature_extract(model: GraphModule, names: str | Sequence[str]) -> GraphModule:
    """Build a graph over the same blocks that gives what the named nodes make.

    Parameters
    ----------
    model : GraphModule
        A compiled graph. It is not changed; its weights are shared with the result, not copied.
    names : str or sequence of str
        Names of nodes ("mid1", "enc.conv") or keys of StoreAs; of a node that runs several times the last run counts.

    Returns
    -------
    GraphModule
        Its forward takes the inputs of `model` and returns a dict of tensors by these names. Nothing after the last of
        them is run; the axes that are free in `model` are free here. It is in the mode, training or not, of `model`.

    Raises
    ------
    GraphError
        E112 for a name that the model does not have, with the nearest ones.

    Examples
    --------
    >>> import torch, mirbricks as mb
    >>> model = mb.compile_graph({"input": "B C=2 T", "layers": [{"ReLU": {"name": "act"}}, "Tanh"]})
    >>> list(mb.feature_extract(model, ["act"])(torch.zeros(1, 2, 5)))
    ['act']
    """
    if isinstance(names, str):
        # A lone name is one name, not a sequence of letters.
        names = [names]
    graph = _with_outputs(model.graph, names)

    def block_of(step: Step) -> nn.Module:
        assert isinstance(step.node, Layer)
        return model.get_submodule(step.node.name)

    return assemble(graph, input_axes(model), block_of).train(model.training)


def _with_outputs(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph up to the last of these names, with all of them stored."""
    stores, layers = _places(graph)
    places: Places = {}
    for name in names:
        # A key of StoreAs goes before a node of that name.
        place = stores.get(name, layers.get(name))
        if place is None:
            raise _unknown(graph, f"the graph has no node named '{name}'", name)
        places[name] = place
    if not places:
        raise _unknown(graph, "no node is named", "")

    # After each named layer its output is stored; from the end on, so that places before stay where they are.
    end = max(places.values())
    nodes: list[Layer | Skip] = list(graph.nodes[: end + 1])
    for name, place in sorted(places.items(), key=lambda pair: -pair[1]):
        node = graph.nodes[place]
        if isinstance(node, Layer):
            nodes.insert(place + 1, _store(name, node))
    return replace(graph, nodes=tuple(nodes), outputs=tuple(names))


def _places(graph: Graph) -> tuple[Places, Places]:
    """Where each key is stored, and where each layer runs, for the last time."""
    stores: Places = {}
    layers: Places = {}
    for i, node in enumerate(graph.nodes):
        if isinstance(node, Layer):
            layers[node.name] = i
        elif node.op == "StoreAs":
            stores[node.keys[0]] = i
    return stores, layers


def _store(name: str, node: Layer) -> Skip:
    return Skip(
        op="StoreAs",
        keys=(name,),
        fit="error",
        steps=node.steps,
        where=node.where,
        source=node.source,
        made=True,
    )


def _unknown(graph: Graph, message: str, name: str) -> GraphError:
    words = {}
    for node in graph.nodes:
        if isinstance(node, Layer):
            words[node.name] = True
        elif node.op == "StoreAs":
            words[node.keys[0]] = True
    hint = did_you_mean(name, list(words)) or f"there are: {', '.join(words)}"
    where = graph.source.whole()
    return GraphError(message, code="E112", where=where, help=hint)
