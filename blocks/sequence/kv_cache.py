"""Decoding frame by frame: keys and values are kept in tensors of a fixed size, and nothing is computed twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .positions import rotary_angles, rotate


@dataclass
class KVCache:
    """What a decoder keeps of the frames it has seen.

    keys, values                  of each layer, (B, heads, max_frames, dim_head); rotary ones are turned already
    context_keys, context_values  of each layer's cross-attention, (B, heads, S, dim_head)
    cos, sin                      of the angles of rotary positions, (max_frames, rotary_dim)
    frames                        how many frames are in
    """

    max_frames: int
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    context_keys: list[Tensor] = field(default_factory=list)
    context_values: list[Tensor] = field(default_factory=list)
    cos: Tensor | None = None
    sin: Tensor | None = None
    frames: int = 0


@torch.no_grad()
def empty_cache(
    stack: Any, max_frames: int, batch_size: int, context: Tensor | None = None
) -> KVCache:
    """A cache without frames; the keys and values of the context are computed here, once."""
    cache = KVCache(max_frames)
    weight = next(stack.layers.parameters())
    if stack.rotary:
        # The angles of all frames at once: a step then reads rows, and computes no sine.
        angles = rotary_angles(max_frames, stack.rotary_dim, weight)
        cache.cos = angles.cos()
        cache.sin = angles.sin()
    for kind, _, attention in _branches(stack):
        # Tensors of full size from the start: nothing is copied when frames come in.
        if kind == "a":
            for kept in (cache.keys, cache.values):
                kept.append(
                    weight.new_zeros(
                        batch_size, stack.heads, max_frames, stack.dim_head
                    )
                )
        elif kind == "c" and context is not None:
            cache.context_keys.append(_heads(attention.to_k(context), stack.heads))
            cache.context_values.append(_heads(attention.to_v(context), stack.heads))
    return cache


@torch.no_grad()
def decode(stack: Any, x: Tensor, cache: KVCache) -> Tensor:
    """The frames x, (B, n, D), after those in the cache, which takes them in; raises ValueError where it is full."""
    start = cache.frames
    stop = cache.frames + x.shape[1]
    if stop > cache.max_frames:
        raise ValueError(
            f"the cache has room for {cache.max_frames} frames, but {stop} came"
        )
    # Positions count from the beginning of the sequence, not from that of the new frames.
    if stack.absolute is not None:
        x = stack.absolute(x, start)
    mask = _mask(stack, x, start)
    layer = 0
    cross = 0
    for kind, norm, branch in _branches(stack):
        # As the library's own layers: the norm before the branch, the sum behind it.
        y = norm(x)
        if kind == "a":
            y = _attend_to_frames(branch, y, cache, layer, stack.heads, mask)
            layer += 1
        elif kind == "c":
            y = _attend_to_context(branch, y, cache, cross, stack.heads)
            cross += 1
        else:
            y = branch(y)
        x = x + y

    # Only now: a branch that raises leaves the cache as it was.
    cache.frames = stop
    last: Tensor = stack.layers.final_norm(x)
    return last


def _attend_to_frames(
    attention: Any,
    y: Tensor,
    cache: KVCache,
    layer: int,
    heads: int,
    mask: Tensor | None,
) -> Tensor:
    """Self-attention of new frames to all frames so far; their keys and values go into the cache."""
    start = cache.frames
    stop = start + y.shape[1]
    q = _heads(attention.to_q(y), heads)
    k = _heads(attention.to_k(y), heads)
    v = _heads(attention.to_v(y), heads)

    # Keys are turned once, by their own position, before they are kept.
    if cache.cos is not None and cache.sin is not None:
        cos = cache.cos[start:stop]
        sin = cache.sin[start:stop]
        q = rotate(q, cos, sin)
        k = rotate(k, cos, sin)
    keys = cache.keys[layer]
    values = cache.values[layer]

    # In place: the frames before are not computed again, which is what the cache is for.
    keys[:, :, start:stop] = k
    values[:, :, start:stop] = v
    return _attend(attention, q, keys[:, :, :stop], values[:, :, :stop], mask)


def _attend_to_context(
    attention: Any, y: Tensor, cache: KVCache, cross: int, heads: int
) -> Tensor:
    """Cross-attention of new frames to the other sequence, all of which they see."""
    q = _heads(attention.to_q(y), heads)
    keys = cache.context_keys[cross]
    values = cache.context_values[cross]
    return _attend(attention, q, keys, values, None)


def _branches(stack: Any) -> Iterator[tuple[str, Any, Any]]:
    """Kind ("a" self-attention, "c" cross-attention, "f" feed-forward), norm and module of each branch, in order."""
    for kind, (norms, branch, _) in zip(
        stack.layers.layer_types, stack.layers.layers, strict=True
    ):
        yield kind, norms[0], branch


def _mask(stack: Any, x: Tensor, start: int) -> Tensor | None:
    """What is added to the scores, or which keys each query sees; None where one frame sees all."""
    n = x.shape[1]
    if n == 1 and stack.bias is None:
        return None

    # Row i is frame start + i, which sees itself and all before it.
    seen = torch.ones(n, start + n, dtype=torch.bool, device=x.device).tril(start)
    if stack.bias is None:
        return seen
    bias: Tensor = stack.bias(n, start).to(x.dtype)
    return bias.masked_fill(~seen, -torch.inf)


def _attend(
    attention: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None
) -> Tensor:
    y = functional.scaled_dot_product_attention(q, k, v, mask)
    # (B, heads, n, D) to (B, n, heads · D): the heads side by side again.
    out: Tensor = attention.to_out(y.transpose(1, 2).flatten(2))
    return out


def _heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, heads · d) -> (B, heads, n, d)."""
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
