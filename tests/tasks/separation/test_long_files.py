"""Files of any length: one pass and chunks agree, and ten minutes of stereo need no more memory than one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import mirbricks as mb
from mirbricks.data.stores.wav_writer import written_wav
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.separation.chunks import chunks_of
from mirbricks.tasks.separation.estimating import estimates_of
from mirbricks.workflows.loading import load_experiment, load_run

SR_HZ = 44_100
TEN_MINUTES = 600 * SR_HZ + 17
MOST_MB = 1500
# Stereo at 22,050 Hz: a mask of a U-Net with one level, told what to separate.
GRAPH = """\
name: stereo_separation
input: {mix: B C=2 T, target: B K=2}
layers:
  - STFT: {n_fft: 1024, hop_length: 256}
  - StoreAs: spectrum
  - Conv2d: {out_channels: 16, kernel_size: 5, stride: 2, padding: 2}
  - FiLM: {with: target}
  - LeakyReLU
  - ConvTranspose2d: {out_channels: 4, kernel_size: 5, stride: 2, padding: 2, output_padding: 1}
  - Sigmoid
  - MulWith: {key: spectrum, fit: crop}
  - ISTFT: {n_fft: 1024, hop_length: 256, size_of: mix}
feature: {type: waveform, sr_hz: 22050, channels: 2}
dataset: {folds: 3}
task: {type: separation, targets: [low, high], patch_frames: 16384, losses: {snr: 1}}
train: {steps: 2, validate_every: 2, batch_size: 2}
"""
# The peak of this program itself: what `getrusage` reports begins with that of the process which started it.
ALONE = """\
import pathlib, sys
from mirbricks.cli import main
code = main(sys.argv[1:])
status = pathlib.Path("/proc/self/status").read_text()
print("peak", status.partition("VmHWM:")[2].split()[0])
sys.exit(code)
"""


@pytest.fixture(scope="module")
def stereo_run(
    duos: Path, cache: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("stereo")
    (folder / "graph.yaml").write_text(GRAPH)
    out = folder / "run"
    mb.train(folder / "graph.yaml", duos, out, cache=cache, jobs=1, progress=False)
    return out


def song(start: int, stop: int) -> np.ndarray:
    """Samples of two glides, each to and fro between the sides."""
    time_s = np.arange(start, stop) / SR_HZ
    side = 0.5 + 0.4 * np.sin(0.7 * time_s)
    low = 0.2 * np.sin(2 * np.pi * 200 * time_s + np.sin(3 * time_s))
    high = 0.2 * np.sin(2 * np.pi * 1200 * time_s + np.sin(2 * time_s))
    return np.float32([low * side + high * (1 - side), low * (1 - side) + high * side])


@pytest.mark.parametrize("rate_hz", [22_050, SR_HZ])
@pytest.mark.parametrize("more", [{}, {"sum_to_mix": True}])
def test_chunks_equal_one_pass_over_the_whole_file(
    tmp_path: Path, rate_hz: int, more: dict[str, bool]
) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    experiment = load_experiment(tmp_path / "graph.yaml")
    experiment.model.eval()
    separator = experiment.task.separator(experiment.model)
    mix = torch.from_numpy(song(0, 150_001))
    found = {}
    for chunk in (1 << 14, 1 << 20):
        sizes = {"chunk_frames": chunk, "overlap": 0.1, **more}
        config = experiment.task.config.model_copy(update=sizes)
        pieces = estimates_of(
            separator,
            mix.split(30_000, dim=1),
            n_samples=150_001,
            from_hz=rate_hz,
            model_hz=22_050,
            n_channels=2,
            config=config,
        )
        found[chunk] = torch.cat(list(pieces), dim=2)
        assert found[chunk].shape == (2, 2, 150_001)
    # The overlap asked for is less than what the graph sees, and was raised to it.
    assert chunks_of(experiment.model, 1 << 14, 1638)[1] > 2000
    chunks, whole = found.values()
    assert whole.abs().max() > 0.01
    torch.testing.assert_close(chunks, whole, rtol=0, atol=1e-4)


def test_the_zoos_model_gives_in_chunks_what_it_gives_in_one_pass() -> None:
    experiment, _ = load_run(RunFolder.open("zoo:separation_bach10"))
    mix = torch.from_numpy(song(0, 450_001)[:1])
    found = []
    # Its own chunks, and one that is longer than the recording.
    for chunk in (experiment.task.config.chunk_frames, 1 << 20):
        sizes = {"chunk_frames": chunk}
        pieces = estimates_of(
            experiment.task.separator(experiment.model),
            [mix],
            n_samples=450_001,
            from_hz=22_050,
            model_hz=22_050,
            n_channels=1,
            config=experiment.task.config.model_copy(update=sizes),
            asked=["violin"],
        )
        found.append(torch.cat(list(pieces), dim=2))
    chunks, whole = found
    assert whole.shape == (1, 1, 450_001)
    torch.testing.assert_close(chunks, whole, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak is read from /proc"
)
def test_ten_minutes_of_stereo_in_bounded_memory(
    stereo_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "song.wav"
    # The same eleven seconds again and again, as making ten minutes takes as long as separating some of them.
    block = song(0, 500_000)
    with written_wav(path, SR_HZ, 2) as file:
        for start in range(0, TEN_MINUTES, 500_000):
            file.write(block[:, : TEN_MINUTES - start])
    out = tmp_path / "out"
    words = ["separate", str(stereo_run), str(path), "--out", str(out), "--sum-to-mix"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    peak_mb = int(done.stdout.split("peak ")[1]) / 1024
    assert peak_mb < MOST_MB

    # As long as the file to the sample, and together the file itself, wherever one looks.
    for target in ("low", "high"):
        info = soundfile.info(out / f"{target}.wav")
        assert (info.frames, info.channels, info.samplerate) == (TEN_MINUTES, 2, SR_HZ)
    for start in (0, TEN_MINUTES // 3, TEN_MINUTES - 5000):
        parts = [
            soundfile.read(out / f"{target}.wav", start=start, frames=5000)[0]
            for target in ("low", "high")
        ]
        wanted = block[:, np.arange(start, start + 5000) % 500_000]
        np.testing.assert_allclose(np.sum(parts, axis=0).T, wanted, atol=1e-5)
