"""The registered example of a block as a graph of one layer, which runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...registry import Spec
from ...shapes import REST, Shape, Token
from .axes import Axis, default_axes

MORE_AXES = (
    "T",
    "F",
    "C",
    "D",
    "N",
    "H",
    "K",
    "Q",
)  # where the contract has no name and the usual one is taken
INPUTS = ("x", "y", "z")
_PLAIN = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][\w.]*", re.IGNORECASE
)


def example_graph(spec: Spec) -> dict[str, Any]:
    """The first example as the values of a graph file: `input` with every size but the batch's, one layer.

    Raises `ContractError` where the example does not fit the contract.
    """
    example = spec.examples[0]
    spec.contract.bind(example.shapes)
    pairs = zip(spec.contract.inputs, example.shapes, strict=True)
    axes = [" ".join(map(str, _axes(tokens, shape))) for tokens, shape in pairs]
    config: dict[str, Any] = dict(example.config)
    if len(axes) == 1:
        return {
            "input": axes[0],
            "layers": [{spec.name: config} if config else spec.name],
        }
    names = [*INPUTS, *(f"x{i}" for i in range(len(INPUTS), len(axes)))][: len(axes)]
    return {
        "input": dict(zip(names, axes, strict=True)),
        "layers": [{spec.name: {**config, "with": names[1:]}}],
    }


def example_yaml(spec: Spec) -> str:
    """The same as the text of a graph file."""
    graph = example_graph(spec)
    return f"input: {flow(graph['input'])}\nlayers:\n  - {flow(graph['layers'][0]).removeprefix('{').removesuffix('}')}\n"


def _axes(tokens: Sequence[Token], shape: Shape) -> Iterator[Axis]:
    """The axes by the names of the contract; those it does not name get the usual ones of that rank."""
    named = {token.axis for token in tokens if token.axis and token.axis != REST}
    usual = (
        ("B", "T", "D")
        if len(shape) == 3 and "D" in named
        else ("B", "D")
        if len(shape) == 2
        else ()
    )
    left = [name for name in MORE_AXES if name not in named]
    labels: list[str | None] = []
    for token in tokens:
        if token.axis == REST:
            labels += [None] * (len(shape) - len(tokens) + 1)
        else:
            labels.append(token.axis)
    for i, (label, size) in enumerate(zip(labels, shape, strict=True)):
        wanted = (usual or default_axes(len(shape)))[i]
        name = label or (wanted if wanted in left else left[0])
        left = [other for other in left if other != name]
        yield Axis(name, None if name == "B" else size)


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        words = value.split(" ")
        plain = _PLAIN.fullmatch(words[0]) and all(
            re.fullmatch(r"[\w=]+", word) for word in words[1:]
        )
        if plain:
            return value
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
