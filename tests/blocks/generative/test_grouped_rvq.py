"""Residual quantizers side by side: each group by itself, what is refused, and a codec of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import mirbricks as mb
from mirbricks.blocks.generative.rvq import ResidualVectorQuantizer
from mirbricks.errors import DataError, GraphError
from mirbricks.registry import Block
from mirbricks.training.side_losses import side_losses

Make = Callable[..., Block]
NAME = "GroupedResidualVectorQuantizer"
GROUPS = {"channels": [1, 3], "n_codebooks": [1, 2], "n_codes": 8}


def alone(block: Block, group: int) -> ResidualVectorQuantizer:
    """A quantizer by itself with the codebooks of a group."""
    one = ResidualVectorQuantizer(block.config.of_group(group))
    one.load_state_dict(block.groups[group].state_dict())
    return one.double().train(block.training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(2, 4, 7), (2, 4, 3, 5), (6, 4)])
def test_each_group_is_a_residual_quantizer_of_its_channels(
    make: Make, shape: tuple[int, ...], training: bool
) -> None:
    block = make(NAME, shape, **GROUPS).train(training)
    x = torch.randn(shape, dtype=torch.float64)
    pitch, timbre = alone(block, 0), alone(block, 1)

    torch.manual_seed(0)
    found = block(x)
    torch.manual_seed(0)
    expected = torch.cat([pitch(x[:, :1]), timbre(x[:, 1:])], dim=1)

    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    wanted = [pitch.losses, timbre.losses]
    for group, losses in zip(block.groups, wanted, strict=True):
        assert group.losses == losses
    assert len(side_losses(block)) == sum(map(len, wanted))


def test_codes_lie_group_after_group_and_come_back(make: Make) -> None:
    block = make(NAME, (2, 4, 7), **GROUPS).eval()
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    codes = block.encode(x)
    assert codes.shape == (2, 3, 7)
    assert torch.equal(codes[:, :1], alone(block, 0).encode(x[:, :1]))
    assert torch.equal(codes[:, 1:], alone(block, 1).encode(x[:, 1:]))
    assert torch.equal(block.decode(codes), block(x))


def test_a_group_does_not_see_the_others(make: Make) -> None:
    block = make(NAME, (2, 4, 7), **GROUPS).eval()
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    other = x.clone()
    other[:, 1:] += 1e3
    assert torch.equal(block.encode(x)[:, :1], block.encode(other)[:, :1])
    other = x.clone()
    other[:, :1] += 1e3
    assert torch.equal(block.encode(x)[:, 1:], block.encode(other)[:, 1:])


def test_fit_places_the_codes_of_every_group(make: Make) -> None:
    x = torch.randn(4, 4, 200, dtype=torch.float64)
    x *= torch.tensor([0.01, 5, 5, 5], dtype=torch.float64)[:, None]
    block = make(NAME, x.shape, channels=[1, 3], n_codebooks=[1, 2], n_codes=32).eval()
    block.fit(x)
    left = (block(x) - x).square().mean((0, 2)) / x.square().mean((0, 2))
    # A small feature has codes of its own, and is as well kept as large ones.
    assert left.max() < 0.1
    assert left[0] < 0.01


@pytest.mark.parametrize("n", [1, 4])
def test_codes_of_other_stages_are_refused(make: Make, n: int) -> None:
    block = make(NAME, (2, 4, 7), **GROUPS).eval()
    with pytest.raises(DataError, match=f"codes of {n} codebooks") as caught:
        block.decode(torch.zeros(2, n, 7, dtype=torch.int64))
    assert caught.value.code == "E460"


def test_groups_that_do_not_fit_are_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="'channels' has 2 groups and 'n_codebooks' 1"):
        make(NAME, (2, 4, 7), **{**GROUPS, "n_codebooks": [1]})
    with pytest.raises(GraphError, match="must be 4, got 5"):
        mb.compile_graph({"input": "B D=5 T", "layers": [{NAME: GROUPS}]})


def test_the_last_group_may_lack_its_last_stages(make: Make) -> None:
    block = make(NAME, (2, 4, 7), **GROUPS).eval()
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    codes = block.encode(x)[:, :2]
    found = block.decode(codes)
    pitch, timbre = alone(block, 0), alone(block, 1)
    assert torch.equal(found[:, :1], pitch(x[:, :1]))
    assert torch.equal(found[:, 1:], timbre.decode(codes[:, 1:]))
