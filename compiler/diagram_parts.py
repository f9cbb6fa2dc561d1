"""What stands in the picture of a graph: its parts in the order of the chain, and the arcs of its skips."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..registry import BlockConfig
from ..shapes import show
from .module import GraphModule, NodeInfo, Op
from .nodes import Layer

Kind = Literal["input", "row", "store", "join", "output"]
Size = tuple["int | str", ...]

FAMILY_OF_MODULE = {
    "convolution": "convolution",
    "separable": "convolution",
    "sincnet": "convolution",
    "residual": "compound",
    "convnext": "compound",
    "tcn": "compound",
    "unet": "compound",
    "normalisation": "normalisation",
    "activation": "activation",
    "pooling": "pooling",
    "autopool": "pooling",
    "recurrent": "recurrent",
    "transformer": "attention",
    "attention": "attention",
    "linear": "linear",
}
STEPS_OF_A_RUN = ("convolution", "normalisation", "activation", "pooling", "linear", "dropout")
JOIN_SIGNS = {"CatWith": "cat", "AddWith": "+", "MulWith": "×"}
FIRST_FIELDS = ("out_channels", "out_features", "channels", "hidden_size", "kernel_size")


@dataclass(frozen=True)
class Part:
    """One thing on the chain; `size` is what comes out of it, `run` the number of the group it stands in."""

    kind: Kind
    label: str
    tooltip: str
    size: Size
    detail: str = ""
    name: str = ""
    family: str = "other"
    run: int = -1


@dataclass(frozen=True)
class Arc:
    """A skip: from the part at `start` to the join at `end`, both indices of the parts."""

    start: int
    end: int
    key: str


def parts_and_arcs(model: GraphModule) -> tuple[list[Part], list[Arc]]:
    """Everything to draw; the inputs come first, the first input last of them, since the chain starts there."""
    (first, shape), *others = model.input_shapes.items()
    alone = not others
    parts = [_input("input" if alone else name, size) for name, size in [*others, (first, shape)]]
    stored = {name: i for i, name in enumerate([*(name for name, _ in others), first])}
    arcs: list[Arc] = []
    rows = zip(model.nodes, (node for node in model.graph.nodes if isinstance(node, Layer)), strict=True)
    for op in model.ops:
        if op.kind == "run":
            info, layer = next(rows)
            parts = [*_with_seen_size(parts, info.came), _row(model, info, layer)]
        elif op.kind == "StoreAs":
            stored[op.name] = len(parts)
            parts.append(_skip(op, parts[-1].size))
        else:
            arcs.append(Arc(stored[op.name], len(parts), op.name))
            parts.append(_skip(op, _joined(op, parts[-1].size, parts[stored[op.name]].size)))
    parts = _in_runs(parts)
    size = parts[-1].size
    return [*parts, Part("output", size_text(size), f"output\n{show(size)}", size, name="output")], arcs


def _input(name: str, size: Size) -> Part:
    return Part("input", size_text(size), f"input '{name}'\n{show(size)}", size, name=name)


def _skip(op: Op, size: Size) -> Part:
    tooltip = f"{op.kind} '{op.name}'" + (f", line {op.where.line}" if op.where else "")
    kind: Kind = "store" if op.kind == "StoreAs" else "join"
    return Part(kind, JOIN_SIGNS.get(op.kind, ""), tooltip, size)


def _joined(op: Op, here: Size, there: Size) -> Size:
    """What comes out of a join, as far as two shapes tell: CatWith adds the channels, "64+C" where one is free."""
    if op.kind != "CatWith":
        return here
    ours, theirs = here[1], there[1]
    channels = ours + theirs if isinstance(ours, int) and isinstance(theirs, int) else f"{ours}+{theirs}"
    return (here[0], channels, *here[2:])


def _with_seen_size(parts: list[Part], size: Size) -> list[Part]:
    """The same with `size`, what the next layer saw, on the skips just before it: `fit` may have changed F and T."""
    i = len(parts)
    while i and parts[i - 1].kind == "store":
        i -= 1
    i -= i > 0 and parts[i - 1].kind == "join"
    return parts[:i] + [replace(part, size=size) for part in parts[i:]]


def _row(model: GraphModule, info: NodeInfo, layer: Layer) -> Part:
    count = sum(p.numel() for p in model.get_submodule(info.name).parameters())
    weights = f"{count:,} parameters" if count else "no parameters"
    tooltip = f"{info.block} '{info.name}', line {info.where.line}\n{show(info.came)} → {show(info.went)}\n{weights}"
    family = FAMILY_OF_MODULE.get(layer.spec.family, layer.spec.family)
    detail = config_text(layer.config, rank=len(info.came))
    numbered = re.fullmatch(rf"{re.escape(info.block.lower())}_\d+", info.name)  # as the compiler names: tells nothing
    name = "" if numbered else layer.name or ""
    return Part("row", info.block, tooltip, info.went, detail=detail, name=name, family=family)


def _in_runs(parts: Sequence[Part]) -> list[Part]:
    """Number the runs: layers such as convolution, norm and activation that belong together, up to an activation.

    Dropout and pooling right after the activation still belong to its run; a block that is a small network by itself
    stands alone.
    """
    numbered: list[Part] = []
    run, closed = 0, True
    for part in parts:
        belongs = part.kind == "row" and part.family in STEPS_OF_A_RUN
        if not belongs or (closed and part.family not in ("dropout", "pooling")) or numbered[-1].kind != "row":
            run, closed = run + 1, not belongs
        closed = closed or part.family == "activation"
        numbered.append(replace(part, run=run))
    return numbered


def size_text(size: Size) -> str:
    """(B, 64, 360, T) as "64 × 360 × T": the batch is always there and says nothing."""
    return " × ".join(str(axis) for axis in size[1:]) or "scalar"


def config_text(config: BlockConfig, rank: int) -> str:
    """What matters in a config, short: "32, 5×5, same"; sizes first, then what differs from the defaults."""
    fields = type(config).model_fields
    given = {n: v for n, v in config.model_dump().items() if n not in config.inferred() and v != fields[n].default}
    given = {n: v for n, v in given.items() if not (isinstance(v, tuple) and set(v) == {fields[n].default})}
    names = [n for n in FIRST_FIELDS if n in given] + [n for n in given if n not in FIRST_FIELDS]
    return ", ".join(_field_text(name, given[name], rank) for name in names)


def _field_text(name: str, value: object, rank: int) -> str:
    words = name.replace("_", " ").removesuffix(" size")
    if value is None or isinstance(value, bool):
        return words if value else f"no {words}"
    if name in ("out_channels", "out_features", "channels", "hidden_size"):
        return _numbers(value, ", ")
    if name.endswith("kernel_size") and isinstance(value, int):
        value = (value,) * max(1, rank - 2)
    if name == "kernel_size" or value == "same":
        return _numbers(value, "×")
    return f"{words} {_numbers(value, ', ' if name == 'dims' else '×')}"


def _numbers(value: object, between: str) -> str:
    return between.join(_numbers(item, "×") for item in value) if isinstance(value, tuple) else f"{value}"
