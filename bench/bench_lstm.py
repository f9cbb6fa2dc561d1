"""LSTM and GRU beside torch's own, in the same process, runs alternating.

python bench/bench_lstm.py                                a Markdown table
python bench/bench_lstm.py --write docs/performance.md    the same, put between the markers in the file
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import torch
from page import parser_of, publish
from torch import Tensor, nn

from mirbricks import registry

CASES = [
    ("LSTM", 8, 1024, 16, 8, 1),
    ("LSTM", 8, 250, 128, 128, 2),
    ("GRU", 8, 250, 36, 128, 2),
    ("LSTM", 1, 1, 128, 128, 1),
]


def alternating_s(
    calls: list[Callable[[], object]], n_runs: int, inner: int
) -> list[float]:
    """Least seconds of each after two runs to warm up, taken in turns so that all see the same machine."""
    times: list[list[float]] = [[] for _ in calls]
    for run in range(n_runs + 2):
        for call, taken in zip(calls, times, strict=True):
            start_s = time.perf_counter()
            for _ in range(inner):
                call()
            if run > 1:
                taken.append((time.perf_counter() - start_s) / inner)
    return [min(taken) for taken in times]


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
            steps = [functools.partial(run, layer, x) for layer in (peer, ours)]
            peer_s, ours_s = alternating_s(steps, n_runs, inner)
            table.append(
                f"| {name}, {items}, {frames}, {features}, {hidden}, {layers} | {label} | {1e3 * peer_s:.2f} ms "
                f"| {1e3 * ours_s:.2f} ms | {ours_s / peer_s:.2f} × |"
            )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    note = f"Both directions. Fastest of {arguments.runs} runs, taken in turns, one thread."
    table = [
        *rows(arguments.runs),
        "",
        f"{note} torch {torch.__version__}, {os.cpu_count()} cores.",
    ]
    publish("\n".join(table), arguments.write, "lstm")


if __name__ == "__main__":
    main()
