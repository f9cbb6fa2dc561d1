"""Positions against numpy, complex numbers and naive loops, and what they say of a sequence that is too long."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.blocks.sequence.positions import (
    Alibi,
    T5Bias,
    alibi_slopes,
    rotary_angles,
    rotate,
)
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize(("dim", "period"), [(8, 10000.0), (7, 10000.0), (6, 50.0)])
def test_sinusoids_by_numpy(make: Make, dim: int, period: float) -> None:
    x = torch.randn(2, 40, dim, dtype=torch.float64)
    t, i = np.arange(40)[:, None], np.arange(dim)[None]
    angle = t / period ** (2 * (i // 2) / dim)
    waves = np.where(i % 2 == 0, np.sin(angle), np.cos(angle))
    block = make("SinusoidalPositions", x.shape, max_period=period)
    torch.testing.assert_close(block(x), x + torch.from_numpy(waves))


@pytest.mark.parametrize(
    ("name", "config"),
    [("SinusoidalPositions", {}), ("LearnedPositions", {"max_frames": 30})],
)
def test_a_sequence_that_comes_in_parts_has_the_same_positions(
    make: Make, name: str, config: dict[str, Any]
) -> None:
    x = torch.randn(2, 30, 6, dtype=torch.float64)
    block = make(name, x.shape, **config)
    parts = torch.cat(
        (block(x[:, :11]), block(x[:, 11:12], 11), block(x[:, 12:], 12)), dim=1
    )
    torch.testing.assert_close(parts, block(x))


def test_sinusoids_are_computed_in_float32_at_least(make: Make) -> None:
    x = torch.zeros(1, 3000, 4, dtype=torch.bfloat16)  # bfloat16 has no frame 2999
    block = make("SinusoidalPositions", x.shape)
    torch.testing.assert_close(block(x).double(), block(x.double()), rtol=0, atol=2**-8)


def test_learned_positions_by_a_loop(make: Make) -> None:
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    block = make("LearnedPositions", x.shape, max_frames=8)
    expected = torch.stack(
        [x[:, t] + block.state_dict()["weight"][t] for t in range(5)], dim=1
    )
    torch.testing.assert_close(block(x).detach(), expected)


def test_positions_of_rows_and_columns_by_a_loop(make: Make) -> None:
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    block = make("LearnedPositions2d", x.shape, max_frames=8)
    w, expected = block.state_dict(), x.clone()
    for f in range(3):
        for t in range(5):
            expected[:, :, f, t] += w["rows"][:, f, 0] + w["columns"][:, 0, t]
    torch.testing.assert_close(block(x).detach(), expected)


def turned(x: Tensor, start: int = 0) -> Tensor:
    """Features 2i and 2i + 1 as one complex number, times e^(j t 10000^(-2i / D))."""
    y, dim = x.clone(), x.shape[-1]
    for t in range(x.shape[-2]):
        for i in range(dim // 2):
            turn = cmath.exp(1j * (start + t) * 10000 ** (-2 * i / dim))
            z = torch.complex(x[..., t, 2 * i], x[..., t, 2 * i + 1]) * turn
            y[..., t, 2 * i], y[..., t, 2 * i + 1] = z.real, z.imag
    return y


@pytest.mark.parametrize("start", [0, 7])
def test_rotary_positions_by_complex_numbers(start: int) -> None:
    x = torch.randn(2, 3, 9, 6, dtype=torch.float64)
    angles = rotary_angles(9, 6, x, start)
    torch.testing.assert_close(rotate(x, angles.cos(), angles.sin()), turned(x, start))


def test_rotary_scores_depend_on_the_distance_alone() -> None:
    q, k = torch.randn(2, 1, 8, dtype=torch.float64)
    angles = rotary_angles(30, 8, q)
    q, k = (rotate(t.expand(30, 8), angles.cos(), angles.sin()) for t in (q, k))
    scores = q @ k.T
    for distance in range(-29, 30):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))


def test_slopes_of_alibi_are_the_papers() -> None:
    assert alibi_slopes(8) == [
        2**-n for n in range(1, 9)
    ]  # section 3: 1/2, 1/4, ... 1/256
    assert alibi_slopes(1) == [2**-8]
    twelve = [2**-n for n in range(1, 9)] + [
        2**-0.5,
        2**-1.5,
        2**-2.5,
        2**-3.5,
    ]  # then every second of 16 heads
    assert alibi_slopes(12) == pytest.approx(twelve, rel=1e-15)


@pytest.mark.parametrize("start", [0, 4])
def test_alibi_by_a_loop(start: int) -> None:
    found, slopes = Alibi(3)(5, start), [2**-4, 2**-8, 2**-2]
    assert found.shape == (3, 5, start + 5)
    for head, slope in enumerate(slopes):
        for query in range(5):
            for key in range(start + 5):
                assert found[head, query, key] == -slope * abs(start + query - key)


def bucket(offset: int, count: int, most: int, causal: bool) -> int:
    """T5's bucket of one offset, key minus query, in Python numbers."""
    first = 0
    if not causal:
        count //= 2
        first = count if offset > 0 else 0
    distance = max(-offset, 0) if causal else abs(offset)
    single = count // 2
    if distance < single:
        return first + distance
    step = math.log(distance / single) / math.log(most / single) * (count - single)
    return first + min(
        count - 1, single + int(step + 1e-6)
    )  # 1e-6: logarithms of whole powers


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    ("count", "most", "start"), [(32, 128, 0), (8, 20, 5), (4, 3, 0)]
)
def test_t5_biases_by_a_loop(causal: bool, count: int, most: int, start: int) -> None:
    bias = T5Bias(3, count, most, causal).double()
    found, queries = bias(60, start).detach(), 60
    rows = [
        [bucket(k - (start + q), count, most, causal) for k in range(start + queries)]
        for q in range(queries)
    ]
    torch.testing.assert_close(
        found, bias.weight.detach()[torch.tensor(rows)].permute(2, 0, 1)
    )


@pytest.mark.parametrize("causal", [True, False])
def test_t5_uses_every_bucket_and_the_last_from_max_distance_on(causal: bool) -> None:
    bias = T5Bias(1, 32, 128, causal)
    past = bias.buckets(-torch.arange(1000))
    assert past.max() == (31 if causal else 15)
    assert bool((past[128:] == past.max()).all())
    ahead = bias.buckets(torch.arange(1, 1000))
    assert set(past.tolist()) | set(ahead.tolist()) == set(range(32)) - (
        set() if causal else {16}
    )  # no offset +0


def refusal(axes: str, layer: dict[str, Any]) -> str:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": axes, "layers": [layer]})
    return str(caught.value)


def test_a_sequence_longer_than_its_positions_is_refused() -> None:
    assert refusal("B T=9 D=6", {"LearnedPositions": {"max_frames": 8}}) == (
        "<dict>:3:3: LearnedPositions cannot run on this tensor\n"
        "    3 | - LearnedPositions:\n"
        "      |   ^^^^^^^^^^^^^^^^\n"
        "  here   (B, 9, 6)   the input\n"
        "  torch  LearnedPositions has max_frames 8, but 9 frames came\n"
        "  help: change its config or the sizes     [E204]"
    )
    assert (
        "\n  torch  LearnedPositions2d has max_frames 8, but 9 frames came\n"
        in refusal("B C=2 F=3 T=9", {"LearnedPositions2d": {"max_frames": 8}})
    )
