"""The peak of memory over 50 recordings and over 5,000: what works on a corpus must not hold it.

    python bench/bench_memory.py                          a Markdown table
    python bench/bench_memory.py --write docs/scale.md    the same, put between the markers in the file

Each verb runs in a process of its own, in which the system counts the peak (VmHWM, so this needs Linux). The
recordings are half a second of noise each: what a verb keeps of every recording shows, not how long one is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from page import parser_of, publish

import mirbricks as mb
from mirbricks.cli import main as command
from mirbricks.data import Atom, Definition, Entry, Pyjama, write_audio

SR_HZ = 8000
LABELS = ("low", "high")
ALLOWED = 0.05
GRAPH = """\
name: tiny
input: B C=1 F=16 T
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: same}
  - ReLU
  - Mean: {dim: [2, 3]}
  - Linear: {name: tags, out_features: 2}
feature: {type: logmel, sr_hz: 8000, n_fft: 512, hop_length: 256, n_mels: 16}
dataset: {folds: 3}
task: {type: tagging, annotation: label, labels: one, patch_frames: 8}
train: {steps: 2, batch_size: 4, validate_every: 2}
"""
VERBS = {
    "data extract": (
        "from mirbricks.cli import main\n"
        "words = ['data', 'extract', graph, '--data', corpus, '--cache', cache]\n"
        "assert main([*words, '--jobs', '1', '--quiet']) == 0\n"
    ),
    "evaluate": (
        "from mirbricks.cli import main\n"
        "words = ['evaluate', run, '--data', corpus, '--split', 'all', '--cache', cache]\n"
        "assert main([*words, '--jobs', '1', '--quiet']) == 0\n"
    ),
    "predict": (
        "import mirbricks as mb\nfor heard in mb.load(run).predict(sounds):\n    pass\n"
    ),
}
PEAK = (
    "text = open('/proc/self/status').read()\n"
    "print('peak', int(text.split('VmHWM:')[1].split()[0]) / 1024)\n"
)


def noise(count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Half a second of noise each; every second one is filtered, so that there is something to learn."""
    rng = np.random.default_rng(0)
    for number in range(count):
        wave = rng.standard_normal(SR_HZ // 2).astype(np.float32) / 9
        if number % 2:
            wave[1:] -= wave[:-1]
        yield f"{number:05d}.wav", wave


def corpus(folder: Path, count: int) -> None:
    """A corpus of so many recordings, and the same as files."""
    (folder / "sounds").mkdir(parents=True)
    (folder / "corpus").mkdir()
    for key, wave in noise(count):
        soundfile.write(folder / "sounds" / key, wave, SR_HZ)
    write_audio(
        folder / "corpus" / "noise_audio.hdf5",
        ((key, wave, SR_HZ) for key, wave in noise(count)),
    )
    entries = [
        Entry({"filepath": (Atom(f"{n:05d}.wav"),), "label": (Atom(LABELS[n % 2]),)})
        for n in range(count)
    ]
    text = Definition("global", "text")
    Pyjama({"filepath": text, "label": text}, entries).save(
        folder / "corpus" / "noise.pyjama"
    )


def peak_mb(verb: str, place: Path, count: int) -> float:
    """The peak of a process that runs a verb over so many recordings."""
    own = place / str(count)
    names = {
        "graph": place / "tiny.yaml",
        "run": place / "run",
        "corpus": own / "corpus",
        "sounds": own / "sounds",
        "cache": own / "cache",
    }
    given = "".join(f"{name} = {str(path)!r}\n" for name, path in names.items())
    done = subprocess.run(
        [sys.executable, "-c", given + VERBS[verb] + PEAK],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.rpartition("peak ")[2])


def table(peaks: dict[str, tuple[float, float]], few: int, many: int) -> str:
    rows = [
        f"| verb | peak over {few:,}, MB | over {many:,}, MB | more |",
        "|---|---:|---:|---:|",
    ]
    for verb, (small, large) in peaks.items():
        more = 100 * (large / small - 1)
        rows.append(f"| `{verb}` | {small:.0f} | {large:.0f} | {more:+.1f} % |")
    return "\n".join(rows)


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--few", type=int, default=50, help="recordings to begin with")
    parser.add_argument("--many", type=int, default=5000, help="recordings to compare")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "tiny.yaml").write_text(GRAPH)
        for count in (arguments.few, arguments.many):
            corpus(place / str(count), count)
        small = place / str(arguments.few)
        words = ["--data", str(small / "corpus"), "--cache", str(small / "first")]
        words += ["--out", str(place / "run"), "--jobs", "1", "--quiet"]
        if command(["train", str(place / "tiny.yaml"), *words]):
            raise SystemExit("the training of the model to measure with failed")
        peaks = {
            verb: (
                peak_mb(verb, place, arguments.few),
                peak_mb(verb, place, arguments.many),
            )
            for verb in VERBS
        }
    text = (
        "Recordings of half a second, one process, one thread; the peak includes Python, torch and the rest. "
        f"mirbricks {mb.__version__}, torch {torch.__version__}, {os.cpu_count()} cores."
    )
    publish(
        f"{table(peaks, arguments.few, arguments.many)}\n\n{text}", arguments, "memory"
    )
    over = [verb for verb, (few, many) in peaks.items() if many > few * (1 + ALLOWED)]
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
