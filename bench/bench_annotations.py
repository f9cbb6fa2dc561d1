"""Annotations on frames: a loop as one writes it first, the best loop, and data/frames.py, in the same process.

    python bench/bench_annotations.py                                a Markdown table
    python bench/bench_annotations.py --write docs/performance.md    the same, put between the markers in the file

The annotations are synthetic, of the size of real ones: five minutes of chords, of a piano and of four voices. The
first loop goes over the frames and asks for each which annotations hold it, or which time is nearest; the best loop
goes once over the annotations, or along frames and times together. All give the same frames.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns

from mirbricks.data.frames import (
    breakpoints_to_frames,
    notes_to_roll,
    segments_to_classes,
)

SECONDS, HOP_S, LOWEST = 300.0, 0.01, 21
N_FRAMES = round(SECONDS / HOP_S)
Float64 = NDArray[np.float64]


def chords() -> tuple[list[float], list[float], list[int]]:
    random = np.random.default_rng(0)
    ends = np.sort(random.uniform(0, SECONDS, 180))
    onsets = np.append(0.0, ends[:-1])
    return (
        onsets.tolist(),
        (ends - onsets).tolist(),
        random.integers(0, 25, 180).tolist(),
    )


def chords_by_frame(
    onsets: Sequence[float], durations: Sequence[float], classes: Sequence[int]
) -> list[int]:
    found = []
    for t in range(N_FRAMES):
        kind = -1
        for onset, duration, one in zip(onsets, durations, classes, strict=True):
            if onset <= t * HOP_S < onset + duration:
                kind = one
        found.append(kind)
    return found


def first_frame(time_s: float) -> int:
    return min(int(np.ceil(time_s / HOP_S)), N_FRAMES)


def chords_by_segment(
    onsets: Sequence[float], durations: Sequence[float], classes: Sequence[int]
) -> list[int]:
    found = [-1] * N_FRAMES
    for onset, duration, one in zip(onsets, durations, classes, strict=True):
        for t in range(first_frame(onset), first_frame(onset + duration)):
            found[t] = one
    return found


def notes() -> tuple[list[float], list[float], list[int]]:
    random = np.random.default_rng(1)
    onsets = np.sort(random.uniform(0, SECONDS - 2, 2500))
    return (
        onsets.tolist(),
        random.uniform(0.05, 1.5, 2500).tolist(),
        random.integers(0, 88, 2500).tolist(),
    )


def roll_by_frame(
    onsets: Sequence[float], durations: Sequence[float], rows: Sequence[int]
) -> NDArray[np.float32]:
    roll = np.zeros((N_FRAMES, 88), np.float32)
    for t in range(N_FRAMES):
        for onset, duration, row in zip(onsets, durations, rows, strict=True):
            if onset <= t * HOP_S < onset + duration:
                roll[t, row] = 1.0
    return roll


def roll_by_note(
    onsets: Sequence[float], durations: Sequence[float], rows: Sequence[int]
) -> NDArray[np.float32]:
    roll = np.zeros((N_FRAMES, 88), np.float32)
    for onset, duration, row in zip(onsets, durations, rows, strict=True):
        roll[first_frame(onset) : first_frame(onset + duration), row] = 1.0
    return roll


def curves() -> tuple[list[list[float]], list[float]]:
    """Four voices every 10 ms, 3 ms beside the frames."""
    random = np.random.default_rng(2)
    return random.uniform(40, 80, (4, N_FRAMES)).tolist(), (
        0.003 + HOP_S * np.arange(N_FRAMES)
    ).tolist()


def curves_by_frame(values: list[list[float]], times: list[float]) -> Float64:
    """The nearest time by looking at all of them."""
    curves, at = np.asarray(values), np.asarray(times)
    return np.stack(
        [curves[:, np.argmin(np.abs(at - t * HOP_S))] for t in range(N_FRAMES)], axis=1
    )


def curves_along(values: list[list[float]], times: list[float]) -> Float64:
    """The nearest time by a search that goes on from the frame before."""
    found, near = np.empty((len(values), N_FRAMES)), 0
    for t in range(N_FRAMES):
        at = t * HOP_S
        while near + 1 < len(times) and abs(times[near + 1] - at) < abs(
            times[near] - at
        ):
            near += 1
        for row, curve in enumerate(values):
            found[row, t] = curve[near]
    return found


def table_of(n_runs: int) -> list[str]:
    arrays = [tuple(map(np.asarray, one)) for one in (chords(), notes(), curves())]
    slow = {
        "180 chords → classes": [
            functools.partial(f, *chords())
            for f in (chords_by_frame, chords_by_segment)
        ],
        "2500 notes → piano roll of 88 rows": [
            functools.partial(f, *notes()) for f in (roll_by_frame, roll_by_note)
        ],
        "4 curves of 30000 times → values": [
            functools.partial(f, *curves()) for f in (curves_by_frame, curves_along)
        ],
    }
    ours = [
        functools.partial(segments_to_classes, *arrays[0], N_FRAMES, HOP_S),
        functools.partial(notes_to_roll, *arrays[1], 88, N_FRAMES, HOP_S),
        functools.partial(breakpoints_to_frames, *arrays[2], N_FRAMES, HOP_S),
    ]
    table = [
        f"| annotation, {N_FRAMES} frames | mirbricks | first loop | times faster than it | best loop "
        "| times faster than that |",
        "|---|---|---|---|---|---|",
    ]
    for (name, loops), fast in zip(slow.items(), ours, strict=True):
        for loop in loops:
            np.testing.assert_array_equal(np.asarray(loop()), fast())
        first = in_turns([loops[0]], 1, warm_up=0)[0]
        best, mine = in_turns([loops[1], fast], n_runs)
        table.append(
            f"| {name} | {in_ms(mine)} | {in_ms(first, 1)} | {Ratio.of(first, mine[:1])} "
            f"| {in_ms(best, 1)} | {Ratio.of(best, mine)} |"
        )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    table = table_of(arguments.runs)
    table += [
        "",
        f"Median of {arguments.runs} runs; of the first loop one. numpy {np.__version__}, {os.cpu_count()} cores.",
    ]
    publish("\n".join(table), arguments, "annotations")


if __name__ == "__main__":
    main()
