"""How long one waits for `check`: on a graph of 60 layers in a running process, and for whole commands.

    python bench/bench_check.py                                a Markdown table
    python bench/bench_check.py --write docs/performance.md    the same, put between the markers in the file

The yardstick of a command is `python -c "import torch"`, which none that looks into a graph can do without.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from page import parser_of, publish
from ratios import Ratio, in_s, in_turns

import mirbricks as mb
from mirbricks.cli import main

GRAPHS = Path(mb.__file__).parent / "graphs"
SIXTY = "input: B C=6 F=360 T\nlayers:\n" + 20 * (
    "  - Conv2d: {out_channels: 16, kernel_size: 3, padding: same}\n  - BatchNorm2d\n  - ReLU\n"
)
COMMANDS = {
    'python -c "import torch"': [sys.executable, "-c", "import torch"],
    "mirbricks --help": ["mirbricks", "--help"],
    "mirbricks check graphs/mpe_bittner.yaml": [
        "mirbricks",
        "check",
        str(GRAPHS / "mpe_bittner.yaml"),
    ],
    "mirbricks check graphs/mpe_small.yaml, a whole experiment": [
        "mirbricks",
        "check",
        str(GRAPHS / "mpe_small.yaml"),
    ],
}


def core_s() -> float:
    """Seconds of a core that this process and its children have taken."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def seconds(calls: Sequence[Callable[[], object]], runs: int) -> list[list[float]]:
    """Seconds of a core of each call and its children, taken in turns: other work changes them little."""
    return in_turns(calls, runs, warm_up=0, clock=core_s)


def command(words: list[str]) -> Callable[[], object]:
    executable = (
        str(Path(sys.executable).parent / words[0])
        if words[0] == "mirbricks"
        else words[0]
    )
    return lambda: subprocess.run(
        [executable, *words[1:]], check=True, capture_output=True
    )


def sixty_layers(runs: int) -> list[float]:
    """`check` on a graph of 60 layers with a free axis, after a first one has imported everything."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        path = Path(folder) / "sixty.yaml"
        path.write_text(SIXTY)
        main(["check", str(path)])
        return seconds([lambda: main(["check", str(path)])], runs)[0]


def run() -> None:
    arguments = parser_of(__doc__).parse_args()
    rows = [
        "| what | seconds of a core | time over `import torch` |",
        "|---|---:|---:|",
        f"| `check` on 60 layers, after imports | {in_s(sixty_layers(arguments.runs))} | |",
    ]
    times = seconds(list(map(command, COMMANDS.values())), arguments.runs)
    torchs = times[0]
    for name, taken in zip(COMMANDS, times, strict=True):
        over = ""
        if taken is not torchs:
            over = str(Ratio.of(taken, torchs))
        rows.append(f"| `{name}` | {in_s(taken)} | {over} |")
    publish("\n".join(rows), arguments, "check")


if __name__ == "__main__":
    run()
