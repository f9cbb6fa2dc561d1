"""AutoPool beside the same written out with exp and sum, in the same process, runs alternating.

    python bench/bench_autopool.py                                a Markdown table
    python bench/bench_autopool.py --write docs/performance.md    the same, put between the markers in the file

By hand, weights are exp(α x) over their sum, so they overflow where α x passes 88; mirbricks takes a softmax.
"""

from __future__ import annotations

import functools
import os

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns
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
            theirs, mine = in_turns(steps, n_runs, warm_up=2)
            table.append(
                f"| {kind.__name__} | {batch} × {channels} × {bins} × {frames} | {in_ms(theirs)} "
                f"| {in_ms(mine)} | {Ratio.of(mine, theirs)} |"
            )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    table = rows(arguments.runs)
    note = f"Forward and backward, input and α; median of {arguments.runs} runs, taken in turns, one thread."
    table += ["", f"{note} torch {torch.__version__}, {os.cpu_count()} cores."]
    publish("\n".join(table), arguments, "autopool")


if __name__ == "__main__":
    main()
