"""Attention by itself against its equations, and what it says of heads that do not share out the features."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
W = dict[str, Tensor]


def crossed(shapes: list[tuple[int, ...]], **config: object) -> Block:
    spec = registry.get("CrossAttention")
    return registry.build(
        spec, spec.cls.Config(**config).resolve(spec.contract.bind(shapes))
    ).double()


def perturbed(block: Block) -> Block:
    """With biases that are not 0, as they begin."""
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    return block


def matrices(w: W) -> list[Tensor]:
    """Of queries, keys and values, stored in one matrix or in three."""
    if "in_proj_weight" in w:
        return list(w["in_proj_weight"].chunk(3))
    return [w[f"{name}_proj_weight"] for name in "qkv"]


def by_hand(
    w: W, x: Tensor, context: Tensor, heads: int, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Eq. 1 head by head and frame by frame: the output (B, T, D), and the weights (B, heads, T, S)."""
    width = x.shape[2] // heads
    biases = (
        w["in_proj_bias"].chunk(3)
        if "in_proj_bias" in w
        else [torch.zeros(1, dtype=x.dtype)] * 3
    )
    q, k, v = (
        y @ m.T + b
        for y, m, b in zip((x, context, context), matrices(w), biases, strict=True)
    )
    y = torch.zeros_like(q)
    weights = torch.zeros(len(x), heads, x.shape[1], context.shape[1], dtype=x.dtype)
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        for t in range(x.shape[1]):
            seen = t + 1 if causal else context.shape[1]
            scores = torch.stack(
                [
                    (q[:, t, own] * k[:, s, own]).sum(1) / math.sqrt(width)
                    for s in range(seen)
                ],
                1,
            )
            share = scores.exp() / scores.exp().sum(1, keepdim=True)
            weights[:, head, t, :seen] = share
            y[:, t, own] = sum(share[:, s, None] * v[:, s, own] for s in range(seen))
    return y @ w["out_proj.weight"].T + w.get(
        "out_proj.bias", torch.zeros(1, dtype=x.dtype)
    ), weights


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("heads", [1, 3])
def test_self_attention_by_its_equation(
    make: Make, heads: int, causal: bool, bias: bool
) -> None:
    x = torch.randn(2, 7, 6, dtype=torch.float64)
    block = perturbed(
        make("SelfAttention", x.shape, num_heads=heads, causal=causal, bias=bias)
    )
    expected, weights = by_hand(block.state_dict(), x, x, heads, causal)
    for training in (True, False):
        block.train(training)
        torch.testing.assert_close(block(x).detach(), expected)
        torch.testing.assert_close(block.weights(x).detach(), weights)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("features", [5, 6])
def test_cross_attention_by_its_equation(features: int, bias: bool) -> None:
    x, context = (
        torch.randn(2, 7, 6, dtype=torch.float64),
        torch.randn(2, 4, features, dtype=torch.float64),
    )
    block = perturbed(crossed([x.shape, context.shape], num_heads=2, bias=bias))
    expected, weights = by_hand(block.state_dict(), x, context, 2)
    torch.testing.assert_close(block(x, context).detach(), expected)
    torch.testing.assert_close(block.weights(x, context).detach(), weights)


def test_self_attention_is_torchs_scaled_dot_product(make: Make) -> None:
    x = torch.randn(2, 7, 6, dtype=torch.float64)
    block = perturbed(make("SelfAttention", x.shape, num_heads=2, causal=True))
    w = block.state_dict()
    q, k, v = (
        (x @ w["in_proj_weight"].T + w["in_proj_bias"])
        .unflatten(2, (3, 2, 3))
        .permute(2, 0, 3, 1, 4)
    )
    heads = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    y = heads.transpose(1, 2).flatten(2) @ w["out_proj.weight"].T + w["out_proj.bias"]
    torch.testing.assert_close(block(x).detach(), y)


@pytest.mark.parametrize("frame", [0, 4, 8])
def test_outputs_before_a_change_do_not_move(make: Make, frame: int) -> None:
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    changed = x.clone()
    changed[:, frame] += 1
    for causal in (True, False):
        block = make("SelfAttention", x.shape, num_heads=2, causal=causal)
        moved = (block(changed) != block(x)).any(2).any(0).tolist()
        assert moved == ([t >= frame for t in range(9)] if causal else [True] * 9)


def test_self_attention_does_not_know_positions(make: Make) -> None:
    x, order = torch.randn(2, 9, 6, dtype=torch.float64), torch.randperm(9)
    block = make("SelfAttention", x.shape, num_heads=2)
    torch.testing.assert_close(block(x[:, order]), block(x)[:, order])


def test_weights_are_dropped_in_training_only(make: Make) -> None:
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    block = make("SelfAttention", x.shape, num_heads=2, dropout=0.5)
    assert not torch.equal(block(x), block(x))
    block.eval()
    torch.testing.assert_close(
        block.weights(x).sum(3), torch.ones(2, 2, 9, dtype=torch.float64)
    )
    assert torch.equal(block(x), block(x))


def refusal(axes: str, layer: dict[str, object]) -> str:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": axes, "layers": [layer]})
    return str(caught.value)


def test_heads_that_do_not_share_out_the_features_are_refused() -> None:
    assert refusal("B T D=6", {"SelfAttention": {"embed_dim": 6, "num_heads": 4}}) == (
        "<dict>:3:3: SelfAttention: 4 heads cannot share out 6 features: one must divide the other\n"
        "    3 | - SelfAttention:\n"
        "      |   ^^^^^^^^^^^^^\n"
        "  [E106]"
    )
    assert refusal("B T D=6", {"SelfAttention": {"num_heads": 4}}) == (
        "<dict>:3:3: SelfAttention cannot run on this tensor\n"
        "    3 | - SelfAttention:\n"
        "      |   ^^^^^^^^^^^^^\n"
        "  here   (B, 64, 6)   the input\n"
        "  torch  4 heads cannot share out 6 features: one must divide the other\n"
        "  sizes  tried with T=64\n"
        "  help: change its config or the sizes     [E204]"
    )


def test_the_other_sequence_must_be_given() -> None:
    assert refusal("B T D=6", {"CrossAttention": {"num_heads": 2}}) == (
        "<dict>:3:3: CrossAttention takes 2 inputs, got 1\n"
        "    3 | - CrossAttention:\n"
        "      |   ^^^^^^^^^^^^^^\n"
        "  here      (B, 64, 6)   the input\n"
        "  contract  B T D, B S E -> B T D\n"
        "  sizes     tried with T=64\n"
        "  help: give its further inputs by `with:`, the names of stored tensors or inputs     [E201]"
    )
