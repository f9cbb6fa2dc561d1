"""What corpora of the field's sizes cost, from the processor time and the bytes that a minute of sound takes here.

    python bench/bench_scale.py                          Markdown tables
    python bench/bench_scale.py --write docs/scale.md    the same, put between the markers in the file

Processor time, not wall time: it hardly depends on what else the machine does. The audio is a mix of Bach10 where the
corpus is found (MIRBRICKS_DATA, else ../shared/data), else synthetic.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from bench_hcqt import CONFIG, recording
from numpy.typing import NDArray
from page import parser_of, publish

import mirbricks as mb
from mirbricks.features.extract import extract

MINUTES = 3.0
GIGABYTE = 1e9
# A corpus: how many recordings, and how long they are on average, in minutes.
CORPORA = {
    "MagnaTagATune": (25_863, 29.1 / 60),
    "Da-TACOS, benchmark": (15_000, 3.6),
    "FMA, full": (106_574, 4.5),
    "a catalogue": (100_000_000, 4.0),
}
MODELS = {
    "tagging": "zoo:tagging_esc10",
    "chords": "zoo:chords_billboard",
    "cover songs": "zoo:covers_move",
    "multi-pitch": "zoo:mpe_bach10",
}


class Unit(NamedTuple):
    """What a minute of sound costs: seconds of one core for features and for the model, and bytes in the cache."""

    features_s: float
    stored: float
    predict_s: float


class Sound(NamedTuple):
    """Samples in memory, as `extract` reads a recording of a corpus."""

    key: str
    samples: NDArray[np.float32]
    sr_hz: int

    def read(self) -> tuple[NDArray[np.float32], int]:
        return self.samples, self.sr_hz


def processor_s(call: Callable[[], object], n_runs: int) -> float:
    """Median processor seconds, of all threads, after one run to warm up."""
    taken = []
    for _ in range(n_runs + 1):
        start_s = time.process_time()
        call()
        taken.append(time.process_time() - start_s)
    return statistics.median(taken[1:])


def measured(name: str, sound: Sound, n_runs: int) -> Unit:
    """The unit costs of a model of the zoo."""
    model = mb.load(name)

    # Each run in a folder of its own: what is in the cache is not computed again.
    def features() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract(sound, Path(folder), model.feature)

    with tempfile.TemporaryDirectory() as folder:
        extract(sound, Path(folder), model.feature)
        stored = sum(path.stat().st_size for path in Path(folder).iterdir())
    features_s = processor_s(features, n_runs)
    # `predict` computes the features too, and caches none.
    whole_s = processor_s(lambda: model.predict(sound.samples, sound.sr_hz), n_runs)
    return Unit(
        features_s / MINUTES,
        stored / MINUTES,
        max(0.0, whole_s - features_s) / MINUTES,
    )


def unit_table(units: dict[str, Unit]) -> str:
    lines = [
        "| a minute of sound | model | features, core s | stored, MB | answer, core s | × real time on a core |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, unit in units.items():
        speed = 60 / (unit.features_s + unit.predict_s)
        lines.append(
            f"| {name} | `{MODELS[name]}` | {unit.features_s:.2f} | {unit.stored / 1e6:.2f} "
            f"| {unit.predict_s:.2f} | {speed:.0f} |"
        )
    return "\n".join(lines)


def corpus_table(units: dict[str, Unit], price: float) -> str:
    lines = [
        "| corpus | hours of sound | task | core hours | with 16 cores | features stored | price |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for corpus, (count, minutes) in CORPORA.items():
        total = count * minutes
        for name, unit in units.items():
            core_h = total * (unit.features_s + unit.predict_s) / 3600
            lines.append(
                f"| {corpus}, {count:,} × {minutes:.1f} min | {total / 60:,.0f} | {name} | {_number(core_h)} "
                f"| {_days(core_h / 16)} | {_bytes(total * unit.stored)} | {_number(core_h * price)} |"
            )
    return "\n".join(lines)


def _number(value: float) -> str:
    """Two digits or more of what is small."""
    if value < 10:
        return f"{value:.2g}"
    return f"{value:,.0f}"


def _days(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:,.0f} min"
    if hours < 48:
        return f"{hours:,.1f} h"
    return f"{hours / 24:,.0f} days"


def _bytes(count: float) -> str:
    if count < 1000 * GIGABYTE:
        return f"{_number(count / GIGABYTE)} GB"
    return f"{_number(count / GIGABYTE / 1000)} TB"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--price", type=float, default=0.04, help="of an hour of one core"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    audio, wave = recording(60 * MINUTES)
    sound = Sound("sound", wave, CONFIG.sr_hz)
    units = {
        name: measured(model, sound, arguments.runs) for name, model in MODELS.items()
    }
    text = (
        f"{audio}, {MINUTES:g} minutes at {CONFIG.sr_hz:,} Hz in memory, one thread, median of {arguments.runs} runs; "
        f"torch {torch.__version__}, {os.cpu_count()} cores. Reading and decoding files comes on top."
    )
    price = f"The price is an assumption, {arguments.price:g} for an hour of one core (`--price`)."
    publish(
        f"{unit_table(units)}\n\n{text}\n\n{price}\n\n{corpus_table(units, arguments.price)}",
        arguments,
        "scale",
    )


if __name__ == "__main__":
    main()
