"""Log-mel, CQT and chroma beside librosa and torchaudio, in the same process, runs taken in turns.

    python bench/bench_features.py                                a Markdown table
    python bench/bench_features.py --write docs/performance.md    the same, put between the markers in the file

The audio is a mix of Bach10 where the corpus is found (MIRBRICKS_DATA, else ../shared/data), else synthetic.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import librosa
import numpy as np
import torch
from bench_hcqt import recording
from numpy.typing import NDArray
from page import parser_of, publish
from ratios import Ratio, in_s, in_turns

from mirbricks.features.chroma import ChromaFeature, ChromaFeatureConfig
from mirbricks.features.cqt import CQTFeature, CQTFeatureConfig
from mirbricks.features.logmel import LogMelFeature, LogMelFeatureConfig
from mirbricks.features.torchaudio_import import import_torchaudio

Wave = NDArray[np.float32]
Call = Callable[[], object]
MEL, BINS, CHROMA = LogMelFeatureConfig(), CQTFeatureConfig(), ChromaFeatureConfig()


def librosa_logmel(wave: Wave) -> NDArray[np.float32]:
    mel = librosa.feature.melspectrogram(
        y=wave, sr=MEL.sr_hz, n_fft=MEL.n_fft, hop_length=MEL.hop_length
    )
    return np.asarray(np.log1p(MEL.gain * mel))


def librosa_cqt(wave: Wave) -> NDArray[np.complex64]:
    found: NDArray[np.complex64] = librosa.cqt(
        wave, sr=BINS.sr_hz, hop_length=BINS.hop_length, fmin=BINS.fmin_hz, n_bins=BINS.n_bins,
        bins_per_octave=BINS.bins_per_octave,
    )  # fmt: skip
    return found


def librosa_chroma(wave: Wave) -> NDArray[np.float32]:
    """With the tuning estimated, as ours."""
    found: NDArray[np.float32] = librosa.feature.chroma_cqt(
        y=wave,
        sr=CHROMA.sr_hz,
        hop_length=CHROMA.hop_length,
        n_octaves=CHROMA.n_octaves,
        threshold=None,
    )
    return found


def torchaudio_logmel() -> Callable[[torch.Tensor], torch.Tensor]:
    mel = import_torchaudio().transforms.MelSpectrogram(
        MEL.sr_hz, MEL.n_fft, hop_length=MEL.hop_length, n_mels=MEL.n_mels, pad_mode="constant", norm="slaney",
        mel_scale="slaney",
    )  # fmt: skip
    return lambda wave: torch.log1p(MEL.gain * mel(wave))


def error_percent(ours: torch.Tensor, theirs: NDArray[np.generic]) -> float:
    found = np.abs(ours[0].numpy()).reshape(theirs.shape)
    return float(
        100 * np.linalg.norm(found - np.abs(theirs)) / np.linalg.norm(np.abs(theirs))
    )


def rows(n_runs: int, durations_s: list[float], threads: list[int]) -> list[str]:
    lines = [
        "| feature | audio | threads | librosa | torchaudio | mirbricks | times faster than librosa "
        "| times faster than torchaudio | difference |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    peers = {"log-mel": librosa_logmel, "CQT": librosa_cqt, "chroma": librosa_chroma}
    ours = {
        "log-mel": LogMelFeature(MEL),
        "CQT": CQTFeature(BINS),
        "chroma": ChromaFeature(CHROMA),
    }
    theirs = {"log-mel": torchaudio_logmel()}
    for duration_s in durations_s:
        audio, wave = recording(duration_s)
        batch = torch.from_numpy(wave)[None]
        for name, peer in peers.items():
            difference = error_percent(ours[name](batch), peer(wave))
            for n_threads in threads:
                torch.set_num_threads(n_threads)
                calls: list[Call] = [
                    functools.partial(peer, wave),
                    functools.partial(ours[name], batch),
                ]
                if name in theirs:
                    calls.append(functools.partial(theirs[name], batch))
                times = in_turns(calls, n_runs)
                about = [name, f"{audio}, {duration_s:g} s", str(n_threads)]
                lines.append(line(about, times, difference))
    return lines


def line(about: list[str], times: list[list[float]], difference: float) -> str:
    """A row: what it is about, and seconds of librosa, of mirbricks and, where there is one, of torchaudio."""
    librosas, ours = times[:2]
    seconds = ""
    beside = ""
    for torchaudios in times[2:]:
        seconds = in_s(torchaudios, 3)
        beside = str(Ratio.of(torchaudios, ours))
    cells = [
        *about,
        in_s(librosas, 3),
        seconds,
        in_s(ours, 3),
        str(Ratio.of(librosas, ours)),
        beside,
        f"{difference:.3f} %",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        nargs="+",
        default=[30.0, 180.0],
        help="lengths of the audio",
    )
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1], help="numbers of threads"
    )
    arguments = parser.parse_args()
    with torch.inference_mode():
        table = "\n".join(rows(arguments.runs, arguments.seconds, arguments.threads))
    text = (
        f"Median of {arguments.runs} runs, taken in turns; × says how many times faster mirbricks is. The difference "
        "is the norm of the difference from librosa's values over the norm of librosa's. "
        f"torch {torch.__version__}, librosa {librosa.__version__}, {os.cpu_count()} cores."
    )
    publish(f"{table}\n\n{text}", arguments, "features")


if __name__ == "__main__":
    main()
