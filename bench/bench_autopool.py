"""AutoPool beside the same written out with exp and sum, in the same process, runs alternating.

    python bench/bench_autopool.py                                a Markdown table
    python bench/bench_autopool.py --write docs/performance.md    the same, put between the markers in the file

By hand, weights are exp(α x) over their sum, so they overflow where α x passes 88; mirbricks takes a softmax.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable

import torch
from page import parser_of, publish
from torch import Tensor, nn

from mirbricks.blocks.pooling.autopool import AutoPool, AutoPoolSplit

CASES = [
    (16, 256, 1, 1800),
    (8, 64, 12, 256),
    (32, 128, 1, 64),
    (1, 256, 1, 128),
]  # the first: a batch of MOVE
ALPHA = 0.5


class ByHand(nn.Module):
    """AutoPool from its formula; `split` weighs one half of the channels by the other."""

    def __init__(self, split: bool) -> None:
        super().__init__()
        self.split = split
        self.alpha = nn.Parameter(torch.tensor(ALPHA))

    def forward(self, x: Tensor) -> Tensor:
        value, weight = x.chunk(2, dim=1) if self.split else (x, x)
        weight = torch.exp(self.alpha * weight)
        weight = weight / weight.sum(dim=-1, keepdim=True)
        return (value * weight).sum(dim=-1, keepdim=True)


def train_step(layer: nn.Module, x: Tensor) -> None:
    layer.zero_grad()
    x.grad = None
    layer(x).square().mean().backward()


def alternating_s(calls: list[Callable[[], object]], n_runs: int) -> list[float]:
    """Least seconds of each after two runs to warm up, taken in turns so that all see the same machine."""
    times: list[list[float]] = [[] for _ in calls]
    for run in range(n_runs + 2):
        for call, taken in zip(calls, times, strict=True):
            start_s = time.perf_counter()
            call()
            if run > 1:
                taken.append(time.perf_counter() - start_s)
    return [min(taken) for taken in times]


def rows(n_runs: int) -> list[str]:
    table = [
        "| block | values averaged | exp and sum | mirbricks | time over exp and sum |",
        "|---|---|---|---|---|",
    ]
    for kind in (AutoPool, AutoPoolSplit):
        split = kind is AutoPoolSplit
        for batch, channels, bins, frames in CASES:
            x = torch.randn(
                batch, channels * (1 + split), bins, frames, requires_grad=True
            )
            ours, by_hand = kind(kind.Config(alpha_init=ALPHA)), ByHand(split)
            assert torch.allclose(ours(x), by_hand(x), atol=1e-5), (
                "the two layers differ"
            )
            steps = [
                functools.partial(train_step, layer, x) for layer in (by_hand, ours)
            ]
            by_hand_s, ours_s = alternating_s(steps, n_runs)
            table.append(
                f"| {kind.__name__} | {batch} × {channels} × {bins} × {frames} | {1e3 * by_hand_s:.2f} ms "
                f"| {1e3 * ours_s:.2f} ms | {ours_s / by_hand_s:.2f} × |"
            )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    table = rows(arguments.runs)
    note = f"Forward and backward, input and α; fastest of {arguments.runs} runs, taken in turns, one thread."
    table += ["", f"{note} torch {torch.__version__}, {os.cpu_count()} cores."]
    publish("\n".join(table), arguments.write, "autopool")


if __name__ == "__main__":
    main()
