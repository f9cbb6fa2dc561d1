"""How long an editor waits for the answer to a keystroke: a wrong name, a wrong size, and a mended graph redrawn.

    python bench/bench_diagnose.py                                a Markdown table of every shipped graph
    python bench/bench_diagnose.py mpe_small --runs 10            of some, the median of ten texts
    python bench/bench_diagnose.py --write docs/performance.md    put between the markers in the file

Each figure is the median of 50 different texts, in a process that has seen the graph before, as that of an editor has;
`first` is the time of the very first text of a graph. It is time of the processor, the same on a busy machine: all of
it runs in one thread. The editor itself waits 120 ms for the next key before it asks.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from graph_texts import GRAPHS, NAMED, wrong_layers
from page import parser_of, publish

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.compiler.inference.summary import summarise

# 170 ms from a key to the underlined error, without the delay of 120 ms.
LIMIT_MS = 50.0
LIMIT_DRAWN_MS = 380.0  # 500 ms to the redrawn graph


def milliseconds(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return 1_000 * (time.process_time() - begin)


def wrong_names(text: str, keys: int) -> Iterator[str]:
    """The text with one letter more in the name of a block or a graph, each time of another one."""
    places = [found.end() for found in NAMED.finditer(text)]
    for key in range(keys):
        at = places[key % len(places)]
        yield text[:at] + "qzxwv"[key % 5] + text[at:]


def wrong_sizes(text: str, keys: int) -> Iterator[str]:
    """The text with a layer of another size before each of its joins, or with one that cannot fit."""
    lines = text.splitlines()
    every = wrong_layers(text)
    joins = [one for one in every if "AvgPool" in one[2]]
    places = joins or every
    # A variant of another graph has no layers of its own.
    if not places:
        return
    for key in range(keys):
        at, indent, layer = places[key % len(places)]
        # Another size each time: what was answered before is remembered.
        layer = layer.replace("1000003", str(1_000_003 + key))
        layer = layer.replace(
            "kernel_size: 2", f"kernel_size: {2 + key // len(places) % 9}"
        )
        yield "\n".join([*lines[:at], f"{indent}{layer}", *lines[at:], ""])


def mended(text: str, keys: int) -> Iterator[str]:
    """The sound text, changed in a place that does not matter."""
    for key in range(keys):
        yield f"{text}\n# {key}\n"


def drawn(text: str, file: str) -> None:
    model = mb.diagnose(text, file, thorough=False).model
    assert model is not None
    draw(model)
    summarise(model)


def row(path: Path, keys: int) -> tuple[list[str], bool]:
    text = path.read_text(encoding="utf-8")
    file = str(path)
    quick = partial(mb.diagnose, file=file, thorough=False)
    whole = partial(mb.diagnose, file=file)
    first = milliseconds(lambda: whole(text))
    sizes = list(wrong_sizes(text, keys))
    columns = [
        [milliseconds(partial(quick, one)) for one in wrong_names(text, keys)],
        [milliseconds(partial(quick, one)) for one in sizes],
        [milliseconds(partial(whole, one)) for one in sizes],
        [milliseconds(partial(drawn, one, file)) for one in mended(text, keys)],
    ]
    # A variant of another graph has no layer whose size could be wrong.
    medians = [statistics.median(one) if one else 0.0 for one in columns]
    fits = max(medians[:2]) <= LIMIT_MS and medians[3] <= LIMIT_DRAWN_MS
    shown = [f"{median:.0f}" if median else "–" for median in medians]
    words = [path.stem, f"{first:.0f}", *shown]
    return words, fits


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("graphs", nargs="*", help="names; default: every one")
    parser.set_defaults(runs=50)
    arguments = parser.parse_args()
    rows = [
        "| graph | first | wrong name | wrong size | wrong size, every remainder tried | drawing and table |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    late = []
    for path in sorted(GRAPHS.glob("*.yaml")):
        if arguments.graphs and path.stem not in arguments.graphs:
            continue
        words, fits = row(path, arguments.runs)
        rows.append(f"| {' | '.join(words)} |")
        print(rows[-1], file=sys.stderr, flush=True)
        if not fits:
            late.append(path.stem)
    machine = f"torch {torch.__version__}, {os.cpu_count()} cores, one thread"
    note = (
        f"Milliseconds of the processor, medians of {arguments.runs}; {machine}. "
        f"Later than {LIMIT_MS:.0f} (errors) or {LIMIT_DRAWN_MS:.0f} (drawing): {', '.join(late) or 'no graph'}."
    )
    publish("\n".join([*rows, "", note]), arguments, "diagnose")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
