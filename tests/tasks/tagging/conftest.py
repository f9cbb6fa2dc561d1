"""A corpus that can be heard apart at once: low and high tones, and both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio

SR_HZ = 8000
HZ = {"low": 220.0, "high": 1760.0, "middle": 660.0}


@pytest.fixture
def tones(tmp_path: Path) -> Callable[..., Corpus]:
    """tones({key: labels}, seconds=1.0): recordings whose labels sound in them."""

    def make(labels: dict[str, list[str]], seconds: float = 1.0) -> Corpus:
        rng = np.random.default_rng(0)
        time_s = np.arange(int(seconds * SR_HZ)) / SR_HZ
        audio, entries = [], []
        for key, own in labels.items():
            sound = 0.01 * rng.standard_normal(len(time_s))
            sound += sum(
                np.sin(2 * np.pi * HZ[label] * rng.uniform(0.97, 1.03) * time_s)
                for label in own
            )
            audio.append((key, (0.2 * sound).astype(np.float32), SR_HZ))
            entries.append(
                Entry(
                    {
                        "filepath": (Atom(key),),
                        "tag": tuple(Atom(label) for label in own),
                    }
                )
            )
        write_audio(tmp_path / "tones_audio.hdf5", iter(audio))
        text = Definition("global", "text")
        Pyjama({"filepath": text, "tag": text}, entries).save(tmp_path / "tones.pyjama")
        return Corpus.open(tmp_path)

    return make
