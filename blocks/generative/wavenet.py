"""WaveNet: gated causal convolutions, alone, in residual blocks, and the whole stack with its skip path."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Layers, Taps, Width
from ..convolution.causal_taps import CausalTaps, each_sample, side_by_side

WAVENET = "arXiv:1609.03499"


class _GateConfig(BlockConfig):
    in_channels: int = from_axis("C")
    kernel_size: Taps = Field(2, description="taps of the dilated convolution")
    bias: bool = Field(True, description="whether the convolutions add a bias")


class _Gate(nn.Module):
    """tanh(Wf * x + Vf h) · sigmoid(Wg * x + Vg h), * causal and dilated; one convolution makes both halves."""

    def __init__(
        self,
        config: _GateConfig,
        channels: tuple[int, int],
        dilation: int,
        cond_channels: int,
    ) -> None:
        super().__init__()
        # How many earlier samples the first tap looks back.
        self.reach = (config.kernel_size - 1) * dilation
        into = channels[0]
        out = 2 * channels[1]
        # Filter and gate in one convolution of twice the width, which is one call instead of two.
        self.conv = nn.Conv1d(
            into, out, config.kernel_size, dilation=dilation, bias=config.bias
        )
        self.condition: nn.Conv1d | None = None
        if cond_channels:
            self.condition = nn.Conv1d(cond_channels, out, 1, bias=False)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        # Zeros on the left only: an output sees no later sample.
        y = self.conv(functional.pad(x, (self.reach, 0)))

        # A global condition is a local one of a single step.
        if self.condition is not None and cond is not None:
            if cond.ndim == 2:
                cond = cond[..., None]
            y = y + _at_every_step(self.condition(cond), y.shape[2])

        return _gated(y)

    def new_cache(self, batch_size: int, cond: Tensor | None, places: int) -> GateCache:
        """What `step` needs, before the first of `places` samples."""
        conditions: Tensor | None = None
        if self.condition is not None and cond is not None:
            if cond.ndim == 2:
                cond = cond[..., None]
            conditions = _at_every_step(self.condition(cond), places)
        return GateCache(CausalTaps.of(self.conv, batch_size), conditions)

    def step(self, x: Tensor, cache: GateCache) -> Tensor:
        """The gate at the sample that comes next, (B, C) -> (B, out)."""
        place = cache.taps.came
        y = cache.taps(x)
        if cache.conditions is not None:
            # One condition for all samples, or one for each.
            y = y + cache.conditions[..., min(place, cache.conditions.shape[2] - 1)]
        return _gated(y)


class GateCache:
    """The last inputs of a gate, and what its condition adds: (B, 2 C, 1), or (B, 2 C, T) for every sample."""

    def __init__(self, taps: CausalTaps, conditions: Tensor | None) -> None:
        self.taps = taps
        self.conditions = conditions


def _gated(y: Tensor) -> Tensor:
    # eq. 2: tanh(W_f * x) ⊙ σ(W_g * x), with V_f h and V_g h of section 2.5 already in the sums.
    filtered, gate = y.chunk(2, dim=1)
    return filtered.tanh() * gate.sigmoid()


def _at_every_step(cond: Tensor, steps: int) -> Tensor:
    """(B, C, S) -> (B, C, steps), each of the S repeated where there are fewer; one is broadcast."""
    # A condition at a slower rate, such as per frame, holds until the next one.
    if cond.shape[2] in (1, steps):
        return cond
    return functional.interpolate(cond, size=steps, mode="nearest")


@register(
    "GatedConv1d",
    shape="B C T -> B {out_channels} T",
    source=WAVENET,
    examples=[((2, 3, 11), {"out_channels": 4, "dilation": 2})],
)
class GatedConv1d(Block):
    """Causal dilated convolution whose tanh is gated by a sigmoid of its own: tanh(Wf * x) · sigmoid(Wg * x).

    Shape:   (B, C, T) -> (B, out_channels, T), causal
    Source:  van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016, eq. 2
    """

    class Config(_GateConfig):
        out_channels: Width = Field(description="channels of the output")
        dilation: Taps = Field(1, description="samples between the taps")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gate = _Gate(
            config, (config.in_channels, config.out_channels), config.dilation, 0
        )
        self.out_channels = config.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.gate(x)
        return y

    def new_cache(self, max_places: int, batch_size: int) -> GateCache:
        """What `step` needs, before the first sample."""
        return self.gate.new_cache(batch_size, None, max_places)

    def step(self, x: Tensor, cache: GateCache) -> Tensor:
        """The next samples, (B, C, n) -> (B, out_channels, n), as forward gives them after those that came."""
        each = [self.gate.step(sample, cache) for sample in each_sample(x)]
        return side_by_side(each, x, self.out_channels)


class _ResidualConfig(_GateConfig):
    gate_channels: Width | None = Field(
        None, description="channels of the gate; default: those of the input"
    )
    dilation: Taps = Field(1, description="samples between the taps")


@register(
    "WaveNetResidualBlock",
    shape="B C T -> B C T",
    source=WAVENET,
    examples=[
        ((2, 3, 11), {"dilation": 4}),
        ((2, 3, 11), {"gate_channels": 5, "kernel_size": 3}),
    ],
)
class WaveNetResidualBlock(Block):
    """Gated causal convolution, a 1x1 convolution, and the input added: one level of WaveNet's residual path.

    Shape:   (B, C, T) -> (B, C, T), causal
    Source:  van den Oord et al., "WaveNet", 2016, eq. 2 and fig. 4. A block gives one tensor: the skip path, which sums
             the gates of all levels, is in WaveNet; in plain layers: GatedConv1d with StoreAs and AddWith.
    """

    Config = _ResidualConfig

    def __init__(self, config: _ResidualConfig) -> None:
        super().__init__()
        width = config.gate_channels or config.in_channels
        self.gate = _Gate(config, (config.in_channels, width), config.dilation, 0)
        self.residual = nn.Conv1d(width, config.in_channels, 1, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.residual(self.gate(x))
        return added

    def new_cache(self, max_places: int, batch_size: int) -> GateCache:
        """What `step` needs, before the first sample."""
        return self.gate.new_cache(batch_size, None, max_places)

    def step(self, x: Tensor, cache: GateCache) -> Tensor:
        """The next samples, (B, C, n) -> (B, C, n), as forward gives them after those that came."""
        return _residual_step(self, x, cache)


class _ConditionedResidualConfig(_ResidualConfig):
    cond_channels: int = from_axis("D", "channels of the condition")


@register(
    "ConditionedWaveNetResidualBlock",
    shape="B C T, B D ... -> B C T",
    source=WAVENET,
    examples=[
        ([(2, 3, 11), (2, 4)], {"dilation": 2}),
        ([(2, 3, 11), (2, 4, 5)], {"gate_channels": 5}),
    ],
)
class ConditionedWaveNetResidualBlock(Block):
    """WaveNetResidualBlock with a condition: one vector for all samples (a speaker), or one every few samples.

    Shape:   (B, C, T), (B, D) global or (B, D, S) local -> (B, C, T), causal in the first. Sample t sees the local
             condition floor(t S / T): each of the S is repeated, the paper's plain way of bringing it to T samples.
    Source:  van den Oord et al., "WaveNet", 2016, section 2.5
    """

    Config = _ConditionedResidualConfig

    def __init__(self, config: _ConditionedResidualConfig) -> None:
        super().__init__()
        width = config.gate_channels or config.in_channels
        self.gate = _Gate(
            config, (config.in_channels, width), config.dilation, config.cond_channels
        )
        self.residual = nn.Conv1d(width, config.in_channels, 1, bias=config.bias)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        added: Tensor = x + self.residual(self.gate(x, cond))
        return added

    def new_cache(self, max_places: int, cond: Tensor) -> GateCache:
        """What `step` needs, before the first of `max_places` samples, over which a local condition is spread."""
        return self.gate.new_cache(len(cond), cond, max_places)

    def step(self, x: Tensor, cache: GateCache) -> Tensor:
        """The next samples, (B, C, n) -> (B, C, n), as forward gives them after those that came."""
        return _residual_step(self, x, cache)


def _residual_step(block: Any, x: Tensor, cache: GateCache) -> Tensor:
    each = []
    for sample in each_sample(x):
        gated = block.gate.step(sample, cache)[..., None]
        each.append(sample + block.residual(gated)[..., 0])
    return side_by_side(each, x, x.shape[1])


class _WaveNetConfig(_GateConfig):
    residual_channels: Width = Field(32, description="channels of the residual path")
    gate_channels: Width | None = Field(
        None, description="channels of the gates; default: residual_channels"
    )
    skip_channels: Width = Field(
        256, description="channels of the skip path, which is the output"
    )
    dilations: tuple[Taps, ...] = Field(
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        min_length=1,
        description="dilation of each level of a stack",
    )
    stacks: Layers = Field(1, description="how often the dilations are repeated")


class _Stack(nn.Module):
    """The first convolution, the levels, the sum of their skips. The last level has no residual: nothing follows."""

    def __init__(self, config: _WaveNetConfig, cond_channels: int) -> None:
        super().__init__()
        c = config
        dilations = config.dilations * config.stacks
        width = c.gate_channels or c.residual_channels
        self.reach = c.kernel_size - 1
        self.conv = nn.Conv1d(
            c.in_channels, c.residual_channels, c.kernel_size, bias=c.bias
        )
        self.gates = nn.ModuleList(
            _Gate(c, (c.residual_channels, width), d, cond_channels) for d in dilations
        )
        self.residuals = nn.ModuleList(
            nn.Conv1d(width, c.residual_channels, 1, bias=c.bias) for _ in dilations[1:]
        )
        # A skip path from every level: the output sees all reaches, not only the longest.
        self.skips = nn.ModuleList(
            nn.Conv1d(width, c.skip_channels, 1, bias=c.bias) for _ in dilations
        )

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        x = self.conv(functional.pad(x, (self.reach, 0)))
        # The last level needs no residual, so they are taken one level later than gates and skips.
        gated = self.gates[0](x, cond)
        total: Tensor = self.skips[0](gated)
        for residual, gate, skip in zip(
            self.residuals, self.gates[1:], self.skips[1:], strict=True
        ):
            x = x + residual(gated)
            gated = gate(x, cond)
            total = total + skip(gated)
        return total

    def new_cache(
        self, batch_size: int, cond: Tensor | None, places: int
    ) -> StackCache:
        """What `step` needs, before the first of `places` samples."""
        return StackCache(self, batch_size, cond, places)

    def step(self, x: Tensor, cache: StackCache) -> Tensor:
        """The sum of the skips at the samples that come next, (B, C, n) -> (B, skip_channels, n)."""
        each = [self._step(sample, cache) for sample in each_sample(x)]
        return side_by_side(each, x, len(cache.skip_weight))

    def _step(self, sample: Tensor, cache: StackCache) -> Tensor:
        x = cache.first(sample)
        gated = self.gates[0].step(x, cache.gates[0])  # type: ignore[operator]  # a _Gate, which ModuleList forgets
        all_gated = [gated]
        for i, (weight, bias) in enumerate(cache.residuals, 1):
            x = x + functional.linear(gated, weight, bias)
            gated = self.gates[i].step(x, cache.gates[i])  # type: ignore[operator]  # as above
            all_gated.append(gated)
        # The sum of all skip paths is one matrix times all gates side by side.
        return functional.linear(
            torch.cat(all_gated, dim=1), cache.skip_weight, cache.skip_bias
        )


class StackCache:
    """The queues of a WaveNet, and its 1x1 convolutions as matrices."""

    def __init__(
        self, stack: _Stack, batch_size: int, cond: Tensor | None, places: int
    ) -> None:
        self.first = CausalTaps.of(stack.conv, batch_size)
        self.gates: list[GateCache] = []
        for gate in stack.gates:
            assert isinstance(gate, _Gate)
            self.gates.append(gate.new_cache(batch_size, cond, places))
        self.residuals = [_matrix(conv) for conv in stack.residuals]
        skips = [_matrix(conv) for conv in stack.skips]
        self.skip_weight = torch.cat([weight for weight, _ in skips], dim=1)
        biases = [bias for _, bias in skips if bias is not None]
        self.skip_bias = torch.stack(biases).sum(0) if biases else None


def _matrix(conv: Any) -> tuple[Tensor, Tensor | None]:
    """A convolution of one tap as weight (out, in) and bias."""
    bias = None if conv.bias is None else conv.bias.detach()
    return conv.weight.detach()[:, :, 0].contiguous(), bias


@register(
    "WaveNet",
    shape="B C T -> B {skip_channels} T",
    source=WAVENET,
    examples=[
        (
            (2, 3, 13),
            {
                "residual_channels": 4,
                "skip_channels": 5,
                "dilations": [1, 2, 4],
                "stacks": 2,
            },
        )
    ],
)
class WaveNet(Block):
    """A causal convolution, then levels of dilated gated convolutions; the output is the sum of their skips.

    Shape:   (B, C, T) -> (B, skip_channels, T), causal: output t sees inputs up to t, so it predicts sample t + 1
    Source:  van den Oord et al., "WaveNet", 2016, sections 2.1 to 2.4, fig. 4. The head that follows there is ReLU,
             Conv1d of 1 tap, ReLU, Conv1d of 1 tap, in plain layers; the input there is MuLawOneHot.
    """

    Config = _WaveNetConfig

    def __init__(self, config: _WaveNetConfig) -> None:
        super().__init__()
        self.stack = _Stack(config, 0)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.stack(x)
        return y

    def new_cache(self, max_places: int, batch_size: int) -> StackCache:
        """The queues of all levels, before the first sample (arXiv:1611.09482); the weights must not change after."""
        return self.stack.new_cache(batch_size, None, max_places)

    def step(self, x: Tensor, cache: StackCache) -> Tensor:
        """The next samples, (B, C, n) -> (B, skip_channels, n), as forward gives them after those that came."""
        return self.stack.step(x, cache)


class _ConditionedWaveNetConfig(_WaveNetConfig):
    cond_channels: int = from_axis("D", "channels of the condition")


@register(
    "ConditionedWaveNet",
    shape="B C T, B D ... -> B {skip_channels} T",
    source=WAVENET,
    examples=[
        (
            [(2, 3, 13), (2, 4)],
            {"residual_channels": 4, "skip_channels": 5, "dilations": [1, 2]},
        ),
        (
            [(2, 3, 13), (2, 4, 6)],
            {"residual_channels": 4, "skip_channels": 5, "dilations": [1, 2]},
        ),
    ],
)
class ConditionedWaveNet(Block):
    """WaveNet with a condition at every level: one vector for all samples, or one every few samples.

    Shape:   (B, C, T), (B, D) global or (B, D, S) local -> (B, skip_channels, T), causal in the first. Sample t sees
             the local condition floor(t S / T).
    Source:  van den Oord et al., "WaveNet", 2016, section 2.5
    """

    Config = _ConditionedWaveNetConfig

    def __init__(self, config: _ConditionedWaveNetConfig) -> None:
        super().__init__()
        self.stack = _Stack(config, config.cond_channels)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        y: Tensor = self.stack(x, cond)
        return y

    def new_cache(self, max_places: int, cond: Tensor) -> StackCache:
        """As WaveNet's; a local condition is spread over `max_places` samples, which must be the whole length."""
        return self.stack.new_cache(len(cond), cond, max_places)

    def step(self, x: Tensor, cache: StackCache) -> Tensor:
        """The next samples, (B, C, n) -> (B, skip_channels, n), as forward gives them after those that came."""
        return self.stack.step(x, cache)
