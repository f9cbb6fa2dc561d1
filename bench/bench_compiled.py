"""Compiled graphs beside the same models written by hand in torch, in one process, runs alternating.

    python bench/bench_compiled.py                                a Markdown table
    python bench/bench_compiled.py --write docs/performance.md    the same, put between the markers in the file

With --compiling, the time that `compile_graph` takes on every shipped graph beyond building the bare layers with their
weights; exits with 1 where that is more than 150 ms. With --optimized, graphs compiled with `optimize=True` beside
those without; all in seconds of a core.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns
from torch import Tensor, nn
from torch.nn import functional

import mirbricks as mb
from mirbricks.compiler.inference.operations_seen import forget
from mirbricks.compiler.module import GraphModule
from mirbricks.registry import build, get

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
# That `compile_graph` may take beyond building the layers.
LIMIT_S = 0.15


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


def optimized_rows(n_runs: int) -> list[str]:
    """Graphs for use only beside the same ones as compiled without `optimize`, in eval mode."""
    rows = [
        "| graph | forward | with optimize=True | times faster | largest difference |",
        "|---|---:|---:|---:|---:|",
    ]
    torch.set_num_threads(1)
    x = torch.randn(1, 6, 360, 32)
    for name in ("mpe_bittner", "mpe_doras_unet", "mpe_depthsep"):
        path = GRAPHS[0].with_name(f"{name}.yaml")
        plain = mb.compile_graph(path)
        # A step in training mode gives the batch norms statistics of their own.
        with torch.no_grad():
            plain(x)
        plain.eval()
        optimized = mb.compile_graph(path, optimize=True)
        optimized.load_state_dict(plain.state_dict())
        calls = [functools.partial(plain, x), functools.partial(optimized, x)]
        with torch.inference_mode():
            difference = float((plain(x) - optimized(x)).abs().max())
            theirs, ours = in_turns(calls, n_runs)
        rows.append(
            f"| {name} | {in_ms(theirs, 1)} | {in_ms(ours, 1)} | {Ratio.of(theirs, ours)} | {difference:.0e} |"
        )
    return rows


def core_seconds(run: Callable[[], object]) -> float:
    """Time of a core, which other work on the machine changes little."""
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


def speed_rows(n_runs: int) -> list[str]:
    rows = [
        "| model | what | compiled | by hand | time over by hand |",
        "|---|---|---:|---:|---:|",
    ]
    for name, compiled, by_hand, x in cases():
        by_hand.load_state_dict(
            dict(zip(by_hand.state_dict(), compiled.state_dict().values(), strict=True))
        )
        for what, kind in (("forward", forward), ("training step", training_step)):
            compiled.train(what != "forward")
            by_hand.train(what != "forward")
            ours, theirs = in_turns([kind(compiled, x), kind(by_hand, x)], n_runs)
            times = f"{in_ms(ours, 1)} | {in_ms(theirs, 1)} | {Ratio.of(ours, theirs)}"
            rows.append(f"| {name} | {what} | {times} |")
    return rows


def first_compiled(path: Path) -> None:
    """Compile as a new process does, which remembers no shapes."""
    forget()
    mb.compile_graph(path)


def compile_rows(n_runs: int) -> tuple[list[str], list[str]]:
    """The table, and the graphs that take longer than they may."""
    slow: list[str] = []
    rows = [
        "| graph | layers | compile_graph | the bare layers | beyond |",
        "|---|---:|---:|---:|---:|",
    ]
    for path in GRAPHS:
        model = mb.compile_graph(path)

        def bare(model: GraphModule = model) -> None:
            for node in model.nodes:
                build(get(node.block), node.config)

        # In turns, and the fastest of each: other work only ever adds time.
        pairs = [
            (core_seconds(lambda path=path: first_compiled(path)), core_seconds(bare))
            for _ in range(n_runs)
        ]
        whole_s = min(whole for whole, _ in pairs)
        bare_s = min(alone for _, alone in pairs)
        beyond = f"{1e3 * (whole_s - bare_s):.0f} ms"
        if whole_s - bare_s > LIMIT_S:
            slow.append(path.stem)
        rows.append(
            f"| {path.stem} | {len(model.nodes)} | {1e3 * whole_s:.0f} ms | {1e3 * bare_s:.0f} ms | {beyond} |"
        )
    return rows, slow


def compiling(arguments: argparse.Namespace) -> int:
    """Publish the time of `compile_graph`; the exit code is 1 where a graph takes longer than it may."""
    rows, slow = compile_rows(arguments.runs)
    note = (
        f"Seconds of a core, fastest of {arguments.runs}, taken in turns; torch {torch.__version__}. "
        f"More than {1e3 * LIMIT_S:.0f} ms beyond the layers: {', '.join(slow) or 'no graph'}."
    )
    publish("\n".join([*rows, "", note]), arguments, "compiling")
    return 1 if slow else 0


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--compiling", action="store_true", help="only the time of compile_graph"
    )
    parser.add_argument(
        "--optimized", action="store_true", help="only optimize=True beside without"
    )
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.optimized:
        note = f"Seconds of a core, median of {arguments.runs} pairs; one thread, torch {torch.__version__}."
        optimized = "\n".join([*optimized_rows(arguments.runs), "", note])
        publish(optimized, arguments, "optimized")
        return 0
    if arguments.compiling:
        return compiling(arguments)
    n_runs = max(arguments.runs, 41)
    note = (
        f"Seconds of a core, median of {n_runs} runs, taken in turns; "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}."
    )
    publish("\n".join([*speed_rows(n_runs), "", note]), arguments, "compiled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
