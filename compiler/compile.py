"""From a graph to a module: `load_graph`, `compile_graph`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ..errors import GraphError, MirbricksError
from ..fields import quoted
from ..registry import build
from ..shapes import Shape
from ..zoo import folder_of_weights, graph_file, names_trained_weights
from .given_shapes import GivenShape, read_shape
from .inference.formulas import formula
from .inference.infer import words_of
from .inference.probe import probe
from .inference.remembered import Remembered
from .inference.walk import Step
from .language import tutorial
from .language.axes import Axis
from .language.graph import Graph, read_graph
from .language.nodes import Layer, Skip
from .language.source import Source, read_dict, read_file
from .module import GraphModule
from .operations import NodeInfo, Op

Inputs = Mapping[str, tuple[Axis, ...]]


def load_graph(path: str | Path, overrides: Sequence[str] = ()) -> Graph:
    """Read a graph file and check its form: names, keys and values, but no sizes yet.

    Parameters
    ----------
    path : str or Path
        A graph file, native or in the tutorial's dialect. `zoo:NAME`, a run folder or a packed model stands for the
        graph file in it; of its weights nothing is read.
    overrides : sequence of str
        Assignments that change the file's values, such as `"train.lr=1e-3"`.

    Returns
    -------
    Graph
        The graph with every block known and every config valid; for `compile_graph`.

    Raises
    ------
    GraphError
        E101 to E117 with the place in the file; `ErrorList` where there are several mistakes.
    RunError
        E610 if the zoo has no model of that name.

    Examples
    --------
    >>> import mirbricks as mb
    >>> graph = mb.load_graph("zoo:mpe_bach10", ["train.lr=1e-4"])
    >>> sorted(graph.inputs)
    ['x']
    """
    return _graph(read_file(graph_file(path)), overrides)


def compile_graph(
    source: str | Path | Mapping[str, Any] | Graph,
    input_shape: GivenShape | Mapping[str, GivenShape] | None = None,
    *,
    weights: Literal["random"] | None = None,
    optimize: bool = False,
) -> GraphModule:
    """Build the module of a graph, with new weights.

    Parameters
    ----------
    source : str, Path, mapping or Graph
        A graph file, its content as a dict, or what `load_graph` returned. It is not changed.
    input_shape : sequence of int or None, or a mapping of them, optional
        Sizes of the input, the batch first, None for a free size; a mapping by name for several inputs.
        Default: what the graph's own `input:` says.
    weights : "random", optional
        Needed where `source` is `zoo:NAME`, a run folder or a packed model: those stand for trained weights, and this
        function draws new ones. `mirbricks.load` gives the trained model.
    optimize : bool
        For use only: batch norms are folded into the convolutions beside them, and the module stays in eval mode. It
        takes the weights of the graph as it is written by `load_state_dict`, and gives the same outputs to 1e-5.

    Returns
    -------
    GraphModule
        An ordinary `torch.nn.Module` in training mode, with float32 weights on the CPU. Its forward takes one tensor
        (B, ...) per input, in order or by name.

    Raises
    ------
    GraphError
        E101 to E117 for the form of the graph, E118 where trained weights are named, E201 to E210 for its sizes;
        `ErrorList` where there are several mistakes. E212 where an optimized graph is put in training mode.

    Examples
    --------
    >>> import mirbricks as mb
    >>> model = mb.compile_graph({"input": "B C=1 T", "layers": [{"Conv1d": {"out_channels": 4, "kernel_size": 3}}]})
    >>> model.output_shape
    ('B', 4, 'T-2')
    """
    if weights not in (None, "random"):
        message = f"weights: expected 'random' or nothing, got {quoted(weights)}"
        hint = "`mirbricks.load` gives a model with its trained weights"
        raise GraphError(message, code="E118", help=hint)
    if weights is None and names_trained_weights(source):
        # A misspelt name of the zoo must be reported as that, not as a trained model.
        graph_file(str(source))
        trained = source
        message = f"'{source}' is a trained model, and compile_graph would give it random weights"
        if isinstance(source, str | Path) and (folder := folder_of_weights(source)):
            trained = folder
            message = f"'{source}' is the graph of a trained model, and compile_graph would give it random weights"
        hint = (
            f'mirbricks.load("{trained}") gives the trained model; '
            f'compile_graph("{source}", weights="random") the same graph, untrained'
        )
        raise GraphError(message, code="E118", help=hint)
    graph = as_graph(source)
    model = assemble(graph, read_shape(graph, input_shape), new_block)
    if optimize:
        from .folding import FoldedGraph  # few use a graph without training it first

        return FoldedGraph(model)
    return model


def assemble(
    graph: Graph,
    inputs: Inputs,
    block_of: Callable[[Step], nn.Module],
    remembered: Remembered | None = None,
    *,
    thorough: bool = True,
) -> GraphModule:
    """The module of a graph at these inputs; `block_of` makes or finds the block of a node.

    Raises what `probe` raises.
    """
    # The graph is walked at several sizes of its free axes, and `seen` has for each node
    # its steps at all of them: a formula such as T-2 shows only when sizes are compared.
    runs, probes = probe(graph, inputs, remembered, thorough=thorough)
    seen = list(zip(*(one.steps for one in runs), strict=True))
    nodes = [_info(steps, probes) for steps in seen if isinstance(steps[0].node, Layer)]
    # Blocks are made in the order of the file, since each draws its weights from the
    # random numbers that come next. A node that shares another's weights makes none.
    blocks = []
    for steps in seen:
        node = steps[0].node
        if isinstance(node, Layer) and not node.first:
            blocks.append((node.name, block_of(steps[0])))
    shapes = {name: tuple(map(_word_of, axes)) for name, axes in inputs.items()}
    outputs = {
        name: _formulas([one.outputs[name] for one in runs], probes)
        for name in runs[0].outputs
    }
    # Sizes at which the graph is known to run; one item of a batch is enough to try it.
    free = dict(probes[0])
    if "B" in free:
        free["B"] = 1
    return GraphModule(
        graph,
        blocks,
        read_ops(graph),
        nodes,
        input_shapes=shapes,
        output_shapes=outputs,
        free_sizes=free,
        drawn=_drawn,
    )


def as_graph(source: str | Path | Mapping[str, Any] | Graph) -> Graph:
    """The graph itself, or the one read from a path or a dict."""
    if isinstance(source, Graph):
        return source
    if isinstance(source, Mapping):
        return _graph(read_dict(source), ())
    return load_graph(source)


def read_either(source: Source, overrides: Sequence[str]) -> Graph:
    """The graph of a text, native or in the tutorial's dialect; its warnings are not yet given."""
    if tutorial.is_tutorial(source):
        return tutorial.read_tutorial(source, overrides)
    return read_graph(source, overrides)


def _graph(source: Source, overrides: Sequence[str]) -> Graph:
    graph = read_either(source, overrides)
    for warning in graph.warnings:
        warnings.warn(warning, stacklevel=3)
    return graph


def _word_of(axis: Axis) -> int | str:
    if axis.size is None:
        return axis.name
    return axis.size


def new_block(step: Step) -> nn.Module:
    """The block of a node, with weights."""
    node = step.node
    assert isinstance(node, Layer)
    assert step.config is not None
    try:
        return build(node.spec, step.config)
    except MirbricksError:
        raise
    except Exception as error:
        # The same config was built on the meta device before, so what fails only here
        # is mostly the memory for the weights.
        message = f"{node.spec.name} cannot be built"
        facts = [("torch", words_of(error))]
        raise GraphError(
            message,
            code="E204",
            where=node.where,
            facts=facts,
            help="give it smaller sizes",
        ) from error


def read_ops(graph: Graph) -> list[Op]:
    """The steps of forward; each stored tensor is let go after the last step that asks for it."""
    # Later nodes overwrite earlier ones, so what remains is the last use of each key.
    last: dict[str, int] = {}
    for i, node in enumerate(graph.nodes):
        if isinstance(node, Skip):
            asked = node.keys
        else:
            asked = node.further
        last.update(dict.fromkeys(asked, i))
    kept = set(graph.outputs)
    # Long skips of a U-Net are its largest tensors: each is let go as soon as it can be.
    ops = []
    for i, node in enumerate(graph.nodes):
        done = tuple(key for key, at in last.items() if at == i and key not in kept)
        if isinstance(node, Layer):
            op = Op("run", node.name, where=node.where, extra=node.further, done=done)
        else:
            op = Op(node.op, node.keys[0], node.fit, node.where, node.keys[1:], done)
        ops.append(replace(op, rounds=node.rounds))
    return ops


def _info(steps: Sequence[Step], probes: list[dict[str, int]]) -> NodeInfo:
    node = steps[0].node
    config = steps[0].config
    assert isinstance(node, Layer)
    assert config is not None
    came = _formulas([step.came for step in steps], probes)
    went = _formulas([step.went for step in steps], probes)
    return NodeInfo(
        node.name,
        node.spec.name,
        config,
        node.where,
        came,
        went,
        node.first is not None,
    )


def _formulas(
    shapes: Sequence[Shape], probes: list[dict[str, int]]
) -> tuple[int | str, ...]:
    """One shape, seen under several choices of the free axes, as formulas of them."""
    return tuple(formula(sizes, probes) for sizes in zip(*shapes, strict=True))


def _drawn(model: GraphModule) -> str:
    from .drawing.diagram import draw  # few compile a graph to look at it

    return draw(model)
