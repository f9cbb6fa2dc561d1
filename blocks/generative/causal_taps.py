"""What a causal convolution remembers when its input comes sample by sample: fast generation with WaveNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class CausalTaps:
    """A causal dilated convolution, one sample at a time: its last inputs lie in a ring, and nothing is computed twice.

    Source: Paine et al., "Fast WaveNet Generation Algorithm", arXiv:1611.09482, section 2: a queue for each layer.
    Before the first sample there are zeros, as the convolution's padding has them.

    Parameters
    ----------
    conv : nn.Conv1d
        A convolution of stride 1 in one group; its weights are read now and must not change afterwards.
    batch_size : int
        Sequences at once.
    """

    def __init__(self, conv: nn.Conv1d, batch_size: int) -> None:
        taps = conv.kernel_size[0]
        self.dilation = conv.dilation[0]
        # The earliest tap reads what was written a whole turn ago, right before it is overwritten.
        self.length = (taps - 1) * self.dilation
        self.ring = conv.weight.new_zeros(self.length, batch_size, conv.in_channels)
        # (out, in, taps) -> (out, taps · in), to meet the taps side by side, the earliest first.
        self.weight = conv.weight.detach().permute(0, 2, 1).flatten(1).contiguous()
        self.bias = None if conv.bias is None else conv.bias.detach()
        self.came = 0

    def __call__(self, x: Tensor) -> Tensor:
        """The output at the sample x that comes next, (B, C) -> (B, out)."""
        if not self.length:
            return functional.linear(x, self.weight, self.bias)
        places = range(self.came - self.length, self.came, self.dilation)
        taps = [self.ring[place % self.length] for place in places]
        y = functional.linear(torch.cat((*taps, x), dim=1), self.weight, self.bias)
        self.ring[self.came % self.length] = x
        self.came += 1
        return y


def each_sample(x: Tensor) -> tuple[Tensor, ...]:
    """The samples of (B, C, n), each (B, C)."""
    return x.unbind(2)


def side_by_side(samples: list[Tensor], x: Tensor, channels: int) -> Tensor:
    """Samples (B, C) as (B, C, n); n may be 0, where x has the batch and the type."""
    if samples:
        return torch.stack(samples, dim=2)
    return x.new_zeros(len(x), channels, 0)
