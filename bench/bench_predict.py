"""From the shell to the answer: `mirbricks predict` of a song of three minutes, start-up included.

    python bench/bench_predict.py                                a Markdown table
    python bench/bench_predict.py --write docs/performance.md    the same, put between the markers in the file

The song is made of mixes of Bach10 where the corpus is found (MIRBRICKS_DATA, else ../shared/data), else of noise.
Seconds are those of a core, of the process as a whole, and the memory is its peak.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from page import parser_of, publish

from mirbricks.data.corpus import Corpus

ROOT = Path(__file__).resolve().parents[1]
SONG_S = 180
NOISE_HZ = 44_100
RUN = "import sys; from mirbricks.cli import main; sys.exit(main(sys.argv[1:]))"
MODEL = "zoo:mpe_bach10"


def song() -> tuple[NDArray[np.float32], int]:
    """Mixes one after another, cut to three minutes, and their sample rate."""
    data = os.environ.get("MIRBRICKS_DATA", str(ROOT.parent / "shared" / "data"))
    folder = Path(data) / "bach10"
    if not folder.is_dir():
        noise = np.random.default_rng(0).standard_normal(SONG_S * NOISE_HZ)
        return (0.1 * noise).astype(np.float32), NOISE_HZ
    mixes = [item for item in Corpus.open(folder).items if item.stem_of is None]
    waves = []
    sr_hz = NOISE_HZ
    for item in mixes:
        wave, sr_hz = item.read()
        waves.append(wave)
    return np.resize(np.concatenate(waves), SONG_S * sr_hz), sr_hz


def used(words: Sequence[str]) -> tuple[float, float]:
    """Seconds of a core and the peak of the memory, in MB, of one command."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}")
    unit = 1e6 if sys.platform == "darwin" else 1024.0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.wav"
        wave, sr_hz = song()
        soundfile.write(path, wave, sr_hz)
        predict = [sys.executable, "-c", RUN, "predict", MODEL, str(path)]
        commands = {
            '`python -c "import torch"`': [sys.executable, "-c", "import torch"],
            f"`mirbricks predict {MODEL} song.wav`": [*predict, "--out", folder],
            "the same with `--to csv`, without a picture": [
                *predict,
                *("--to", "csv", "--out", folder),
            ],
        }
        # Each into names of its own would cost time too: what is there is written over.
        for name, words in list(commands.items())[1:]:
            commands[name] = [*words, "--replace"]
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(arguments.runs):
            for name, words in commands.items():
                found[name].append(used(words))
    rows = ["| command | seconds of a core | peak of the memory |", "|---|---:|---:|"]
    for name, runs in found.items():
        core_s = statistics.median(seconds for seconds, _ in runs)
        memory_mb = statistics.median(memory for _, memory in runs)
        rows.append(f"| {name} | {core_s:.2f} s | {memory_mb:.0f} MB |")
    note = f"{SONG_S} s of sound at {sr_hz} Hz; median of {arguments.runs} runs, taken in turns, one thread each."
    publish("\n".join([*rows, "", note]), arguments, "predict")


if __name__ == "__main__":
    main()
