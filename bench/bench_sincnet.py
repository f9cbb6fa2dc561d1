"""SincNet beside the layer as it is usually written, in the same process, runs alternating.

    python bench/bench_sincnet.py                                a Markdown table
    python bench/bench_sincnet.py --write docs/performance.md    the same, put between the markers in the file

The usual layer makes half of each filter from sines, mirrors it and puts the halves around the middle tap, at every
forward pass; both then call the same convolution.
"""

from __future__ import annotations

import functools
import math
import os

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns
from torch import Tensor, nn
from torch.nn import functional

from mirbricks.blocks.frontends.sincnet import SincNet

SR_HZ = 16000
CASES = [
    (8, 16000, 80, 251, 1),
    (8, 59049, 128, 251, 16),
    (1, 3200, 80, 251, 1),
]  # the last: SincNet's own 200 ms


class UsualSincConv(nn.Module):
    """The paper's layer: band edges in Hz as parameters, filters by half, from the weights of a SincNet."""

    def __init__(self, like: SincNet) -> None:
        super().__init__()
        half = like.kernel_size // 2
        self.low_hz, self.band_hz = (
            nn.Parameter(p.detach().clone()[:, None])
            for p in (like.low_hz, like.band_hz)
        )
        self.stride, self.padding, self.least_hz = (
            like.stride,
            like.padding,
            (like.min_low_hz, like.min_band_hz),
        )
        n = torch.arange(-half, 0)
        self.register_buffer("times", 2 * math.pi * n / SR_HZ)
        self.register_buffer(
            "window", torch.hamming_window(2 * half + 1, periodic=False)[:half]
        )

    def forward(self, x: Tensor) -> Tensor:
        low = self.least_hz[0] + self.low_hz.abs()
        high = torch.clamp(
            low + self.least_hz[1] + self.band_hz.abs(), self.least_hz[0], SR_HZ / 2
        )
        left = (
            (torch.sin(high @ self.times[None]) - torch.sin(low @ self.times[None]))
            / (self.times / 2)
            * self.window
        )
        filters = torch.cat([left, 2 * (high - low), left.flip(1)], dim=1) / SR_HZ
        return functional.conv1d(
            x, filters[:, None], stride=self.stride, padding=self.padding
        )


def train_step(layer: nn.Module, x: Tensor) -> None:
    layer.zero_grad()
    layer(x).square().mean().backward()


def rows(n_runs: int) -> list[str]:
    table = [
        "| batch, samples, filters, taps, stride | pass | usual layer | mirbricks SincNet | time over the usual |",
        "|---|---|---|---|---|",
    ]
    for batch, samples, filters, taps, stride in CASES:
        x = torch.randn(batch, 1, samples)
        ours = SincNet(
            SincNet.Config(
                out_channels=filters, kernel_size=taps, stride=stride, sr_hz=SR_HZ
            )
        )
        by_hand = UsualSincConv(ours)
        assert torch.allclose(ours(x), by_hand(x), atol=1e-4), "the two layers differ"
        for name, run in (("forward", _forward), ("forward and backward", train_step)):
            steps = [functools.partial(run, layer, x) for layer in (by_hand, ours)]
            usual, mine = in_turns(steps, n_runs, warm_up=2)
            table.append(
                f"| {batch}, {samples}, {filters}, {taps}, {stride} | {name} | {in_ms(usual)} "
                f"| {in_ms(mine)} | {Ratio.of(mine, usual)} |"
            )
    return table


def _forward(layer: nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        layer(x)


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    table = rows(arguments.runs)
    note = f"Median of {arguments.runs} runs, taken in turns, one thread."
    table += ["", f"{note} torch {torch.__version__}, {os.cpu_count()} cores."]
    publish("\n".join(table), arguments, "sincnet")


if __name__ == "__main__":
    main()
