"""WaveNet against the paper's equations as sums over taps; causality; conditions; the stack in plain layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
Sizes = Callable[[Block], dict[str, tuple[int, ...]]]
SMALL: dict[str, Any] = {
    "residual_channels": 4,
    "skip_channels": 5,
    "dilations": [1, 2, 4],
    "stacks": 2,
}


def conditioned(name: str, shapes: list[tuple[int, ...]], **config: Any) -> Block:
    spec = registry.get(name)
    return registry.build(
        spec, spec.cls.Config(**config).resolve(spec.contract.bind(shapes))
    ).double()


def stack_sizes(
    levels: int, gated: int, bias: bool, conditions: int = 0
) -> dict[str, tuple[int, ...]]:
    """Every weight of a stack of 3 channels in, SMALL's 4 inside and 5 out, and kernels of 2 samples."""
    expected: dict[str, tuple[int, ...]] = {"stack.conv.weight": (4, 3, 2)}
    for level in range(levels):
        expected[f"stack.gates.{level}.conv.weight"] = (2 * gated, 4, 2)
        if conditions:
            condition = f"stack.gates.{level}.condition.weight"
            expected[condition] = (2 * gated, conditions, 1)
        expected[f"stack.skips.{level}.weight"] = (5, gated, 1)
        if level < levels - 1:
            expected[f"stack.residuals.{level}.weight"] = (4, gated, 1)
    if not bias:
        return expected
    # The convolution of a condition has no bias of its own: the gate's would be counted twice.
    for key in [key for key in expected if ".condition." not in key]:
        expected[key.replace("weight", "bias")] = expected[key][:1]
    return expected


def convolve(w: dict[str, Tensor], key: str, x: Tensor, dilation: int) -> Tensor:
    """y(t) = b + Σ w(k) x(t - (K - 1 - k) · dilation), with nothing before the start."""
    weight, y = (
        w[f"{key}.weight"],
        torch.zeros(len(x), len(w[f"{key}.weight"]), x.shape[2], dtype=x.dtype),
    )
    for t in range(x.shape[2]):
        for k in range(weight.shape[2]):
            source = t - (weight.shape[2] - 1 - k) * dilation
            if source >= 0:
                y[:, :, t] += x[:, :, source] @ weight[:, :, k].T
    return y + w.get(f"{key}.bias", torch.zeros(1, dtype=x.dtype))[:, None]


def gate(
    w: dict[str, Tensor], key: str, x: Tensor, dilation: int, cond: Tensor | None = None
) -> Tensor:
    y = convolve(w, f"{key}.conv", x, dilation)
    if cond is not None:
        y = y + convolve(w, f"{key}.condition", cond, 1)
    half = y.shape[1] // 2
    return torch.tanh(y[:, :half]) / (1 + torch.exp(-y[:, half:]))


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 3])
def test_the_gate_and_the_residual_block_by_their_equations(
    make: Make, sizes_of: Sizes, kernel_size: int, dilation: int
) -> None:
    x = torch.randn(2, 3, 12, dtype=torch.float64)
    gated = make(
        "GatedConv1d",
        x.shape,
        out_channels=4,
        kernel_size=kernel_size,
        dilation=dilation,
    )
    # By hand, since the equations read their sizes from the weights.
    assert sizes_of(gated) == {
        "gate.conv.weight": (8, 3, kernel_size),
        "gate.conv.bias": (8,),
    }
    torch.testing.assert_close(
        gated(x).detach(), gate(gated.state_dict(), "gate", x, dilation)
    )
    block = make(
        "WaveNetResidualBlock",
        x.shape,
        gate_channels=5,
        kernel_size=kernel_size,
        dilation=dilation,
    )
    assert sizes_of(block) == {
        "gate.conv.weight": (10, 3, kernel_size),
        "gate.conv.bias": (10,),
        "residual.weight": (3, 5, 1),
        "residual.bias": (3,),
    }
    w = block.state_dict()
    expected = x + convolve(w, "residual", gate(w, "gate", x, dilation), 1)
    torch.testing.assert_close(block(x).detach(), expected)


@pytest.mark.parametrize("bias", [True, False])
def test_the_stack_by_its_figure(make: Make, sizes_of: Sizes, bias: bool) -> None:
    x = torch.randn(2, 3, 30, dtype=torch.float64)
    block = make("WaveNet", x.shape, **SMALL, gate_channels=6, bias=bias)
    w = block.state_dict()
    y, total = convolve(w, "stack.conv", x, 1), torch.zeros(1, dtype=torch.float64)
    for level, dilation in enumerate([1, 2, 4, 1, 2, 4]):
        gated = gate(w, f"stack.gates.{level}", y, dilation)
        total = total + convolve(w, f"stack.skips.{level}", gated, 1)
        if level < 5:
            y = y + convolve(w, f"stack.residuals.{level}", gated, 1)
    torch.testing.assert_close(block(x).detach(), total)
    # A residual convolution of the last level has nothing that would follow it.
    assert sizes_of(block) == stack_sizes(levels=6, gated=6, bias=bias)


def test_the_stack_is_residual_blocks_and_gates_in_plain_layers(make: Make) -> None:
    x = torch.randn(2, 4, 20, dtype=torch.float64)
    block = make("WaveNet", x.shape, **{**SMALL, "stacks": 1})
    y, total = block.stack.conv(torch.nn.functional.pad(x, (1, 0))), torch.zeros(1)
    for level, dilation in enumerate([1, 2, 4]):
        gated = make("GatedConv1d", y.shape, out_channels=4, dilation=dilation)
        gated.gate.load_state_dict(block.stack.gates[level].state_dict())
        total = total + block.stack.skips[level](gated(y))
        if level < 2:
            residual = make("WaveNetResidualBlock", y.shape, dilation=dilation)
            residual.gate.load_state_dict(block.stack.gates[level].state_dict())
            residual.residual.load_state_dict(block.stack.residuals[level].state_dict())
            y = residual(y)
    torch.testing.assert_close(block(x), total)


@pytest.mark.parametrize("name", ["GatedConv1d", "WaveNetResidualBlock", "WaveNet"])
def test_an_output_sees_the_paper_s_field_and_nothing_later(
    make: Make, name: str
) -> None:
    config, field = {
        "GatedConv1d": (
            {"out_channels": 3, "dilation": 4, "kernel_size": 3},
            1 + 2 * 4,
        ),
        "WaveNetResidualBlock": ({"dilation": 4}, 1 + 4),
        "WaveNet": (SMALL, 1 + 1 + 2 * (1 + 2 + 4)),
    }[name]
    x = torch.randn(1, 3, 60, dtype=torch.float64, requires_grad=True)
    make(name, x.shape, **config)(x)[..., 40].sum().backward()
    seen = x.grad[0].abs().sum(0).nonzero().flatten().tolist()
    assert (seen[0], seen[-1]) == (40 - field + 1, 40)
    assert name == "WaveNet" or 40 in seen


def test_outputs_before_a_change_do_not_move(make: Make) -> None:
    x = torch.randn(1, 3, 40, dtype=torch.float64)
    block = make("WaveNet", x.shape, **SMALL)
    before = block(x)
    for t in (0, 17, 39):
        changed = x.clone()
        changed[..., t] += 1
        after = block(changed)
        assert torch.equal(before[..., :t], after[..., :t])
        assert not torch.equal(before[..., t], after[..., t])


def test_a_global_condition_reaches_every_sample_and_a_local_one_its_own(
    sizes_of: Sizes,
) -> None:
    x = torch.randn(2, 3, 12, dtype=torch.float64)
    vector, frames = (
        torch.randn(2, 4, dtype=torch.float64),
        torch.randn(2, 4, 3, dtype=torch.float64),
    )
    for cond, heard in (
        (vector, vector[..., None].expand(-1, -1, 12)),
        (frames, frames.repeat_interleave(4, dim=2)),
    ):
        block = conditioned(
            "ConditionedWaveNetResidualBlock",
            [x.shape, cond.shape],
            dilation=2,
            bias=False,
        )
        assert sizes_of(block) == {
            "gate.conv.weight": (6, 3, 2),
            "gate.condition.weight": (6, 4, 1),
            "residual.weight": (3, 3, 1),
        }
        w = block.state_dict()
        expected = x + convolve(w, "residual", gate(w, "gate", x, 2, heard), 1)
        torch.testing.assert_close(block(x, cond).detach(), expected)
        torch.testing.assert_close(block(x, heard), block(x, cond))


def test_the_conditioned_stack_hears_the_condition_at_every_level(
    sizes_of: Sizes,
) -> None:
    x, cond = (
        torch.randn(2, 3, 12, dtype=torch.float64),
        torch.randn(2, 4, 5, dtype=torch.float64),
    )
    block = conditioned(
        "ConditionedWaveNet", [x.shape, cond.shape], **{**SMALL, "stacks": 1}
    )
    assert sizes_of(block) == stack_sizes(3, gated=4, bias=True, conditions=4)
    w, heard = block.state_dict(), cond[:, :, [t * 5 // 12 for t in range(12)]]
    y, total = convolve(w, "stack.conv", x, 1), torch.zeros(1, dtype=torch.float64)
    for level, dilation in enumerate([1, 2, 4]):
        gated = gate(w, f"stack.gates.{level}", y, dilation, heard)
        total = total + convolve(w, f"stack.skips.{level}", gated, 1)
        if level < 2:
            y = y + convolve(w, f"stack.residuals.{level}", gated, 1)
    torch.testing.assert_close(block(x, cond).detach(), total)


def test_the_paper_s_stack_sees_1024_samples_and_one(make: Make) -> None:
    block = make("WaveNet", (1, 1, 9), residual_channels=1, skip_channels=1)
    reach = block.stack.reach + sum(gate.reach for gate in block.stack.gates)
    assert reach == 1 + 1023
