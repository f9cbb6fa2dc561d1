"""Separation: how fast files are taken apart and in how much memory, and BSSEval beside museval.

    python bench/bench_separation.py                                a Markdown table
    python bench/bench_separation.py --write docs/performance.md    the same, put between the markers in the file

Each model separates a stereo file at 44.1 kHz into files, all targets, in a process of its own whose peak memory is
taken. `--models` are graph files, whose weights are random, runs, or models of the zoo.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from page import parser_of, publish
from ratios import Ratio, in_s, in_turns

import mirbricks as mb
from mirbricks.data import Corpus
from mirbricks.data.stores.wav_writer import written_wav
from mirbricks.metrics import bss_eval

ROOT = Path(mb.__file__).parent
SR_HZ = 44_100
BLOCK_SAMPLES = 1 << 18
Array = NDArray[np.float64]


def write_song(path: Path, seconds: float) -> None:
    """Four voices that glide from left to right, and a little noise; stereo, seeded, written as it is made."""
    random = np.random.default_rng(0)
    n_samples = int(seconds * SR_HZ)
    with written_wav(path, SR_HZ, 2) as file:
        for start in range(0, n_samples, BLOCK_SAMPLES):
            time_s = np.arange(start, min(start + BLOCK_SAMPLES, n_samples)) / SR_HZ
            block = 0.01 * random.standard_normal((2, len(time_s)))
            for voice, f0_hz in enumerate((110.0, 220.0, 329.6, 523.3)):
                # Another note every half a second, of three that make a chord.
                steps = np.array([0, 4, 7])[(time_s * 2).astype(int) % 3]
                phase = 2 * np.pi * f0_hz * 2.0 ** (steps / 12) * time_s
                wave = 0.1 * sum(np.sin(k * phase) / k for k in range(1, 8))
                side = 0.5 + 0.4 * np.sin(0.3 * time_s + voice)
                block += wave * np.stack([side, 1 - side])
            file.write(block.astype(np.float32))


def separated_alone(model: str, seconds: float) -> dict[str, Any]:
    """Seconds and peak memory of one separation, in this process, which does nothing else."""
    from mirbricks.runs.folder import RunFolder
    from mirbricks.workflows.loading import load_experiment, load_run
    from mirbricks.workflows.separate import Options, Separating

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        song = Path(name) / "song.wav"
        write_song(song, seconds)
        if Path(model).suffix == ".yaml":
            experiment = load_experiment(model)
        else:
            experiment, _ = load_run(RunFolder.open(model))
        separating = Separating(experiment, Options())
        loaded_mb = peak_mb()
        start_s = time.perf_counter()
        begun_s = time.process_time()
        files = separating.write(song, Path(name) / "out", replace=False)
        took_s = time.perf_counter() - start_s
        core_s = time.process_time() - begun_s
        files = [file for file in files if file.suffix == ".wav"]
        lengths = {soundfile.info(file).frames for file in files}
    assert lengths == {int(seconds * SR_HZ)}, "a file has another length than the song"
    return {
        "model_hz": experiment.task.feature.sr_hz,
        "targets": len(files),
        "took_s": took_s,
        "core_s": core_s,
        "loaded_mb": loaded_mb,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """The peak memory of this process so far."""
    unit = 1024 if sys.platform != "darwin" else 1 << 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def file_rows(models: list[str], seconds: float) -> list[str]:
    rows = [
        "| model | rate | targets | file | by the clock | of a core | × real time | memory | of it while separating |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for model in models:
        words = [sys.executable, __file__, "--alone", model, "--seconds", str(seconds)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{model}: {done.stderr.strip()}")
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append(
            f"| {Path(model).stem} | {found['model_hz']} Hz | {found['targets']} | {seconds:g} s "
            f"| {found['took_s']:.1f} s | {found['core_s']:.1f} s | {seconds / found['core_s']:.1f} "
            f"| {found['peak_mb']:.0f} MB "
            f"| {found['peak_mb'] - found['loaded_mb']:.0f} MB |"
        )
    return rows


def museval_metrics() -> Any:
    """museval's metrics alone: the package imports stempeg, which refuses to be imported without ffmpeg."""
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        raise SystemExit("museval is not installed: pip install 'mirbricks[bench]'")
    path = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chorale() -> tuple[str, Array, int]:
    """The stems (S, 1, N) of the first mix of Bach10 where the corpus is found, else noises in four bands."""
    data = Path(os.environ.get("MIRBRICKS_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "bach10").is_dir():
        return "4 noises, mono", noises(4, 1, 25 * 22_050), 22_050
    items = Corpus.open(data / "bach10").items
    mix = next(item for item in items if item.stem_of is None)
    stems = [item.read()[0] for item in items if item.stem_of == mix.key]
    return "Bach10, 4 mono stems", np.stack(stems)[:, None].astype(float), mix.sr_hz


def noises(n_sources: int, n_channels: int, n_samples: int) -> Array:
    random = np.random.default_rng(0)
    white = random.normal(size=(n_sources, n_channels, n_samples))
    return np.cumsum(white, axis=2) * 1e-3 + white


def bss_rows(n_runs: int) -> list[str]:
    theirs = museval_metrics()
    rows = [
        "| sources | audio | museval | mirbricks | times faster | largest difference of SDR |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    name, stems, sr_hz = chorale()
    cases = [(name, stems, sr_hz), ("2 stereo noises", noises(2, 2, 10 * SR_HZ), SR_HZ)]
    for name, references, sr_hz in cases:
        noise = np.random.default_rng(1).normal(size=references.shape)
        estimates = 0.8 * references + 0.1 * references.sum(axis=0) + 1e-3 * noise
        swapped = [array.transpose(0, 2, 1) for array in (references, estimates)]

        def museval(swapped: list[Array] = swapped, sr_hz: int = sr_hz) -> Array:
            found: Array = theirs.bss_eval(*swapped, window=sr_hz, hop=sr_hz)[0]
            return found

        def ours(
            references: Array = references,
            estimates: Array = estimates,
            sr_hz: int = sr_hz,
        ) -> Array:
            return bss_eval(references, estimates, window=sr_hz).sdr_db

        difference_db = np.nanmax(np.abs(museval() - ours()))
        museval_s, mine_s = in_turns([museval, ours], n_runs, warm_up=0)
        rows.append(
            f"| {name} | {references.shape[2] / sr_hz:.0f} s | {in_s(museval_s)} | {in_s(mine_s)} "
            f"| {Ratio.of(museval_s, mine_s)} | {difference_db:.0e} dB |"
        )
    return rows


def models_there() -> list[str]:
    """The shipped graphs of the task, and the zoo's models of it."""
    from mirbricks.compiler.compile import load_graph

    graphs = []
    for path in sorted((ROOT / "graphs").glob("separation_*.yaml")):
        task = load_graph(path).source.data.get("task") or {}
        if task.get("type") == "separation":
            graphs.append(str(path))
    zoo = [
        f"zoo:{path.name}" for path in sorted((ROOT / "zoo").glob("separation_*")) if path.is_dir()
    ]  # fmt: skip
    return [*zoo, *graphs]


def report(arguments: argparse.Namespace) -> str:
    torch.set_num_threads(1)
    parts = []
    models = arguments.models or models_there()
    if models:
        rows = file_rows(models, arguments.seconds)
        note = (
            "Stereo at 44.1 kHz, from a wav file to a wav file per target, resampling and disk included. Others "
            "ran beside it, so × real time is of the seconds of one core that it took; one thread, "
            f"torch {torch.__version__}, {os.cpu_count()} cores."
        )
        parts += ["\n".join(rows), note]
    if not arguments.no_peers:
        runs = f"Fastest of {arguments.runs} runs"
        if arguments.runs == 1:
            runs = "One run"
        note = (
            f"Windows of a second, filters of 512 samples over the whole track. {runs}, one thread; "
            f"museval {version('museval')}."
        )
        parts += ["\n".join(bss_rows(arguments.runs)), note]
    return "\n\n".join(parts)


def main() -> None:
    parser = parser_of(__doc__)
    parser.set_defaults(runs=3)
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="length of the file"
    )
    parser.add_argument(
        "--models",
        nargs="+",
        default=[],
        help="graphs, runs or zoo:NAME (default: all that ship)",
    )
    parser.add_argument("--no-peers", action="store_true", help="leave museval out")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(separated_alone(arguments.alone, arguments.seconds)))
        return
    publish(report(arguments), arguments, "separation")


if __name__ == "__main__":
    main()
