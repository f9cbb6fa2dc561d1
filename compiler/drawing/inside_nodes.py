"""What is read off one node of a graph that torch.export has made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import fx

from .inside_values import sized
from .parts import Size

PREFIXES = ("linalg_vector_", "linalg_", "fft_", "special_", "scaled_")


def name_of(node: fx.Node) -> str:
    """The operation, without the form of its arguments: "conv1d" of "conv1d.padding"."""
    return str(getattr(node.target, "__name__", "")).partition(".")[0]


def plain(name: str) -> str:
    """conv1d for conv1d, norm for linalg_vector_norm, rfft for fft_rfft, dot_product_attention for scaled_..."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.strip("_")


def size_of(node: fx.Node) -> Size:
    """The shape that comes out, the first of several; the batch, and what it is merged with, by name."""
    value = node.meta["val"]
    while isinstance(value, (tuple, list)):
        value = value[0]
    return sized(tuple(value.shape))


def modules_of(node: fx.Node) -> tuple[tuple[str, str], ...]:
    """(path, class) of the modules around it, the outermost first, the block itself left out."""
    stack = (node.meta.get("nn_module_stack") or {}).values()
    return tuple((path, _class_name(kind)) for path, kind in stack if path)


def innermost(node: fx.Node) -> str:
    """The class of the module that it runs in, which may be the block; "" where there is none."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if stack:
        return _class_name(stack[-1][1])
    return ""


def _class_name(kind: object) -> str:
    return str(kind).rpartition(".")[2]


def tensors(node: fx.Node) -> Iterator[tuple[str, fx.Node]]:
    """The nodes that go in, with the names of the arguments."""
    for name, value, _ in _given(node):
        for one in _nodes(value):
            yield name, one


def arguments(node: fx.Node) -> Iterator[tuple[str, Any]]:
    """The arguments that are not tensors and differ from their defaults, by name."""
    for name, value, default in _given(node):
        if _nodes(value) or value is None or value == default:
            continue
        if isinstance(value, (list, tuple)):
            yield name, tuple(value)
        else:
            yield name, value


def _given(node: fx.Node) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and default of every argument that the operation declares."""
    # Arguments come by position or by name; only the schema knows how they are called.
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return
    for i, argument in enumerate(schema.arguments):
        default = argument.default_value
        if i < len(node.args):
            yield argument.name, node.args[i], default
        else:
            yield argument.name, node.kwargs.get(argument.name, default), default


def _nodes(value: Any) -> list[fx.Node]:
    """The nodes in an argument, which may be a list of them."""
    held: list[fx.Node] = []
    fx.node.map_arg(value, held.append)
    return held


def does_nothing(node: fx.Node, name: str) -> bool:
    """Whether it is a dropout of probability 0."""
    if not name.endswith("dropout") or len(node.args) < 2:
        return False
    return float(str(node.args[1])) == 0
