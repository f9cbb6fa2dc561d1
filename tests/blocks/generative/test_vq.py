"""The vector quantizer against distances written out, its gradients and losses, and that it learns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (2, 3, 5, 4)


def noise(*shape: int, **options: bool) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, **options)


@pytest.mark.parametrize("learning", ["ema", "loss"])
def test_each_frame_becomes_its_nearest_code(make: Make, learning: str) -> None:
    block, x = (
        make("VectorQuantizer", SHAPE, n_codes=16, learning=learning).eval(),
        noise(*SHAPE),
    )
    y, codes = block(x), block.encode(x)
    assert codes.shape == (2, 5, 4)
    for b in range(2):
        for f in range(5):
            for t in range(4):
                nearest = (block.codebook - x[b, :, f, t]).square().sum(1).argmin()
                assert codes[b, f, t] == nearest
                assert torch.equal(y[b, :, f, t], block.codebook[nearest])
    assert torch.equal(block.decode(codes), y)


@pytest.mark.parametrize("learning", ["ema", "loss"])
@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_passes_straight_through(
    make: Make, learning: str, training: bool
) -> None:
    block = make("VectorQuantizer", (2, 3, 6), n_codes=8, learning=learning).train(
        training
    )
    x, g = noise(2, 3, 6, requires_grad=True), noise(2, 3, 6)
    codebook = block.codebook.detach().clone()
    codes = block.encode(x)
    y = block(x)
    assert torch.equal(
        y, torch.nn.functional.embedding(codes, codebook).movedim(-1, 1)
    )  # to the bit
    y.backward(g)
    assert torch.equal(x.grad, g)
    assert learning == "ema" or block.codebook.grad is None


def test_losses_and_their_gradients(make: Make) -> None:
    block = make(
        "VectorQuantizer",
        (2, 3, 6),
        n_codes=8,
        learning="loss",
        commitment_weight=0.7,
        dead_below=0.0,
    )
    x = noise(2, 3, 6, requires_grad=True)
    e = block.eval()(x).detach()
    block.train()(x)
    torch.testing.assert_close(
        block.losses["commitment"], 0.7 * (x - e).square().mean()
    )
    torch.testing.assert_close(block.losses["codebook"], (x - e).square().mean())
    sum(block.losses.values()).backward()
    torch.testing.assert_close(x.grad, 0.7 * 2 * (x - e).detach() / x.numel())
    expected = torch.zeros_like(block.codebook)
    for frame, code in zip(
        x.detach().mT.reshape(-1, 3), block.encode(x).flatten(), strict=True
    ):
        expected[code] += 2 * (block.codebook[code] - frame).detach() / x.numel()
    torch.testing.assert_close(block.codebook.grad, expected)


@pytest.mark.parametrize("learning", ["ema", "loss"])
def test_it_learns_where_the_data_are(make: Make, learning: str) -> None:
    """Eight far clusters, none near a code at first; 100 steps leave only the width of the clusters."""
    centres = 20 + 5 * noise(8, 4)
    block = make("VectorQuantizer", (1, 4, 9), n_codes=16, learning=learning)
    optimizer = torch.optim.SGD(block.parameters(), 1.0) if learning == "loss" else None
    for _ in range(100):
        x = (centres[torch.randint(8, (400,))] + 0.1 * noise(400, 4)).T[None]
        block(x)
        if optimizer:
            optimizer.zero_grad()
            block.losses["codebook"].backward()
            optimizer.step()
    block.eval()
    assert (block(x) - x).square().mean() < 0.1**2
    assert block.usage(block.encode(x)) == 1
    assert 8 < block.perplexity(block.encode(x)) <= 16


def test_fit_is_quicker(make: Make) -> None:
    x = (20 + 5 * noise(8, 4)).repeat_interleave(50, 0).T[None]
    block = make("VectorQuantizer", (1, 4, 9), n_codes=16).eval()
    block.fit(x)
    torch.testing.assert_close(block(x), x)


def test_in_eval_nothing_moves(make: Make) -> None:
    block = make("VectorQuantizer", SHAPE, n_codes=16)
    block(noise(*SHAPE))
    before = {key: value.clone() for key, value in block.state_dict().items()}
    assert list(before) == ["codebook", "counts"]
    block.eval()(noise(*SHAPE))
    assert all(
        torch.equal(value, before[key]) for key, value in block.state_dict().items()
    )


@pytest.mark.parametrize(
    "config",
    [{"n_codes": 1}, {"decay": 1.0}, {"commitment_weight": -1.0}, {"dead_below": 1.0}],
)
def test_what_the_config_refuses(config: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        registry.get("VectorQuantizer").cls.Config(**config)


def test_fit_takes_as_many_steps_as_it_is_told(make: Make) -> None:
    """The error of k-means falls from step to step, and ten are what fit takes by itself."""
    x = noise(1, 4, 300)
    errors = []
    for given in ({"n_iterations": 1}, {"n_iterations": 10}, {}):
        torch.manual_seed(0)
        block = make("VectorQuantizer", (1, 4, 9), n_codes=16).eval()
        block.fit(x, **given)
        errors.append(float((block(x) - x).square().mean()))
    assert errors[0] > errors[1] == errors[2]
