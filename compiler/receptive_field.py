"""Receptive field over time, from the leaf modules of each block.

Going through a chain, a layer of kernel k, stride s and dilation d widens the receptive field by (k - 1) d frames of
its input, and makes its output's frames s input frames apart (Araujo et al., "Computing Receptive Fields of
Convolutional Neural Networks", Distill 2019). Parallel paths of a block are taken as one chain of its leaf modules, and
a skip as the wider of its two branches: the result is exact for chains and an upper bound otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import nn

from ..registry import Block
from ..shapes import REST, Token
from .module import GraphModule

TIME = "T"
_GLOBAL = (nn.RNNBase, nn.MultiheadAttention, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d)


@dataclass(frozen=True)
class Field:
    """`frames`: input frames that one output frame sees, None for all; `stride`: input frames between output frames."""

    frames: Fraction | None = Fraction(1)
    stride: Fraction = Fraction(1)


def receptive_fields(model: GraphModule) -> dict[str, Field | None]:
    """The field after each node; None where the tensor has no time axis that can be followed."""
    axes = next(iter(model.graph.inputs.values()), ())
    names = [axis.name for axis in axes] or {3: ["B", "C", "T"], 4: ["B", "C", "F", "T"]}.get(
        len(next(iter(model.input_shapes.values()))), []
    )
    position = names.index(TIME) if TIME in names else None
    field: Field | None = Field() if position is not None else None
    stored: dict[str, Field | None] = dict.fromkeys(model.input_shapes, field)
    found: dict[str, Field | None] = {}
    for op in model.ops:
        if op.kind == "StoreAs":
            stored[op.name] = field
        elif op.kind != "run":
            field = _wider(field, stored[op.name])
        elif field is not None and position is not None:
            block = model.get_submodule(op.name)
            assert isinstance(block, Block)
            rank = next(len(node.came) for node in model.nodes if node.name == op.name)
            field = _after(block, field, position, rank)
            position = _follow(block, position, rank)
            found[op.name] = field
            field = field if position is not None else None
        else:
            found[op.name] = None
    return found


def _wider(one: Field | None, other: Field | None) -> Field | None:
    if one is None or other is None:
        return None
    frames = None if one.frames is None or other.frames is None else max(one.frames, other.frames)
    return Field(frames, one.stride)


def _after(block: Block, field: Field, position: int, rank: int) -> Field:
    for leaf in _leaves(block):
        field = _through(leaf, field, position, rank)
    return Field(None, field.stride) if _follow(block, position, rank) is None else field


def _leaves(block: nn.Module) -> list[nn.Module]:
    children = list(block.children())
    return [leaf for child in children for leaf in _leaves(child)] if children else [block]


def _through(leaf: nn.Module, field: Field, position: int, rank: int) -> Field:
    if isinstance(leaf, _GLOBAL) or (isinstance(leaf, nn.LayerNorm) and position >= rank - len(leaf.normalized_shape)):
        return Field(None, field.stride)
    kernel, stride, dilation = (_last(getattr(leaf, name, 1)) for name in ("kernel_size", "stride", "dilation"))
    if isinstance(leaf, nn.ConvTranspose1d | nn.ConvTranspose2d):
        reach = -(-kernel // stride) - 1  # input frames beyond the first that reach one output frame
        return _widen(field, reach, Fraction(1, stride))
    if isinstance(leaf, nn.Upsample):
        scale = Fraction(_last(leaf.scale_factor)).limit_denominator(1000)
        return _widen(field, 0 if leaf.mode.startswith("nearest") else 1, 1 / scale)
    return _widen(field, (kernel - 1) * dilation, Fraction(stride or kernel))


def _widen(field: Field, reach: int, step: Fraction) -> Field:
    frames = None if field.frames is None else field.frames + reach * field.stride
    return Field(frames, field.stride * step)


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, tuple | list) else value


def _follow(block: Block, position: int, rank: int) -> int | None:
    """Where the time axis of the input stands in the output; None where it is gone."""
    contract = block.spec.contract
    source, target = contract.inputs[0], contract.outputs[0]
    if any(token.axis == REST and token.free for token in target):
        return _moved(block, position)
    name = _name_at(source, position, rank)
    if name == REST:
        return position
    places = [i for i, token in enumerate(target) if token.axis == name]
    after_rest = [i for i, token in enumerate(target) if token.axis == REST]
    spread = rank - len(source) if any(token.axis == REST for token in source) else 0
    return places[0] + (spread if after_rest and after_rest[0] < places[0] else 0) if places else None


def _name_at(tokens: tuple[Token, ...], position: int, rank: int) -> str | None:
    rest = next((i for i, token in enumerate(tokens) if token.axis == REST), None)
    if rest is None or position < rest:
        return tokens[position].axis
    behind = len(tokens) - 1 - rest
    return REST if position < rank - behind else tokens[position - rank].axis


def _moved(block: Block, position: int) -> int | None:
    """Permute, Squeeze and UnSqueeze say by their own config where an axis goes."""
    dims, dim = getattr(block, "dims", None), getattr(block, "dim", None)
    if isinstance(dims, tuple):
        return [int(axis) for axis in dims].index(position)
    gone = [dim] if isinstance(dim, int) else [int(axis) for axis in dim or ()]
    if not gone or min(gone) < 0:
        return None
    if type(block).__name__ == "UnSqueeze":
        return position + (gone[0] <= position)
    return None if position in gone else position - sum(axis < position for axis in gone)
