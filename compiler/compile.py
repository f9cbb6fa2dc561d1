"""From a graph to a module: `load_graph`, `compile_graph`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import GraphError, MirbricksError
from ..registry import build
from ..shapes import Shape
from ..zoo import graph_file
from .inference.formulas import formula
from .inference.infer import Step, words_of
from .inference.probe import probe
from .language import tutorial
from .language.axes import LARGEST_SIZE, Axis, default_axes
from .language.graph import Graph, read_graph
from .language.nodes import Layer, Skip
from .language.source import Source, read_dict, read_file
from .module import GraphModule, NodeInfo, Op

GivenShape = Sequence["int | None"]
Inputs = Mapping[str, tuple[Axis, ...]]


def load_graph(path: str | Path, overrides: Sequence[str] = ()) -> Graph:
    """Read and check the form of a graph file, native or in the tutorial's dialect; `zoo:NAME` is one too.

    `overrides` are assignments such as "train.lr=1e-3". Raises `GraphError`, or `ErrorList` with all mistakes.
    """
    return _graph(read_file(graph_file(path)), overrides)


def compile_graph(
    source: str | Path | Mapping[str, Any] | Graph,
    input_shape: GivenShape | Mapping[str, GivenShape] | None = None,
) -> GraphModule:
    """Build the module of a graph.

    source       a path, a dict or a `Graph`; it is not changed
    input_shape  sizes with the batch first, None for a free size; a dict of them for several inputs;
                 left out: what the graph's own `input:` says
    Returns a `torch.nn.Module` whose forward takes (B, ...) tensors. Raises `GraphError` or `ErrorList`.
    """
    graph = as_graph(source)
    return assemble(graph, read_shape(graph, input_shape), _built)


def assemble(
    graph: Graph, inputs: Inputs, block_of: Callable[[Step], nn.Module]
) -> GraphModule:
    """The module of a graph at these inputs; `block_of` makes or finds the block of a node."""
    runs, probes = probe(graph, inputs)
    seen = list(zip(*(one.steps for one in runs), strict=True))
    nodes = [_info(steps, probes) for steps in seen if isinstance(steps[0].node, Layer)]
    firsts = [
        one[0]
        for one in seen
        if isinstance(one[0].node, Layer) and not one[0].node.first
    ]
    blocks = [
        (step.node.name, block_of(step))
        for step in firsts
        if isinstance(step.node, Layer)
    ]
    shapes = {
        name: tuple(a.name if a.size is None else a.size for a in axes)
        for name, axes in inputs.items()
    }
    outputs = {
        name: _formulas([one.outputs[name] for one in runs], probes)
        for name in runs[0].outputs
    }
    if "B" in probes[0]:
        free = {**probes[0], "B": 1}
    else:
        free = probes[0]
    ops = read_ops(graph)
    return GraphModule(
        graph,
        blocks,
        ops,
        nodes,
        input_shapes=shapes,
        output_shapes=outputs,
        free_sizes=free,
    )


def as_graph(source: str | Path | Mapping[str, Any] | Graph) -> Graph:
    """The graph itself, or the one read from a path or a dict."""
    if isinstance(source, Graph):
        return source
    if isinstance(source, Mapping):
        return _graph(read_dict(source), ())
    return load_graph(source)


def _graph(source: Source, overrides: Sequence[str]) -> Graph:
    if tutorial.is_tutorial(source):
        read = tutorial.read_tutorial
    else:
        read = read_graph
    graph = read(source, overrides)
    for warning in graph.warnings:
        warnings.warn(warning, stacklevel=3)
    return graph


def read_shape(graph: Graph, given: Any) -> dict[str, tuple[Axis, ...]]:
    """The inputs' axes, with the sizes of `given` put in; raises `GraphError` where they do not fit."""
    if isinstance(given, Mapping):
        shapes = given
    else:
        if given is None:
            shapes = {}
        else:
            shapes = {next(iter(graph.inputs), "x"): given}
    if not graph.inputs and not shapes:
        message = "the shape of the input is not known"
        hint = "add `input: B C=6 F=360 T` to the graph, or give input_shape"
        raise GraphError(message, code="E108", where=graph.source.whole(), help=hint)
    unknown = [name for name in shapes if graph.inputs and name not in graph.inputs]
    if unknown:
        message = f"the graph has no input '{unknown[0]}'"
        raise GraphError(
            message,
            code="E207",
            where=graph.where_input(),
            help=f"it has: {', '.join(graph.inputs)}",
        )
    axes = graph.inputs or {name: _unnamed(shape) for name, shape in shapes.items()}
    return {name: _bind(graph, axes[name], shapes.get(name)) for name in axes}


def _unnamed(shape: GivenShape) -> tuple[Axis, ...]:
    return tuple(Axis(name) for name in default_axes(len(shape)))


def _bind(
    graph: Graph, axes: tuple[Axis, ...], shape: GivenShape | None
) -> tuple[Axis, ...]:
    if shape is None:
        return axes
    pairs = list(zip(shape, axes, strict=False))
    if len(shape) != len(axes) or not all(
        s is None or _possible(s, a) for s, a in pairs
    ):
        named = " ".join(
            a.name if a.size is None else f"{a.name}={a.size}" for a in axes
        )
        message = f"the input is {named}, but the shape given is {list(shape)}"
        raise GraphError(
            message,
            code="E207",
            where=graph.where_input(),
            help="give the batch first, None for a free size",
        )
    return tuple(Axis(a.name, a.size if s is None else s) for s, a in pairs)


def _possible(size: Any, axis: Axis) -> bool:
    return (
        isinstance(size, int) and 0 < size <= LARGEST_SIZE and axis.size in (None, size)
    )


def _built(step: Step) -> nn.Module:
    """The block of a node, with weights."""
    node = step.node
    assert isinstance(node, Layer)
    assert step.config is not None
    try:
        return build(node.spec, step.config)
    except MirbricksError:
        raise
    except Exception as error:  # it was built on meta before: mostly there is no memory for the weights
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
    last: dict[str, int] = {}
    for i, node in enumerate(graph.nodes):
        last.update(
            dict.fromkeys(node.keys if isinstance(node, Skip) else node.further, i)
        )
    kept = set(graph.outputs)
    ops = []
    for i, node in enumerate(graph.nodes):
        done = tuple(key for key, at in last.items() if at == i and key not in kept)
        if isinstance(node, Layer):
            ops.append(
                Op("run", node.name, where=node.where, extra=node.further, done=done)
            )
        else:
            ops.append(
                Op(node.op, node.keys[0], node.fit, node.where, node.keys[1:], done)
            )
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
