"""Losses that blocks have of their own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (2, 4, 9)
LOSSES = {
    "VectorQuantizer": ["commitment"],
    "ResidualVectorQuantizer": ["commitment"],
    "VAEBottleneck": ["kl"],
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_those_of_the_last_step_in_training(make: Make, name: str) -> None:
    block, x = (
        make(name, SHAPE),
        torch.randn(SHAPE, dtype=torch.float64, requires_grad=True),
    )
    assert block.losses == {}
    block.eval()(x)
    assert block.losses == {}
    block.train()(x)
    assert list(block.losses) == LOSSES[name]
    assert all(
        loss.shape == () and loss.requires_grad for loss in block.losses.values()
    )
    torch.nn.Sequential(block).eval()
    assert block.losses == {}


@pytest.mark.parametrize("name", LOSSES)
def test_a_block_can_be_copied_amid_training(make: Make, name: str) -> None:
    block, x = (
        make(name, SHAPE),
        torch.randn(SHAPE, dtype=torch.float64, requires_grad=True),
    )
    block(x)
    for other in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert other.losses == {}
        assert torch.equal(other.eval()(x), copy.deepcopy(block).eval()(x))
    assert list(block.losses) == LOSSES[name]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("training", [True, False])
def test_no_graph_breaks(make: Make, name: str, training: bool) -> None:
    block, x = (
        make(name, SHAPE).train(training),
        torch.randn(SHAPE, dtype=torch.float64),
    )
    other = copy.deepcopy(block)
    torch.manual_seed(3)
    expected = block(x)
    torch.manual_seed(3)
    torch.testing.assert_close(
        torch.compile(other, backend="eager", fullgraph=True)(x), expected
    )
    assert list(other.losses) == list(block.losses)
    for key, loss in block.losses.items():
        torch.testing.assert_close(other.losses[key], loss)
    for (key, value), (_, mine) in zip(
        block.state_dict().items(), other.state_dict().items(), strict=True
    ):
        torch.testing.assert_close(mine, value, msg=key)


@pytest.mark.parametrize("name", [*LOSSES, "FiniteScalarQuantizer"])
def test_an_exported_program_takes_any_number_of_frames(make: Make, name: str) -> None:
    config = {"levels": [5, 4, 3, 8]} if name == "FiniteScalarQuantizer" else {}
    block = make(name, SHAPE, **config).eval()
    x = torch.randn(SHAPE, dtype=torch.float64)
    frames = torch.export.Dim("frames", min=2)
    exported = torch.export.export(block, (x,), dynamic_shapes=({2: frames},)).module()
    longer = torch.randn(2, 4, 1000, dtype=torch.float64)
    torch.testing.assert_close(exported(longer), block(longer))
