"""The temporal convolutional network against its definition, and what it sees of the past."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]


def tcn(**config: object) -> Block:
    spec = registry.get("TCN")
    return (
        registry.build(spec, spec.cls.Config(in_channels=2, **config)).double().eval()
    )


def convolve(
    x: Tensor, w: dict[str, Tensor], key: str, dilation: int, before: int
) -> Tensor:
    """y(t) = Σ weight(k) x(t + k · dilation - before), weight = gain · direction, as sums over taps."""
    weight, gain = w[f"{key}.weight"], w[f"{key}.gain"]
    weight = gain * weight / weight.pow(2).sum((1, 2), keepdim=True).sqrt()
    taps, frames = weight.shape[2], x.shape[2]
    padded = functional.pad(x, (before, (taps - 1) * dilation - before))
    y = sum(
        weight[:, :, k] @ padded[:, :, k * dilation : k * dilation + frames]
        for k in range(taps)
    )
    return y + w[f"{key}.bias"][:, None]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_by_its_definition(kernel_size: int, causal: bool) -> None:
    block = tcn(channels=[3, 3, 4], kernel_size=kernel_size, causal=causal)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x, w = torch.randn(2, 2, 20, dtype=torch.float64), block.state_dict()
    y = x
    for level in range(3):
        reach = (kernel_size - 1) * 2**level
        key, before = f"levels.{level}", reach if causal else reach // 2
        z = convolve(y, w, f"{key}.conv1", 2**level, before).clamp(min=0)
        z = convolve(z, w, f"{key}.conv2", 2**level, before).clamp(min=0)
        if f"{key}.shortcut.weight" in w:
            y = (
                w[f"{key}.shortcut.weight"][:, :, 0] @ y
                + w[f"{key}.shortcut.bias"][:, None]
            )
        y = (y + z).clamp(min=0)
    torch.testing.assert_close(block(x).detach(), y)


@settings(deadline=None, max_examples=20)
@given(
    frame=st.integers(0, 29), kernel_size=st.integers(1, 4), levels=st.integers(1, 4)
)
def test_outputs_before_a_change_do_not_move(
    frame: int, kernel_size: int, levels: int
) -> None:
    block = tcn(channels=[3] * levels, kernel_size=kernel_size)
    for parameter in block.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 1)  # no unit is dead
    x = torch.rand(1, 2, 30, dtype=torch.float64)
    changed = x.clone()
    changed[..., frame] += 10
    before, after = block(x), block(changed)
    assert torch.equal(before[..., :frame], after[..., :frame])
    assert not torch.equal(before[..., frame:], after[..., frame:])


def test_a_tcn_that_is_not_causal_looks_ahead() -> None:
    block = tcn(channels=[3, 3], kernel_size=3, causal=False)
    x = torch.randn(1, 2, 30, dtype=torch.float64, requires_grad=True)
    block(x)[..., 15].sum().backward()
    seen = x.grad[0].abs().sum(0).nonzero().flatten().tolist()
    assert (min(seen), max(seen)) == (15 - 6, 15 + 6)


def test_the_receptive_field_is_the_papers() -> None:
    block = tcn(channels=[3, 3, 3], kernel_size=3)
    for parameter in block.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 1)  # no unit is dead
    x = torch.rand(1, 2, 60, dtype=torch.float64, requires_grad=True)
    block(x)[..., 50].sum().backward()
    seen = x.grad[0].abs().sum(0).nonzero().flatten().tolist()
    assert seen == list(
        range(50 - 2 * 2 * (1 + 2 + 4), 51)
    )  # two convolutions of 2 taps back, dilations 1, 2, 4


def test_the_initialisation_holds_under_weight_norm() -> None:
    spec = registry.get("TCN")
    block = registry.build(spec, spec.cls.Config(in_channels=100, channels=[100]))
    conv = block.levels[0].conv1
    assert torch.equal(
        conv.gain, torch.linalg.vector_norm(conv.weight, dim=(1, 2), keepdim=True)
    )
    assert abs(conv.weight.std() - 0.01) < 0.0005
    x = torch.randn(1, 100, 3)
    direct = functional.conv1d(x, conv.weight, conv.bias)
    torch.testing.assert_close(conv(x), direct)


def test_the_length_of_a_filter_is_its_gain_alone() -> None:
    block = tcn(channels=[3])
    x = torch.randn(1, 2, 9, dtype=torch.float64)
    before = block(x)
    with torch.no_grad():
        block.levels[0].conv1.weight.mul_(7)
    torch.testing.assert_close(block(x), before)


def test_torchs_own_weight_norm_still_cannot_be_pickled() -> None:
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(2, 3, 2))
    with pytest.raises(
        RuntimeError, match="only supported through state_dict"
    ):  # else TCN should use it
        pickle.dumps(conv)


def test_the_weight_norm_is_torchs() -> None:
    block = tcn(channels=[3], kernel_size=3)
    ours, x = block.levels[0].conv1, torch.randn(1, 2, 9, dtype=torch.float64)
    torch.nn.init.normal_(ours.gain)
    theirs = torch.nn.utils.parametrizations.weight_norm(
        torch.nn.Conv1d(2, 3, 3).double()
    )
    with torch.no_grad():
        theirs.parametrizations.weight.original0.copy_(ours.gain)
        theirs.parametrizations.weight.original1.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    torch.testing.assert_close(ours(x), theirs(x))
