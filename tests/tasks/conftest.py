"""A small corpus of tones with exact pitches, and its features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mirbricks.data.corpus import Corpus, Item
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import AudioStore, write_audio
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks.base import Batch
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig

SR_HZ = 8000
SMALL = HCQTFeatureConfig(
    sr_hz=SR_HZ,
    harmonics=(1, 2),
    fmin_hz=110,
    n_octaves=3,
    bins_per_octave=36,
    hop_length=160,
)
DEFINITIONS = {
    "filepath": Definition("global", "text", "filepath"),
    "stem_of": Definition("global", "text"),
    "f0": Definition("breakpoint", "numeric"),
    "f0multi": Definition("breakpoint", "numeric"),
    "pitchmidi": Definition("segment", "numeric"),
}


@dataclass(frozen=True)
class Prepared:
    """A corpus with its features in a cache."""

    corpus: Corpus
    cache: FeatureCache


@pytest.fixture
def make_item() -> Callable[..., Item]:
    """Items without audio: make_item(duration_s=1.0, f0=(values, times), pitchmidi=[(value, time, duration)])."""

    def make(
        key: str = "a.wav",
        duration_s: float = 1.0,
        stem_of: str | None = None,
        **annotations: Any,
    ) -> Item:
        atoms: dict[str, tuple[Atom, ...]] = {"filepath": (Atom(key),)}
        for name, content in annotations.items():
            if name == "pitchmidi":
                atoms[name] = tuple(Atom(*row) for row in content)
            else:
                values, times = (np.asarray(part).tolist() for part in content)
                atoms[name] = (Atom(values, times),) if times else ()
        n_samples = round(duration_s * SR_HZ)
        return Item(
            key, n_samples, SR_HZ, key, stem_of, Entry(atoms), AudioStore("no.hdf5")
        )

    return make


def tone(midi: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Five partials that follow `midi` (one value a 10 ms), silent where it is 0."""
    n = len(midi) * SR_HZ // 100
    curve = np.repeat(midi, SR_HZ // 100)
    phase = 2 * np.pi * np.cumsum(440.0 * 2.0 ** ((curve - 69) / 12)) / SR_HZ
    sound = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 4))
    return (0.1 * sound * (curve > 0)).astype(np.float32)[:n]


def entry(key: str, annotations: Mapping[str, Any]) -> Entry:
    return Entry({"filepath": (Atom(key),), **annotations})


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Three pieces of 3 s: two voices of 0.3 s notes with rests, the mix the sum of the two stems."""
    folder = tmp_path_factory.mktemp("tones")
    times = 0.005 + 0.01 * np.arange(300)
    audio: list[tuple[str, NDArray[np.float32], int]] = []
    entries: list[Entry] = []
    for piece in range(3):
        rng = np.random.default_rng(piece)
        voices = [
            np.repeat(rng.integers(low, low + 12, 10) * (rng.random(10) > 0.2), 30)
            for low in (48, 60)
        ]
        stems = [tone(voice.astype(float), rng) for voice in voices]
        mix = f"{piece}.wav"
        audio.append((mix, stems[0] + stems[1], SR_HZ))
        entries.append(
            entry(
                mix, {"f0multi": (Atom([v.tolist() for v in voices], times.tolist()),)}
            )
        )
        for name, stem, voice in zip("ab", stems, voices, strict=True):
            audio.append((f"{piece}-{name}.wav", stem, SR_HZ))
            f0 = (Atom([voice.tolist()], times.tolist()),)
            entries.append(
                entry(f"{piece}-{name}.wav", {"stem_of": (Atom(mix),), "f0": f0})
            )
    write_audio(folder / "tones_audio.hdf5", audio)
    Pyjama(DEFINITIONS, entries).save(folder / "tones.pyjama")
    corpus = Corpus.open(folder)
    cache = FeatureCache(folder / "cache", SMALL)
    assert cache.build(corpus.items, n_jobs=1) == []
    return Prepared(corpus, cache)


@pytest.fixture
def small() -> HCQTFeatureConfig:
    return SMALL


@pytest.fixture
def make_task() -> Callable[..., MultiPitch]:
    """The task on the small feature, all augmentation off unless asked for."""
    plain: dict[str, Any] = {
        "transpose_bins": 0,
        "remix_probability": 0.0,
        "level_jitter_db": 0.0,
        "patch_frames": 32,
    }

    def make(**settings: Any) -> MultiPitch:
        return MultiPitch(MultiPitchConfig(**{**plain, **settings}), SMALL)

    return make


@pytest.fixture
def joined() -> Callable[[Callable[[int], Batch]], Callable[[int], Batch]]:
    """What makes one process's batches of those that two would have at a step, one beside the other."""

    def of_both(batch: Callable[[int], Batch]) -> Callable[[int], Batch]:
        def both(step: int) -> Batch:
            one, other = batch(2 * step), batch(2 * step + 1)
            named = {}
            for name, values in one.named.items():
                named[name] = torch.cat((values, other.named[name]))
            targets = torch.cat((one.targets, other.targets))
            return Batch((), targets, one.items + other.items, named=named)

        return both

    return of_both
