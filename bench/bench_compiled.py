"""Compiled graphs beside the same models written by hand in torch, in one process, runs alternating.

    python bench/bench_compiled.py                                a Markdown table
    python bench/bench_compiled.py --write docs/performance.md    the same, put between the markers in the file

Also the time `compile_graph` takes on every shipped graph, beyond building the bare layers with their weights.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from page import parser_of, publish
from torch import Tensor, nn
from torch.nn import functional

import mirbricks as mb
from mirbricks.compiler.module import GraphModule
from mirbricks.registry import build, get

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))


class Residual(nn.Module):
    """One residual block of mpe_small."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            32, 32, 3, padding="same", dilation=(1, dilation), bias=False
        )
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(
            32, 32, (5, 1), padding="same", dilation=(12, 1), bias=False
        )
        self.norm2 = nn.BatchNorm2d(32)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + x)


class Small(nn.Module):
    """mpe_small by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(6, 32, (11, 3), (5, 1), (3, 1), bias=False)
        self.norm = nn.BatchNorm2d(32)
        self.body = nn.Sequential(*(Residual(d) for d in (1, 2, 4, 8)))
        self.head = nn.ConvTranspose2d(32, 1, (11, 3), (5, 1), (3, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(functional.relu(self.norm(self.stem(x)))))


class Bittner(nn.Module):
    """mpe_bittner by hand."""

    def __init__(self) -> None:
        super().__init__()
        widths, kernels = (6, 128, 64, 64, 64, 8, 1), (5, 5, 3, 3, (70, 3), 1)
        pairs = zip(widths, widths[1:], kernels, strict=False)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(a), nn.Conv2d(a, b, kernel, padding="same"))
            for a, b, kernel in pairs
        )

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages[:-1]:
            x = functional.relu(stage(x))
        return self.stages[-1](x)


class Tiny(nn.Module):
    """A chain of cheap layers, where the cost of calling them shows most."""

    def __init__(self, depth: int = 40) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(8, 8, 3, padding="same") for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = functional.relu(layer(x))
        return x


def tiny_graph(depth: int = 40) -> GraphModule:
    layers: list[object] = []
    for _ in range(depth):
        layers += [
            {"Conv1d": {"out_channels": 8, "kernel_size": 3, "padding": "same"}},
            "ReLU",
        ]
    return mb.compile_graph({"name": "tiny", "input": "B C=8 T", "layers": layers})


def cases() -> list[tuple[str, nn.Module, nn.Module, Tensor]]:
    folder = GRAPHS[0].parent
    return [
        (
            "mpe_small",
            mb.compile_graph(folder / "mpe_small.yaml"),
            Small(),
            torch.randn(2, 6, 360, 96),
        ),
        (
            "mpe_bittner",
            mb.compile_graph(folder / "mpe_bittner.yaml"),
            Bittner(),
            torch.randn(1, 6, 360, 32),
        ),
        ("40 × (Conv1d 8→8, ReLU)", tiny_graph(), Tiny(), torch.randn(8, 8, 2000)),
    ]


def forward(model: nn.Module, x: Tensor) -> Callable[[], None]:
    def run() -> None:
        with torch.inference_mode():
            model(x)

    return run


def training_step(model: nn.Module, x: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def run() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return run


def seconds(run: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    run()
    return time.perf_counter() - start_s


def compared(
    ours: Callable[[], None], theirs: Callable[[], None], n_runs: int
) -> tuple[float, float]:
    """Fastest seconds of both, runs taken in turns: other work on the machine only ever adds time."""
    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(n_runs)]
    return min(a for a, _ in times), min(b for _, b in times)


def speed_rows(n_runs: int) -> list[str]:
    rows = ["| model | what | compiled | by hand | ratio |", "|---|---|---:|---:|---:|"]
    for name, compiled, by_hand, x in cases():
        by_hand.load_state_dict(
            dict(zip(by_hand.state_dict(), compiled.state_dict().values(), strict=True))
        )
        for what, kind in (("forward", forward), ("training step", training_step)):
            compiled.train(what != "forward")
            by_hand.train(what != "forward")
            ours_s, theirs_s = compared(kind(compiled, x), kind(by_hand, x), n_runs)
            times = f"{1e3 * ours_s:.1f} ms | {1e3 * theirs_s:.1f} ms | {ours_s / theirs_s:.3f}"
            rows.append(f"| {name} | {what} | {times} |")
    return rows


def compile_rows(n_runs: int) -> list[str]:
    rows = [
        "| graph | layers | compile_graph | the bare layers | beyond |",
        "|---|---:|---:|---:|---:|",
    ]
    for path in GRAPHS:
        model = mb.compile_graph(path)

        def bare(model: GraphModule = model) -> None:
            for node in model.nodes:
                build(get(node.block), node.config)

        whole_s = statistics.median(
            seconds(lambda path=path: mb.compile_graph(path)) for _ in range(n_runs)
        )
        bare_s = statistics.median(seconds(bare) for _ in range(n_runs))
        beyond = f"{1e3 * (whole_s - bare_s):.0f} ms"
        rows.append(
            f"| {path.stem} | {len(model.nodes)} | {1e3 * whole_s:.0f} ms | {1e3 * bare_s:.0f} ms | {beyond} |"
        )
    return rows


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    n_runs = max(arguments.runs, 41)
    parts = [
        "\n".join(speed_rows(n_runs)),
        f"Fastest of {n_runs} runs, taken in turns; {torch.get_num_threads()} threads, torch {torch.__version__}.",
        "\n".join(compile_rows(arguments.runs)),
    ]
    publish("\n\n".join(parts), arguments.write, "compiled")


if __name__ == "__main__":
    main()
