"""Learned pooling by naive loops, AutoPool's limits, and its numbers where exp(α x) would overflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import special
from torch import Tensor

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (2, 6, 3, 7)
POOLS = ["AutoPool", "AutoPoolSplit", "SoftmaxPool", "SoftmaxPoolSplit"]


def built(name: str, **config: Any) -> Block:
    spec = registry.get(name)
    return registry.build(
        spec, spec.cls.Config(**config).resolve(spec.contract.bind([SHAPE]))
    ).double()


def averaged(values: list[float], logits: list[float]) -> float:
    """Σ v e^l / Σ e^l, each e^l over the largest."""
    shares = [math.exp(logit - max(logits)) for logit in logits]
    return math.fsum(
        v * share for v, share in zip(values, shares, strict=True)
    ) / math.fsum(shares)


def by_loops(x: Tensor, logits: Tensor) -> Tensor:
    """The weighted mean over the last axis, row by row."""
    rows = zip(x.flatten(0, -2).tolist(), logits.flatten(0, -2).tolist(), strict=True)
    return torch.tensor([averaged(*row) for row in rows], dtype=x.dtype).reshape(
        *x.shape[:-1], 1
    )


def parts_of(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """What is averaged, and what weighs it."""
    half = x.shape[1] // 2
    return (x[:, :half], x[:, half:]) if name.endswith("Split") else (x, x)


def test_the_first_half_weighs_where_a_checkpoint_of_move_needs_it() -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    block = built("AutoPoolSplit", alpha_init=0.7, weights_first=True)
    torch.testing.assert_close(block(x), by_loops(x[:, 3:], 0.7 * x[:, :3]))
    swapped = torch.cat([x[:, 3:], x[:, :3]], dim=1)
    assert torch.equal(block(x), built("AutoPoolSplit", alpha_init=0.7)(swapped))


@given(st.floats(-20, 20))
@pytest.mark.parametrize("name", ["AutoPool", "AutoPoolSplit"])
def test_autopool_by_loops(name: str, alpha: float) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    block = built(name, alpha_init=alpha)
    value, weight = parts_of(name, x)
    torch.testing.assert_close(
        block(x).detach(), by_loops(value, block.alpha.item() * weight)
    )


@pytest.mark.parametrize("name", ["AutoPool", "AutoPoolSplit"])
def test_every_channel_has_its_alpha(name: str) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    value, weight = parts_of(name, x)
    block = built(name, per_channel=True, alpha_init=0.5)
    assert torch.equal(
        block.alpha.detach().flatten(), torch.full((value.shape[1],), 0.5).double()
    )
    torch.nn.init.normal_(block.alpha, 0, 2)
    rows = [
        by_loops(value[:, c], block.alpha[c].item() * weight[:, c])
        for c in range(value.shape[1])
    ]
    torch.testing.assert_close(block(x).detach(), torch.stack(rows, dim=1))


@pytest.mark.parametrize("name", ["SoftmaxPool", "SoftmaxPoolSplit"])
def test_softmax_pooling_by_loops_is_autopool_at_one(name: str) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    found = built(name)(x)
    torch.testing.assert_close(found, by_loops(*parts_of(name, x)))
    torch.testing.assert_close(
        built(name.replace("Softmax", "Auto"), alpha_init=1.0)(x).detach(), found
    )


LIMITS: list[tuple[float, Callable[[Tensor], Tensor]]] = [
    (0.0, lambda x: x.mean(-1, keepdim=True)),
    (
        1.0,
        lambda x: (x * torch.from_numpy(special.softmax(x.numpy(), axis=-1))).sum(
            -1, keepdim=True
        ),
    ),
    (1e6, lambda x: x.amax(-1, keepdim=True)),
    (-1e6, lambda x: x.amin(-1, keepdim=True)),
]


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(
    ("alpha", "limit"),
    LIMITS,
    ids=lambda given: str(given) if isinstance(given, float) else "",
)
def test_from_the_mean_by_softmax_weights_to_the_maximum(
    alpha: float, limit: Callable[[Tensor], Tensor], per_channel: bool
) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(
        built("AutoPool", alpha_init=alpha, per_channel=per_channel)(x).detach(),
        limit(x),
    )
    split = built("AutoPoolSplit", alpha_init=alpha, per_channel=per_channel)
    weighed_by_themselves = torch.cat([x[:, :3], x[:, :3]], dim=1)
    torch.testing.assert_close(split(weighed_by_themselves).detach(), limit(x[:, :3]))


def test_each_channel_meets_a_limit_of_its_own() -> None:
    x = torch.randn(2, 4, 3, 7, dtype=torch.float64)
    spec = registry.get("AutoPool")
    block = registry.build(
        spec, spec.cls.Config(num_channels=4, per_channel=True)
    ).double()
    with torch.no_grad():
        block.alpha.copy_(torch.tensor([alpha for alpha, _ in LIMITS]).view(4, 1, 1))
    expected = torch.cat(
        [limit(x[:, c : c + 1]) for c, (_, limit) in enumerate(LIMITS)], dim=1
    )
    torch.testing.assert_close(block(x).detach(), expected)


def test_a_larger_alpha_is_never_further_from_the_maximum() -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    means = [
        built("AutoPool", alpha_init=alpha)(x)
        for alpha in (-8.0, -1.0, 0.0, 0.5, 1.0, 4.0, 32.0)
    ]
    assert all(bool((after > before).all()) for before, after in pairwise(means))


def test_it_starts_as_the_mean_and_learns_its_alpha(make: Make) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    variance = x.var(-1, correction=0)  # d/dα of the mean at α = 0
    for per_channel, expected in (
        (False, variance.sum()),
        (True, variance.sum((0, 2)).view(6, 1, 1)),
    ):
        block = make("AutoPool", SHAPE, per_channel=per_channel)
        assert not block.alpha.any()
        block(x).sum().backward()
        torch.testing.assert_close(block.alpha.grad, expected)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", ["AutoPool", "AutoPoolSplit"])
@pytest.mark.parametrize("alpha", [1e4, -1e4, 50.0])
def test_huge_exponents_are_exact(name: str, alpha: float, per_channel: bool) -> None:
    """|α x| of 1e4 and more, near ties among the weights; exp of it overflows in float32 and in float64."""
    x = torch.randn(SHAPE).where(torch.rand(SHAPE) < 0.5, 1.0) * 1e4 / 50
    x[..., 3] = x[..., 2] + 1 / abs(alpha)
    assert torch.exp(alpha * x.double()).isinf().any()
    block = built(name, alpha_init=alpha, per_channel=per_channel).float()
    value, weight = parts_of(name, x.requires_grad_())
    y = block(x)
    expected = by_loops(value.detach(), (alpha * weight).detach())
    torch.testing.assert_close(y.detach(), expected)
    y.sum().backward()
    assert x.grad.isfinite().all()
    assert block.alpha.grad.isfinite().all()


@pytest.mark.parametrize("name", POOLS)
def test_gradients_are_right(name: str) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    block = built(name, **({"alpha_init": 1.5} if "Auto" in name else {}))
    torch.autograd.gradcheck(block, (x,))


def attention(w: dict[str, Tensor], x: Tensor, heads: int) -> Tensor:
    """Eq. 8 and 9, frame by frame, of (B, C, F, T)."""
    logits = torch.zeros(x.shape[0], heads, *x.shape[2:], dtype=x.dtype)
    for b in range(x.shape[0]):
        for f in range(x.shape[2]):
            for t in range(x.shape[3]):
                hidden = torch.tanh(
                    w["hidden.weight"] @ x[b, :, f, t] + w["hidden.bias"]
                )
                if "gate.weight" in w:
                    hidden = hidden / (
                        1
                        + torch.exp(
                            -(w["gate.weight"] @ x[b, :, f, t] + w["gate.bias"])
                        )
                    )
                logits[b, :, f, t] = w["score.weight"] @ hidden
    share = x.shape[1] // heads
    return by_loops(
        x, torch.stack([logits[:, c // share] for c in range(x.shape[1])], dim=1)
    )


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [SHAPE, (2, 6, 7)])
def test_attention_pooling_by_its_equations(
    make: Make, shape: tuple[int, ...], heads: int, gated: bool
) -> None:
    x = torch.randn(shape, dtype=torch.float64)
    block = make(
        "AttentionPool", shape, num_heads=heads, gated=gated, hidden_features=5
    )
    expected = attention(block.state_dict(), x.reshape(2, 6, -1, 7), heads)
    torch.testing.assert_close(block(x).detach(), expected.reshape(*shape[:-1], 1))
    assert block.logits(x).shape == (2, heads, *shape[2:])


def test_attention_that_sees_no_difference_is_the_mean(make: Make) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    block = make("AttentionPool", SHAPE)
    torch.nn.init.zeros_(block.hidden.weight)
    torch.testing.assert_close(block(x).detach(), x.mean(-1, keepdim=True))


def test_the_order_of_frames_does_not_count(make: Make) -> None:
    x, order = torch.randn(SHAPE, dtype=torch.float64), torch.randperm(7)
    for name in (*POOLS, "AttentionPool", "StatisticsPooling"):
        block = make(name, SHAPE)
        torch.testing.assert_close(block(x[..., order]), block(x))


@pytest.mark.parametrize("name", [*POOLS, "AttentionPool", "StatisticsPooling"])
def test_compiles_without_a_graph_break(make: Make, name: str) -> None:
    block, x = make(name, SHAPE), torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(
        torch.compile(block, fullgraph=True, backend="eager")(x), block(x)
    )


def test_heads_that_do_not_share_out_the_channels_are_refused() -> None:
    with pytest.raises(ValidationError, match="4 heads cannot share out 6 channels"):
        registry.get("AttentionPool").cls.Config(in_channels=6, num_heads=4)
    with pytest.raises(GraphError) as caught:
        mb.compile_graph(
            {"input": "B C=6 T", "layers": [{"AttentionPool": {"num_heads": 4}}]}
        )
    assert str(caught.value) == (
        "<dict>:3:3: AttentionPool cannot run on this tensor\n"
        "    3 | - AttentionPool:\n"
        "      |   ^^^^^^^^^^^^^\n"
        "  here   (B, 6, 64)   the input\n"
        "  torch  4 heads cannot share out 6 channels\n"
        "  sizes  tried with T=64\n"
        "  help: change its config or the sizes     [E204]"
    )


@pytest.mark.parametrize("alpha", [math.nan, math.inf])
def test_alpha_starts_at_a_number(alpha: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        registry.get("AutoPool").cls.Config(alpha_init=alpha)
