"""FiLM, embeddings of time and class, conditioned residual blocks, by their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

import mirbricks as mb
from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]


def made(name: str, shapes: list[tuple[int, ...]], **config: Any) -> Block:
    """A block of several inputs, in float64."""
    spec = registry.get(name)
    given = spec.cls.Config(**config)
    return registry.build(spec, given.resolve(spec.contract.bind(shapes))).double()


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("config", [{}, {"hidden_features": 6}, {"shared": True}])
def test_film_starts_as_the_identity(
    shape: tuple[int, ...], config: dict[str, Any]
) -> None:
    block = made("FiLM", [shape, (2, 4)], **config)
    x = torch.randn(shape, dtype=torch.float64)
    assert torch.equal(block(x, 100 * torch.randn(2, 4, dtype=torch.float64)), x)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("hidden", [None, 6])
def test_film_by_its_formula(hidden: int | None, shared: bool) -> None:
    block = made("FiLM", [(2, 3, 4, 5), (2, 4)], hidden_features=hidden, shared=shared)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x, cond = (
        torch.randn(2, 3, 4, 5, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )
    w, heard = block.state_dict(), cond
    if hidden:
        heard = cond @ w["hidden.weight"].T + w["hidden.bias"]
        heard = heard / (1 + (-heard).exp())
    both = heard @ w["last.weight"].T + w["last.bias"]
    expected = torch.empty_like(x)
    for b in range(2):
        for c in range(3):
            gamma, beta = both[b, 0 if shared else c], both[b, 1 if shared else 3 + c]
            expected[b, c] = (1 + gamma) * x[b, c] + beta
    torch.testing.assert_close(block(x, cond).detach(), expected)


def test_gradients_reach_films_hidden_layer_after_one_step() -> None:
    block = made("FiLM", [(2, 3, 5), (2, 4)], hidden_features=6)
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
    x, cond = (
        torch.randn(2, 3, 5, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )
    for _ in range(2):
        optimizer.zero_grad()
        block(x, cond).square().sum().backward()
        optimizer.step()
    assert block.hidden is not None
    assert block.hidden.weight.grad.abs().sum() > 0


def test_film_in_a_graph_hears_its_further_input() -> None:
    layers = [
        {"Conv1d": {"out_channels": 3, "kernel_size": 1, "name": "conv"}},
        {"FiLM": {"with": ["c"]}},
    ]
    model = mb.compile_graph(
        {"input": {"x": "B C=2 T", "c": "B D=4"}, "layers": layers}
    )
    x, cond = torch.randn(2, 2, 7), torch.randn(2, 4)
    assert torch.equal(model(x, cond), model.get_submodule("conv")(x))


def test_sinusoidal_embedding_by_its_formula(make: Make) -> None:
    block = make("SinusoidalEmbedding", (4,), dim=6, max_period=100.0, scale=10.0)
    t = torch.tensor([0.0, 0.1, 2.5, 30.0], dtype=torch.float64)
    rows = []
    for time in t.tolist():
        angles = [10 * time * 100.0 ** (-i / 3) for i in range(3)]
        rows.append([*map(math.sin, angles), *map(math.cos, angles)])
    torch.testing.assert_close(block(t), torch.tensor(rows, dtype=torch.float64))


def test_steps_of_a_diffusion_may_be_integers(make: Make) -> None:
    steps = torch.tensor([0, 17, 999])
    for name, config in (
        ("SinusoidalEmbedding", {"dim": 8}),
        ("TimeEmbedding", {"out_features": 8}),
    ):
        block = make(name, (3,), **config).float()
        assert torch.equal(block(steps), block(steps.float()))
        assert block(steps).dtype == torch.float32
    assert make("TimeEmbedding", (3,), out_features=8)(steps).dtype == torch.float64


def test_bfloat16_loses_nothing_but_its_rounding(make: Make) -> None:
    t = torch.tensor([3.0, 500.0, 996.0]).bfloat16()  # as integers up to 1000 are kept
    block = make("SinusoidalEmbedding", (3,), dim=8)
    torch.testing.assert_close(block(t), block(t.float()).bfloat16(), rtol=0, atol=0)


def test_time_embedding_is_two_layers_on_the_sinusoids(make: Make) -> None:
    block = make(
        "TimeEmbedding", (3,), out_features=5, dim=8, hidden_features=7, scale=1000.0
    )
    t = torch.rand(3, dtype=torch.float64)
    y = (
        make("SinusoidalEmbedding", (3,), dim=8, scale=1000.0)(t)
        @ block.expand.weight.T
        + block.expand.bias
    )
    expected = (y / (1 + (-y).exp())) @ block.project.weight.T + block.project.bias
    torch.testing.assert_close(block(t), expected)


@pytest.mark.parametrize("name", ["SinusoidalEmbedding", "TimeEmbedding"])
def test_an_odd_dim_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="multiple of 2"):
        registry.blocks()[name].cls.Config(
            dim=5, **({} if name == "SinusoidalEmbedding" else {"out_features": 2})
        )


def test_class_embedding_takes_rows_and_their_sums(make: Make) -> None:
    block = make("ClassEmbedding", (4, 3), embedding_dim=5)
    classes = torch.tensor(
        [[0, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0.5, 0.5]], dtype=torch.float64
    )
    w = block.weight
    torch.testing.assert_close(
        block(classes), torch.stack([w[1], w[0] + w[2], 0 * w[0], (w[1] + w[2]) / 2])
    )


def test_class_embedding_drops_items_in_training_only(make: Make) -> None:
    block = make("ClassEmbedding", (2000, 3), embedding_dim=5, drop=0.25)
    classes = functional.one_hot(torch.arange(2000) % 3, 3).double()
    lost = (block(classes) == 0).all(1)
    assert abs(lost.double().mean() - 0.25) < 0.04
    assert not (block.eval()(classes) == 0).any()


def group_normed(x: Tensor, groups: int) -> Tensor:
    y = x.reshape(len(x), groups, -1)
    return (
        (y - y.mean(2, keepdim=True))
        / (y.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    ).reshape(x.shape)


def silu(x: Tensor) -> Tensor:
    return x / (1 + (-x).exp())


@pytest.mark.parametrize(("name", "shape"), [("1d", (2, 4, 7)), ("2d", (2, 4, 5, 6))])
@pytest.mark.parametrize("out_channels", [4, 6])
def test_conditioned_residual_block_by_its_definition(
    name: str, shape: tuple[int, ...], out_channels: int
) -> None:
    config = {"out_channels": out_channels, "num_groups": 2, "zero_init": False}
    block = made(f"ConditionedResidualBlock{name}", [shape, (2, 3)], **config)
    torch.nn.init.normal_(block.film.last.weight)
    x, cond = (
        torch.randn(shape, dtype=torch.float64),
        torch.randn(2, 3, dtype=torch.float64),
    )
    conv = functional.conv1d if name == "1d" else functional.conv2d
    y = conv(silu(group_normed(x, 2)), block.conv1.weight, block.conv1.bias, padding=1)
    gamma, beta = (
        (silu(cond) @ block.film.last.weight.T)
        .reshape(2, 2, -1, *[1] * (len(shape) - 2))
        .unbind(1)
    )
    y = silu(group_normed(y, 2) * (1 + gamma) + beta)
    y = conv(y, block.conv2.weight, block.conv2.bias, padding=1)
    shortcut = (
        x if out_channels == 4 else conv(x, block.shortcut.weight, block.shortcut.bias)
    )
    torch.testing.assert_close(block(x, cond), shortcut + y)


def test_conditioned_residual_block_starts_as_its_shortcut() -> None:
    block = made("ConditionedResidualBlock1d", [(2, 4, 7), (2, 3)], out_channels=4)
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    assert torch.equal(block(x, torch.randn(2, 3, dtype=torch.float64)), x)
