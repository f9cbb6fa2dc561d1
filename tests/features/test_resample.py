"""Resampling against sines at the new rate, and the import of torchaudio with and without its extension."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mirbricks.features.resample import resample, resample_stream
from mirbricks.features.torchaudio_import import import_torchaudio


def sine(hz: float, sr_hz: int, n_samples: int) -> torch.Tensor:
    return torch.sin(
        2 * torch.pi * hz * torch.arange(n_samples, dtype=torch.float64) / sr_hz
    ).float()


@pytest.mark.parametrize("from_hz", [16000, 44100, 48000, 8000, 44099, 11127, 96001])
def test_a_sine_stays_a_sine(from_hz: int) -> None:
    wave = sine(1234.5, from_hz, from_hz)
    out = resample(torch.stack([wave, -wave]), from_hz, 22050)
    assert out.shape[0] == 2
    assert out.shape[1] == 22050
    inner = slice(500, 21500)
    torch.testing.assert_close(
        out[0, inner], sine(1234.5, 22050, 22050)[inner], rtol=0, atol=2e-3
    )
    torch.testing.assert_close(out[1], -out[0])


def test_what_the_new_rate_cannot_hold_is_removed() -> None:
    assert (
        resample(sine(12_000, 44100, 44100)[None], 44100, 22050)[:, 500:-500]
        .abs()
        .max()
        < 1e-3
    )


def test_the_same_rate_changes_nothing() -> None:
    wave = torch.randn(1, 100)
    assert resample(wave, 22050, 22050) is wave


def test_short_audio_keeps_at_least_a_sample() -> None:
    assert resample(torch.ones(1, 1), 44100, 22050).shape == (1, 1)


@pytest.mark.parametrize("from_hz", [44100, 48000, 16000, 8000, 22050, 44099])
@pytest.mark.parametrize("n_samples", [1, 300, 5000, 20001])
@pytest.mark.parametrize("chunk", [97, 4096, 30000])
def test_a_stream_is_the_whole(from_hz: int, n_samples: int, chunk: int) -> None:
    wave = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(n_samples))
    pieces = list(resample_stream(torch.split(wave, chunk, dim=1), from_hz, 22050))
    torch.testing.assert_close(
        torch.cat(pieces, dim=1), resample(wave, from_hz, 22050), rtol=0, atol=2e-6
    )


def test_a_stream_holds_little() -> None:
    """What is given out comes soon, so it need not be held."""
    given = 0
    for read, piece in enumerate(
        resample_stream((torch.zeros(1, 1000) for _ in range(100)), 44100, 22050), 1
    ):
        given += piece.shape[1]
        assert given > 500 * min(read, 100) - 200
    assert given == 50_000


def test_import_gives_a_working_module() -> None:
    torchaudio = import_torchaudio()
    assert import_torchaudio() is torchaudio
    assert torchaudio.functional.resample(torch.zeros(1, 100), 2, 1).shape == (1, 50)


BROKEN = """
import importlib.abc, sys

class Broken(importlib.abc.MetaPathFinder):
    # stands for a wheel whose extension does not fit this torch
    def find_spec(self, name, path=None, target=None):
        if name == "torchaudio._extension":
            raise {error}("libcudart.so.13: cannot open shared object file")

sys.meta_path.insert(0, Broken())
from mirbricks.features.torchaudio_import import import_torchaudio
torchaudio = import_torchaudio()
import torch, torchaudio as again
assert again is torchaudio
assert torchaudio.transforms.Resample(2, 1)(torch.zeros(1, 100)).shape == (1, 50)
assert torchaudio.transforms.MelSpectrogram(n_mels=8)(torch.zeros(1, 1000)).shape[1] == 8
print("works")
"""


@pytest.mark.parametrize("error", ["OSError", "RuntimeError"])
def test_import_works_around_an_extension_that_does_not_load(error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN.format(error=error)],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "works\n", done.stderr


def test_a_missing_torchaudio_is_still_an_import_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(ImportError):
        import_torchaudio()
