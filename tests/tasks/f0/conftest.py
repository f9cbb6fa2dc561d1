"""A corpus of one voice: single notes, notes one after another and curves, and a small feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.features.cache import FeatureCache
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.tasks.f0 import F0Config, F0Estimation

SR_HZ = 8000
NOTE_S = 0.6
SMALL = CQTFeatureConfig(
    sr_hz=SR_HZ,
    fmin_hz=65.4,
    n_octaves=5,
    bins_per_octave=36,
    hop_length=80,
    gamma_hz=10.0,
)
DEFINITIONS = {
    "filepath": Definition("global", "text", "filepath"),
    "pitchmidi": Definition("global", "numeric"),
}


class Peaky(nn.Module):
    """A bin with its second and third harmonic, weighed: equivariant by its form, and three weights to learn."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, (115, 1), padding=(57, 0))
        self.head = nn.Conv2d(4, 1, (115, 1), padding=(57, 0))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.conv(x)))


def harmonics(midi: float, duration_s: float) -> NDArray[np.float32]:
    """A tone of four partials that begins and ends in 80 ms of silence."""
    time_s = np.arange(round(duration_s * SR_HZ)) / SR_HZ
    hz = 440.0 * 2.0 ** ((midi - 69) / 12)
    sound = sum(np.sin(2 * np.pi * k * hz * time_s) / k for k in range(1, 5))
    sounding = (time_s > 0.08) & (time_s < duration_s - 0.08)
    return (0.1 * sound * sounding).astype(np.float32)


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, FeatureCache]:
    """Twelve single notes of one pitch each, which is annotated for the whole recording."""
    folder = tmp_path_factory.mktemp("notes")
    audio = []
    entries = []
    for midi in range(48, 72, 2):
        key = f"{midi}.wav"
        audio.append((key, harmonics(midi, NOTE_S), SR_HZ))
        atoms: dict[str, Any] = {"filepath": (Atom(key),), "pitchmidi": (Atom(midi),)}
        entries.append(Entry(atoms))
    write_audio(folder / "notes_audio.hdf5", audio)
    Pyjama(DEFINITIONS, entries).save(folder / "notes.pyjama")
    corpus = Corpus.open(folder)
    cache = FeatureCache(folder / "cache", SMALL)
    assert cache.build(corpus.items, n_jobs=1) == []
    return corpus, cache


@pytest.fixture
def small_cqt() -> CQTFeatureConfig:
    return SMALL


@pytest.fixture
def make_f0() -> Callable[..., F0Estimation]:
    """The task on the small feature."""

    def make(**settings: Any) -> F0Estimation:
        return F0Estimation(F0Config(**settings), SMALL)

    return make


@pytest.fixture
def peaky() -> nn.Module:
    return Peaky()
