"""The HCQT beside librosa: one librosa.cqt for each of six harmonics, in the same process, runs alternating.

    python bench/bench_hcqt.py                                a Markdown table
    python bench/bench_hcqt.py --write docs/performance.md    the same, put between the markers in the file

The audio is a mix of Bach10 where the corpus is found (MIRBRICKS_DATA, else ../shared/data), else synthetic.
"""

from __future__ import annotations

import functools
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from page import parser_of, publish
from ratios import Ratio, in_s, in_turns

from mirbricks.data.corpus import Corpus
from mirbricks.features.feature_file import CachedFeature, write_feature
from mirbricks.features.hcqt import HCQTFeature, HCQTFeatureConfig
from mirbricks.features.resample import resample

ROOT = Path(__file__).resolve().parents[1]
CONFIG = HCQTFeatureConfig()

Wave = NDArray[np.float32]


def synthetic(duration_s: float) -> Wave:
    """Four voices with harmonics and vibrato, and a little noise; seeded."""
    random = np.random.default_rng(0)
    t = np.arange(int(duration_s * CONFIG.sr_hz)) / CONFIG.sr_hz
    wave = 0.01 * random.standard_normal(len(t))
    for f0_hz in (110.0, 220.0, 329.6, 523.3):
        phase = 2 * np.pi * f0_hz * (t + 0.002 * np.sin(2 * np.pi * 5 * t) / 5)
        wave += 0.1 * sum(np.sin(k * phase) / k for k in range(1, 16))
    return wave.astype(np.float32)


def recording(duration_s: float) -> tuple[str, Wave]:
    """The first mix of Bach10, repeated to the length asked for, or synthetic audio."""
    folder = (
        Path(os.environ.get("MIRBRICKS_DATA", ROOT.parent / "shared" / "data"))
        / "bach10"
    )
    if not folder.is_dir():
        return "synthetic", synthetic(duration_s)
    item = next(item for item in Corpus.open(folder).items if item.stem_of is None)
    audio, sr_hz = item.read()
    wave = resample(torch.from_numpy(audio), sr_hz, CONFIG.sr_hz).numpy()
    return "Bach10", np.resize(wave, int(duration_s * CONFIG.sr_hz))


def with_librosa(wave: Wave) -> NDArray[np.complex64]:
    return np.stack(
        [
            librosa.cqt(
                wave,
                sr=CONFIG.sr_hz,
                hop_length=CONFIG.hop_length,
                fmin=h * CONFIG.fmin_hz,
                n_bins=CONFIG.n_bins,
                bins_per_octave=CONFIG.bins_per_octave,
            )
            for h in CONFIG.harmonics
        ]
    )


def grown_mb(call: Callable[[], object]) -> float:
    """By how much a call raises the peak memory of the process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (
        1024 if sys.platform != "darwin" else 1e6
    )


def speed_rows(
    transform: HCQTFeature, n_runs: int, durations_s: list[float]
) -> list[str]:
    rows = [
        "| audio | librosa, six CQTs | mirbricks HCQT | times faster | memory over the audio |",
        "|---|---|---|---|---|",
    ]
    for duration_s in durations_s:
        name, wave = recording(duration_s)
        batch = torch.from_numpy(wave)[None]
        memory_mb = grown_mb(functools.partial(transform, batch))
        torch.set_num_threads(1)
        calls = [
            functools.partial(with_librosa, wave),
            functools.partial(transform, batch),
        ]
        theirs, ours = in_turns(calls, n_runs)
        rows.append(
            f"| {name}, {duration_s:g} s | {in_s(theirs)} | {in_s(ours, 3)} "
            f"| {Ratio.of(theirs, ours)} | {memory_mb:.0f} MB |"
        )
    return rows


def agreement_rows(transform: HCQTFeature, duration_s: float) -> list[str]:
    name, wave = recording(duration_s)
    rows = [
        f"| harmonic ({name}, {duration_s:g} s) | correlation | relative error |",
        "|---|---|---|",
    ]
    ours, theirs = (
        transform(torch.from_numpy(wave)[None])[0].abs().numpy(),
        np.abs(with_librosa(wave)),
    )
    for harmonic, found, wanted in zip(CONFIG.harmonics, ours, theirs, strict=True):
        correlation = np.corrcoef(found.ravel().astype(np.float64), wanted.ravel())[
            0, 1
        ]
        error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
        rows.append(f"| {harmonic:g} | {correlation:.7f} | {100 * error:.4f} % |")
    return rows


def reading_row(transform: HCQTFeature, n_frames: int = 96, n_reads: int = 200) -> str:
    """Median time to read a random patch from a cache file, as a data loader's worker does: on one thread."""
    torch.set_num_threads(1)
    _, wave = recording(30.0)
    hcqt = transform(torch.from_numpy(wave)[None])[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hcqt.safetensors"
        write_feature(path, [hcqt], (hcqt.shape[2], hcqt.shape[0], hcqt.shape[1]), {})
        feature = CachedFeature(path)
        starts = np.random.default_rng(0).integers(
            0, feature.n_frames - n_frames, n_reads
        )
        times = []
        for start in starts:
            start_s = time.perf_counter()
            feature.magnitude(int(start), int(start) + n_frames)
            times.append(time.perf_counter() - start_s)
    median_ms = 1e3 * statistics.median(times)
    return f"A random patch of {n_frames} frames, read from the cache as magnitudes (one thread): {median_ms:.2f} ms."


def report(n_runs: int, durations_s: list[float]) -> str:
    with torch.inference_mode():
        transform = HCQTFeature(CONFIG)
        start_s = time.perf_counter()
        HCQTFeature(CONFIG)
        building_s = time.perf_counter() - start_s
        parts = [
            "\n".join(speed_rows(transform, n_runs, durations_s)),
            f"Seconds of a core on one thread, median of {n_runs} runs, taken in turns. "
            f"Making the kernels, once a process: {building_s:.2f} s. "
            f"torch {torch.__version__}, librosa {librosa.__version__}, {os.cpu_count()} cores.",
            "\n".join(agreement_rows(transform, min(durations_s))),
            reading_row(transform),
        ]
    return "\n\n".join(parts)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        nargs="+",
        default=[30.0, 180.0],
        help="lengths of the audio",
    )
    arguments = parser.parse_args()
    publish(report(arguments.runs, arguments.seconds), arguments, "hcqt")


if __name__ == "__main__":
    main()
