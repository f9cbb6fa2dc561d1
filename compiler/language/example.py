"""The registered example of a block as a graph of one layer, which runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...registry import Spec
from ...shapes import REST, Shape, Token
from .axes import Axis, default_axes

# Names for axes that the contract does not name, where the usual one is taken.
MORE_AXES = ("T", "F", "C", "D", "N", "H", "K", "Q")
INPUTS = ("x", "y", "z")
_PLAIN = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][\w.]*", re.IGNORECASE
)
_WORD = re.compile(r"[\w=]+")


def example_graph(spec: Spec) -> dict[str, Any]:
    """The first example as the values of a graph file: `input` with every size but the batch's, one layer.

    Raises `ContractError` where the example does not fit the contract.
    """
    example = spec.examples[0]
    spec.contract.bind(example.shapes)
    axes = []
    for tokens, shape in zip(spec.contract.inputs, example.shapes, strict=False):
        axes.append(" ".join(map(str, _axes(tokens, shape))))
    config: dict[str, Any] = dict(example.config)
    if len(axes) == 1:
        layer = {spec.name: config} if config else spec.name
        return {"input": axes[0], "layers": [layer]}

    # Of several inputs the first runs into the layer; it takes the others by their names.
    names = list(INPUTS[: len(axes)])
    for i in range(len(names), len(axes)):
        names.append(f"x{i}")
    # A field that names a stored tensor brings that one; the others come by `with`.
    brought = {config.get(field) for field in spec.cls.Config.stored_fields()}
    further = [name for name in names[1:] if name not in brought]
    if further:
        config["with"] = further
    layer = {spec.name: config}
    return {"input": dict(zip(names, axes, strict=True)), "layers": [layer]}


def example_yaml(spec: Spec) -> str:
    """The same as the text of a graph file."""
    graph = example_graph(spec)
    # A layer that is a mapping of one key stands in a list without its braces.
    layer = flow(graph["layers"][0]).removeprefix("{").removesuffix("}")
    return f"input: {flow(graph['input'])}\nlayers:\n  - {layer}\n"


def _axes(tokens: Sequence[Token], shape: Shape) -> list[Axis]:
    """The axes by the names of the contract; those it does not name get the usual ones of that rank."""
    labels = _labels(tokens, len(shape))
    usual = _usual(labels, len(shape))
    left = [name for name in MORE_AXES if name not in labels]
    axes = []
    for label, wanted, size in zip(labels, usual, shape, strict=True):
        name = label
        if name is None:
            # Each name stands once: the usual one if it is still free.
            name = wanted if wanted in left else left[0]
            left.remove(name)
        axes.append(Axis(name, None if name == "B" else size))
    return axes


def _labels(tokens: Sequence[Token], rank: int) -> list[str | None]:
    """The contract's own name for each axis; None where it has none, as for those that `...` stands for."""
    labels: list[str | None] = []
    for token in tokens:
        if token.axis == REST:
            labels += [None] * (rank - len(tokens) + 1)
        else:
            labels.append(token.axis)
    return labels


def _usual(labels: Sequence[str | None], rank: int) -> tuple[str, ...]:
    if rank == 3 and "D" in labels:
        return ("B", "T", "D")
    if rank == 2:
        return ("B", "D")
    return default_axes(rank)


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, Mapping):
        pairs = [f"{key}: {flow(item)}" for key, item in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    return repr(value)


def _text(value: str) -> str:
    """In quotes unless it is a plain word, or named axes such as `B C=6 T`."""
    first, *others = value.split(" ")
    if _PLAIN.fullmatch(first) and all(_WORD.fullmatch(word) for word in others):
        return value
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
