"""LSTM and GRU beside torch's own, in the same process, runs alternating.

python bench/bench_lstm.py                                a Markdown table
python bench/bench_lstm.py --write docs/performance.md    the same, put between the markers in the file
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns
from torch import Tensor, nn

from mirbricks import registry

CASES = [
    ("LSTM", 8, 1024, 16, 8, 1),
    ("LSTM", 8, 250, 128, 128, 2),
    ("GRU", 8, 250, 36, 128, 2),
    ("LSTM", 1, 1, 128, 128, 1),
]


def output(module: nn.Module, x: Tensor) -> Tensor:
    """Torch's recurrent layers give the last state too."""
    y: Any = module(x)
    found: Tensor = y[0] if isinstance(y, tuple) else y
    return found


def forward(module: nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        output(module, x)


def train_step(module: nn.Module, x: Tensor) -> None:
    module.zero_grad()
    output(module, x).square().mean().backward()


def repeated(
    run: Callable[[nn.Module, Tensor], None], module: nn.Module, x: Tensor, times: int
) -> None:
    """Small layers several times, since a clock has steps of its own."""
    for _ in range(times):
        run(module, x)


def rows(n_runs: int) -> list[str]:
    table = [
        "| layer, items, frames, features, hidden, layers | pass | torch's | mirbricks' | time over torch's |",
        "|---|---|---|---|---|",
    ]
    for name, items, frames, features, hidden, layers in CASES:
        x = torch.randn(items, frames, features)
        given = {"hidden_size": hidden, "num_layers": layers, "bidirectional": True}
        spec = registry.get(name)
        ours = registry.build(spec, spec.cls.Config(input_size=features, **given))
        peer = getattr(nn, name)(features, batch_first=True, **given)
        peer.load_state_dict(ours.state_dict())
        assert torch.equal(output(ours, x), output(peer, x)), "the two layers differ"
        inner = max(1, 200 // (items * frames))
        for label, run in (("forward", forward), ("forward and backward", train_step)):
            steps = [
                functools.partial(repeated, run, layer, x, inner)
                for layer in (peer, ours)
            ]
            taken = in_turns(steps, n_runs, warm_up=2)
            theirs, mine = ([one / inner for one in times] for times in taken)
            table.append(
                f"| {name}, {items}, {frames}, {features}, {hidden}, {layers} | {label} | {in_ms(theirs)} "
                f"| {in_ms(mine)} | {Ratio.of(mine, theirs)} |"
            )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    note = (
        f"Both directions. Median of {arguments.runs} runs, taken in turns, one thread."
    )
    table = [
        *rows(arguments.runs),
        "",
        f"{note} torch {torch.__version__}, {os.cpu_count()} cores.",
    ]
    publish("\n".join(table), arguments, "lstm")


if __name__ == "__main__":
    main()
