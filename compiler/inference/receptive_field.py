"""Receptive field over time, from the leaf modules of each block.

A layer of kernel k, stride s and dilation d makes a frame of frames that lie (k - 1) d apart, and its frames s input
frames apart (Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019); which they
are is followed frame by frame (time_field.py). The modules inside a block are one chain, in the order of their
definition, beside which a child named `shortcut` runs: a U-Net's way down and up again sees all that its skips see.
The result is exact where paddings are those of the layers; of one that a block adds itself the place is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import nn

from ...registry import Block
from ...shapes import REST, Token
from ..module import GraphModule
from .time_field import Field

TIME = "T"
SHORTCUT = "shortcut"
AXES = re.compile(r"\([^)]*\)|\S+")  # of one side of a pattern, joined ones as one
# The frames that an interpolated one is made of; 1 where it is repeated.
TAPS = {"linear": 2, "bilinear": 2, "bicubic": 4}
_ALL_FRAMES = (
    nn.RNNBase, nn.MultiheadAttention, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d,
)  # fmt: skip


@dataclass(frozen=True)
class _Tensor:
    """What is known of a tensor: its field, where its time axis stands, how many axes it has."""

    field: Field | None
    position: int | None
    rank: int


def receptive_fields(model: GraphModule) -> list[Field | None]:
    """The field after each run of a node; None where the tensor has no time axis that can be followed."""
    stored = {name: _input(names) for name, names in model.axis_names.items()}
    x = next(iter(stored.values()))
    found = []
    nodes = iter(model.nodes)
    for op in model.ops:
        if op.kind == "StoreAs":
            stored[op.name] = x
        elif op.kind == "StartFrom":
            x = stored[op.name]
        elif op.kind == "run":
            rank = len(next(nodes).went)
            inputs = [x, *(stored[key] for key in op.extra)]
            x = _run(model.get_submodule(op.name), inputs, rank)
            found.append(x.field)
            # A mean over time has seen all frames, and that is its row; what follows it
            # has no frames to be followed.
            if x.position is None:
                x = _Tensor(None, None, rank)
        else:
            for key in (op.name, *op.extra):
                x = _Tensor(_wider(x.field, stored[key].field), x.position, x.rank)
    return found


def _input(names: tuple[str, ...]) -> _Tensor:
    if TIME in names:
        return _Tensor(Field.start(), names.index(TIME), len(names))
    return _Tensor(None, None, len(names))


def _run(block: nn.Module, inputs: list[_Tensor], rank: int) -> _Tensor:
    """Through a block; of several inputs the first is followed, a further one with frames counts as seen whole."""
    x = inputs[0]
    if x.field is None or x.position is None:
        return _Tensor(None, None, rank)
    assert isinstance(block, Block)
    # Of a tensor that a field names only the size is seen.
    n_seen = block.spec.contract.required
    field = _after(block, x.field, x.position, x.rank)
    if isinstance(block, nn.Upsample) and len(inputs) > n_seen:
        field = _resized(block, x.field, inputs[n_seen].field)
    if any(other.position is not None for other in inputs[1:n_seen]):
        field = field.all_frames()
    return _Tensor(field, _follow(block, x.position, x.rank), rank)


def _resized(block: nn.Upsample, field: Field, like: Field | None) -> Field:
    """After an upsampling to the frames of another tensor: by as much as they lie closer together."""
    if like is None:
        return field.all_frames()
    return field.interpolated(field.stride / like.stride, TAPS.get(block.mode, 1))


def _wider(one: Field | None, other: Field | None) -> Field | None:
    if one is None:
        return None
    # A tensor without frames that can be followed, such as a mean over time, is taken to have seen all of them.
    if other is None:
        return one.all_frames()
    return one.joined(other)


def _after(block: Block, field: Field, position: int, rank: int) -> Field:
    if _mixes_frames(block, position, rank) or _follow(block, position, rank) is None:
        return field.all_frames()
    return _along(block, field, position, rank)


def _along(module: nn.Module, field: Field, position: int, rank: int) -> Field:
    """Through a module, with all frames where it says so."""
    passed = _inside(module, field, position, rank)
    if getattr(module, "sees_all_frames", False):
        return passed.all_frames()
    return passed


def _inside(module: nn.Module, field: Field, position: int, rank: int) -> Field:
    """Through a module: its children one after the other, and its shortcut beside them."""
    if not list(module.children()):
        return _through(module, field, position, rank)
    chain = field
    for name, child in module.named_children():
        if name != SHORTCUT:
            chain = _along(child, chain, position, rank)
    shortcut = getattr(module, SHORTCUT, None)
    if isinstance(shortcut, nn.Module):
        beside = _along(shortcut, field, position, rank)
    else:
        beside = field
    return chain.joined(beside)


def _mixes_frames(block: Block, position: int, rank: int) -> bool:
    """Whether a block that normalises acts along the time axis as a whole."""
    if isinstance(block, nn.LayerNorm | nn.RMSNorm):
        return position >= rank - len(block.normalized_shape)
    if block.spec.name in ("LayerNormAxes", "L2Normalize"):
        dims: Any = block.dims
        return position in {dim % rank for dim in dims}
    return (
        isinstance(block, nn.Softmax | nn.LogSoftmax | nn.Softmin)
        and (block.dim or 0) % rank == position
    )


def _through(leaf: nn.Module, field: Field, position: int, rank: int) -> Field:
    # Without running statistics a norm takes those of its input, over all frames.
    untracked = getattr(leaf, "track_running_stats", None) is False
    if isinstance(leaf, _ALL_FRAMES) or untracked:
        return field.all_frames()
    if isinstance(leaf, Block) and leaf.spec.name == "ISTFT":
        return _inverse(leaf, field)
    if isinstance(leaf, Block) and leaf.spec.name == "PQMFSynthesis":
        return _synthesis(leaf, field)
    if isinstance(leaf, nn.Upsample) and leaf.scale_factor is not None:
        scale = Fraction(_at(leaf.scale_factor, position, rank)).limit_denominator(1000)
        return field.interpolated(scale, TAPS.get(leaf.mode, 1))
    # What has none of these, such as an activation, acts on each frame alone.
    kernel = _at(getattr(leaf, "kernel_size", 1), position, rank)
    stride = _at(getattr(leaf, "stride", 1), position, rank)
    dilation = _at(getattr(leaf, "dilation", 1), position, rank)
    padding = _at(getattr(leaf, "padding", 0), position, rank)
    if isinstance(leaf, nn.ConvTranspose1d | nn.ConvTranspose2d):
        return field.transposed(kernel, stride, dilation, padding)
    if isinstance(padding, str):
        if padding == "same":
            padding = (kernel - 1) * dilation // 2
        else:
            padding = 0
    # Frames that the block itself adds before the first one.
    padding += getattr(leaf, "lead", 0)
    # A pooling without a stride of its own moves on by its kernel.
    return field.convolved(kernel, stride or kernel, dilation, padding)


def _inverse(block: Any, field: Field) -> Field:
    """Frames that are added where they lie."""
    return field.transposed(block.n_fft, block.hop, 1, block.n_fft // 2)


def _synthesis(block: Any, field: Field) -> Field:
    """Filters that are added where they lie."""
    return field.transposed(block.kernel_size, block.stride, 1, block.lead)


def _at(value: Any, position: int, rank: int) -> Any:
    """The size along the time axis, of one size for all axes or one for each of the last axes."""
    if isinstance(value, tuple | list):
        return value[position - rank]
    return value


def _follow(block: Block, position: int, rank: int) -> int | None:
    """Where the time axis of the input stands in the output; None where it is gone."""
    contract = block.spec.contract
    source = contract.inputs[0]
    target = contract.outputs[0]
    if any(token.axis == REST and token.free for token in target):
        return _moved(block, position, rank)
    name = _name_at(source, position, rank)
    if name == REST:
        return position
    places = [i for i, token in enumerate(target) if token.axis == name]
    if not places:
        return None
    # `...` is one token and may be any number of axes: those behind it move on by as many.
    rests = [i for i, token in enumerate(target) if token.axis == REST]
    has_rest = any(token.axis == REST for token in source)
    if has_rest and rests and rests[0] < places[0]:
        return places[0] + rank - len(source)
    return places[0]


def _name_at(tokens: tuple[Token, ...], position: int, rank: int) -> str | None:
    rest = next((i for i, token in enumerate(tokens) if token.axis == REST), None)
    if rest is None or position < rest:
        return tokens[position].axis
    behind = len(tokens) - 1 - rest
    if position < rank - behind:
        return REST
    return tokens[position - rank].axis


def _moved(block: Any, position: int, rank: int) -> int | None:
    """Blocks that only move axes say by their own fields where an axis goes; of others it is not known."""
    name = block.spec.name
    if name in ("Upsample", "FitTo"):
        return position
    if name == "Rearrange":
        return _rearranged(block.pattern, position, rank)
    if name == "Permute":
        return [dim % rank for dim in block.dims].index(position)
    if name == "UnSqueeze":
        return position + int(block.dim % (rank + 1) <= position)
    if name == "Flatten":
        first: int = block.start_dim % rank
        last: int = block.end_dim % rank
        inside = first <= position <= last and first < last
        if inside:
            return None
        if position > last:
            return position - (last - first)
        return position
    if name in ("Squeeze", "Mean", "Max"):
        return _reduced(block, position, rank)
    return None


def _rearranged(pattern: str, position: int, rank: int) -> int | None:
    """Where einops' pattern puts an axis; None where it joins or parts it."""
    left, right = (AXES.findall(side) for side in pattern.split("->"))
    # `...` is as many axes as the pattern does not name.
    rests = [f"...{number}" for number in range(rank - len(left) + 1)]
    sides = []
    for side in (left, right):
        places = [rests if axis == "..." else [axis] for axis in side]
        sides.append([axis for axes in places for axis in axes])
    axis = sides[0][position]
    if axis in sides[1]:
        return sides[1].index(axis)
    return None


def _reduced(block: Any, position: int, rank: int) -> int | None:
    """Where an axis goes when others are taken away; None where it is one of them."""
    if isinstance(block.dim, tuple):
        dims = block.dim
    else:
        dims = (block.dim,)
    gone: set[int] = {dim % rank for dim in dims}
    if position in gone:
        return None
    if getattr(block, "keepdim", False):
        return position
    return position - sum(axis < position for axis in gone)
