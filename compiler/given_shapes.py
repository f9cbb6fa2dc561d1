"""The sizes that a caller gives for a graph's inputs, put into their named axes: `read_shape`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import GraphError
from .language.axes import LARGEST_SIZE, Axis, default_axes
from .language.graph import Graph

GivenShape = Sequence["int | None"]


def read_shape(graph: Graph, given: Any) -> dict[str, tuple[Axis, ...]]:
    """The inputs' axes, with the sizes of `given` put in; raises `GraphError` where they do not fit."""
    # A shape without a name is that of the first input, `x` where the graph names none.
    shapes: Mapping[str, GivenShape]
    if given is None:
        shapes = {}
    elif isinstance(given, Mapping):
        shapes = given
    else:
        shapes = {next(iter(graph.inputs), "x"): given}
    # What the tutorial's sections lead to is the weakest source: anything given wins.
    if not graph.inputs and not shapes and graph.assumed:
        return dict(graph.assumed)
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
    fits = len(shape) == len(axes)
    if not fits or not all(s is None or _possible(s, a) for s, a in pairs):
        named = " ".join(map(str, axes))
        message = f"the input is {named}, but the shape given is {list(shape)}"
        raise GraphError(
            message,
            code="E207",
            where=graph.where_input(),
            help="give the batch first, None for a free size",
        )
    # None says nothing of an axis: what the graph fixes stays fixed.
    bound = []
    for size, axis in pairs:
        if size is None:
            bound.append(axis)
        else:
            bound.append(Axis(axis.name, size))
    return tuple(bound)


def _possible(size: Any, axis: Axis) -> bool:
    return (
        isinstance(size, int) and 0 < size <= LARGEST_SIZE and axis.size in (None, size)
    )
