"""A small corpus of mixes with their stems: low tones, high tones, and noise in one piece only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mirbricks as mb
from mirbricks.data.corpus import Corpus, Item
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.features.cache import FeatureCache
from mirbricks.workflows.experiment import Experiment
from mirbricks.workflows.loading import load_experiment

SR_HZ = 4000
N_SAMPLES = 6001
GRAPH = """\
name: tiny_separation
input: {mix: B C=1 T, target: B K=2}
layers:
  - StartFrom: target
  - Linear: {name: control, out_features: 65}
  - Sigmoid
  - UnSqueeze: {dim: 1}
  - UnSqueeze: {dim: 3}
  - StoreAs: mask
  - StartFrom: mix
  - STFT: {n_fft: 128, hop_length: 32}
  - MulWith: mask
  - ISTFT: {n_fft: 128, hop_length: 32, size_of: mix}
feature: {type: waveform, sr_hz: 4000}
dataset: {folds: 3}
task: {type: separation, targets: [low, high], patch_frames: 1024, losses: {snr: 1}}
train: {steps: 80, validate_every: 40, batch_size: 4, lr: 0.3}
"""


def stem(kind: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Notes of .25 s with rests: low ones around 200 Hz, high ones around 1200 Hz, or noise."""
    if kind == "noise":
        return np.float32(0.05 * rng.standard_normal(N_SAMPLES))
    base_hz = {"low": 200.0, "high": 1200.0}[kind]
    notes_hz = base_hz * 2.0 ** (rng.integers(-4, 5, 6) / 12)
    curve = np.repeat(notes_hz, 1001)[:N_SAMPLES]
    plays = np.repeat(rng.random(6) > 0.2, 1001)[:N_SAMPLES]
    wave = np.sin(2 * np.pi * np.cumsum(curve) / SR_HZ + rng.uniform(0, 6))
    return np.float32(0.2 * wave * plays)


def on_side(kind: str, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, N) of (N,)."""
    left, right = {"low": (1.0, 0.2), "high": (0.2, 1.0)}.get(kind, (0.5, 0.5))
    return np.stack([np.float32(left) * wave, np.float32(right) * wave])


def write_corpus(
    folder: Path,
    names: Mapping[str, str] | None = None,
    *,
    stems: bool = True,
    sides: bool = False,
) -> Path:
    """Three pieces; `names` are other words for what stems are; without `stems` the mixes only.

    With `sides` in two channels: low stems are louder on the left, high ones on the right.
    """
    audio = []
    entries = []
    names = names or {}
    for piece in range(3):
        rng = np.random.default_rng(piece)
        kinds = ["low", "high"] + (["noise"] if piece == 1 else [])
        waves = {kind: stem(kind, rng) for kind in kinds}
        if sides:
            waves = {kind: on_side(kind, wave) for kind, wave in waves.items()}
        mix = f"{piece}.wav"
        audio.append((mix, np.sum(list(waves.values()), axis=0), SR_HZ))
        entries.append(Entry({"filepath": (Atom(mix),)}))
        for kind, wave in waves.items() if stems else ():
            key = f"{piece}-{kind}.wav"
            audio.append((key, wave, SR_HZ))
            own = {
                "stem_of": (Atom(mix),),
                "instrument": (Atom(names.get(kind, kind)),),
            }
            entries.append(Entry({"filepath": (Atom(key),), **own}))
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        "stem_of": Definition("global", "text"),
        "instrument": Definition("global", "text"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_audio(folder / "duos_audio.hdf5", audio)
    Pyjama(definitions, entries).save(folder / "duos.pyjama")
    return folder


def prepared(
    text: str, folder: Path, corpus: Path, cache: str
) -> tuple[Experiment, Sequence[Item], FeatureCache]:
    """An experiment with weights as they are drawn, the recordings of a corpus, and their features."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "graph.yaml").write_text(text)
    experiment = load_experiment(folder / "graph.yaml")
    items = Corpus.open(corpus).items
    features = FeatureCache(Path(cache), experiment.feature)
    assert features.build(items, n_jobs=1) == []
    return experiment, items, features


@pytest.fixture(scope="session")
def duos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("duos"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def run(duos: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditioned graph, trained on the first fold."""
    folder = tmp_path_factory.mktemp("separation")
    (folder / "graph.yaml").write_text(GRAPH)
    out = folder / "run"
    mb.train(folder / "graph.yaml", duos, out, cache=cache, jobs=1, progress=False)
    return out
