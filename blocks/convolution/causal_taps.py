"""What a causal convolution remembers when its input comes sample by sample: for WaveNet, TCN, Conv1d."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class CausalTaps:
    """A causal dilated convolution, one sample at a time: its last inputs lie in a ring, and nothing is computed twice.

    Source: Paine et al., "Fast WaveNet Generation Algorithm", arXiv:1611.09482, section 2: a queue for each layer.
    Before the first sample there are zeros, as the convolution's padding has them, or the first sample itself.

    Parameters
    ----------
    weight : Tensor
        (out, in / groups, taps); it is read now and must not change afterwards.
    bias : Tensor or None
        (out,).
    batch_size : int
        Sequences at once.
    dilation, groups : int
        As of nn.Conv1d; the stride is 1.
    replicates : bool
        Whether the first sample stands before itself, as `padding_mode: replicate` has it.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        batch_size: int,
        *,
        dilation: int = 1,
        groups: int = 1,
        replicates: bool = False,
    ) -> None:
        _, per_group, taps = weight.shape
        self.dilation = dilation
        self.groups = groups
        self.replicates = replicates
        # The earliest tap reads what was written a whole turn ago, right before it is overwritten.
        self.length = (taps - 1) * dilation
        self.ring = weight.new_zeros(self.length, batch_size, per_group * groups)
        # (out, in, taps) -> (out, taps · in), to meet the taps side by side, the earliest first.
        self.weight = weight.detach().permute(0, 2, 1).flatten(1).contiguous()
        self.bias = None if bias is None else bias.detach()
        self.came = 0

    @classmethod
    def of(cls, conv: nn.Conv1d, batch_size: int) -> CausalTaps:
        """Those of a convolution of stride 1."""
        return cls(
            conv.weight,
            conv.bias,
            batch_size,
            dilation=conv.dilation[0],
            groups=conv.groups,
            replicates=conv.padding_mode == "replicate",
        )

    def __call__(self, x: Tensor) -> Tensor:
        """The output at the sample x that comes next, (B, C) -> (B, out)."""
        if not self.length:
            return self._weighed([x])
        if self.replicates and not self.came:
            self.ring[:] = x
        places = range(self.came - self.length, self.came, self.dilation)
        taps = [self.ring[place % self.length] for place in places]
        y = self._weighed([*taps, x])
        self.ring[self.came % self.length] = x
        self.came += 1
        return y

    def _weighed(self, taps: list[Tensor]) -> Tensor:
        """The taps (B, C) side by side, times the weights."""
        if self.groups == 1:
            return functional.linear(torch.cat(taps, dim=1), self.weight, self.bias)
        # (B, C) -> (groups, B, taps · C / groups): every group sees its own channels only.
        by_group = [tap.view(len(tap), self.groups, -1) for tap in taps]
        beside = torch.cat(by_group, dim=2).transpose(0, 1)
        weight = self.weight.view(self.groups, -1, beside.shape[2]).transpose(1, 2)
        y = (beside @ weight).transpose(0, 1).flatten(1)
        if self.bias is None:
            return y
        return y + self.bias


def each_sample(x: Tensor) -> tuple[Tensor, ...]:
    """The samples of (B, C, n), each (B, C)."""
    return x.unbind(2)


def side_by_side(samples: list[Tensor], x: Tensor, channels: int) -> Tensor:
    """Samples (B, C) as (B, C, n); n may be 0, where x has the batch and the type."""
    if samples:
        return torch.stack(samples, dim=2)
    return x.new_zeros(len(x), channels, 0)
