"""From the shell to the answer: `mirbricks predict` of a song of three minutes, start-up included.

    python bench/bench_predict.py                                a Markdown table
    python bench/bench_predict.py --write docs/performance.md    the same, put between the markers in the file

The song is made of mixes of Bach10 where the corpus is found (MIRBRICKS_DATA, else ../shared/data), else of noise.
Seconds are those of a core, of the process as a whole, and the memory is its peak. Where it can be imported, Spotify's
basic-pitch stands beside it, with the ONNX model of its own package, from file to notes in MIDI and csv:

    pip install --no-deps basic-pitch==0.4.0 resampy pretty_midi onnxruntime
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from page import parser_of, publish
from ratios import Ratio, in_s

from mirbricks.data.corpus import Corpus

ROOT = Path(__file__).resolve().parents[1]
SONG_S = 180
NOISE_HZ = 44_100
RUN = "import sys; from mirbricks.cli import main; sys.exit(main(sys.argv[1:]))"
MODEL = "zoo:mpe_bach10"
IMPORT_TORCH = '`python -c "import torch"`'
BASIC_PITCH = "basic-pitch's ONNX, `predict_and_save`"
PEER = """
import sys, warnings
warnings.simplefilter("ignore")
from basic_pitch import ICASSP_2022_MODEL_PATH
from basic_pitch.inference import predict_and_save
predict_and_save([sys.argv[1]], sys.argv[2], True, False, False, True, ICASSP_2022_MODEL_PATH)
"""


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


class Used(NamedTuple):
    """What a command took: seconds of a core, seconds by the clock, and the peak of its memory in MB."""

    core_s: float
    clock_s: float
    memory_mb: float


def used(words: Sequence[str]) -> Used:
    """Run one command."""
    begin_s = time.perf_counter()
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    clock_s = time.perf_counter() - begin_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}")
    unit = 1e6 if sys.platform == "darwin" else 1024.0
    core_s = usage.ru_utime + usage.ru_stime
    return Used(core_s, clock_s, usage.ru_maxrss / unit)


def commands_for(song: str, folder: str) -> dict[str, list[str]]:
    """The commands that are measured, the yardsticks first."""
    predict = [sys.executable, "-c", RUN, "predict", MODEL, song, "--out", folder]
    commands = {IMPORT_TORCH: [sys.executable, "-c", "import torch"]}
    if importlib.util.find_spec("basic_pitch") is not None:
        commands[BASIC_PITCH] = [sys.executable, "-c", PEER, song, folder]
    # What is there is written over: names of its own would fill the folder.
    commands[f"`mirbricks predict {MODEL} song.wav`"] = [*predict, "--replace"]
    without = "the same with `--to csv`, without a picture"
    commands[without] = [*predict, "--to", "csv", "--replace"]
    rough = ["--precision", "bfloat16", "--replace"]
    commands["the same with `--precision bfloat16`, and a picture"] = [*predict, *rough]
    return commands


def row(name: str, found: dict[str, list[Used]]) -> str:
    """A command beside the yardsticks that were run in turns with it."""
    runs = found[name]
    cells = [
        name,
        in_s([one.core_s for one in runs]),
        in_s([one.clock_s for one in runs]),
        f"{statistics.median(one.memory_mb for one in runs):.0f} MB",
    ]
    for yardstick in (IMPORT_TORCH, BASIC_PITCH):
        other = found.get(yardstick)
        if other is None or name in (IMPORT_TORCH, BASIC_PITCH):
            cells.append("")
            continue
        seconds = [one.core_s for one in runs]
        cells.append(str(Ratio.of(seconds, [one.core_s for one in other])))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.wav"
        wave, sr_hz = song()
        soundfile.write(path, wave, sr_hz)
        commands = commands_for(str(path), folder)
        found: dict[str, list[Used]] = {name: [] for name in commands}
        for _ in range(arguments.runs):
            for name, words in commands.items():
                for file in Path(folder).glob("*_basic_pitch.*"):
                    file.unlink()
                found[name].append(used(words))
    rows = [
        "| command | of a core | by the clock | peak of the memory | time over `import torch` "
        "| time over basic-pitch |",
        "|---|---:|---:|---:|---:|---:|",
        *[row(name, found) for name in found],
    ]
    note = (
        f"{SONG_S} s of sound at {sr_hz} Hz; median of {arguments.runs} runs, taken in turns; "
        "ratios are of seconds of a core."
    )
    publish("\n".join([*rows, "", note]), arguments, "predict")


if __name__ == "__main__":
    main()
