"""A corpus of works: each a melody of its own in chroma, its versions transposed, at other tempi, with noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_features

Make = Callable[..., Corpus]


@pytest.fixture
def covers(tmp_path: Path) -> Make:
    """covers([2, 2, 1]): works with so many versions; keys are "WORK-VERSION", works "w0", "w1", ..."""

    def make(
        versions: Sequence[int],
        n_frames: int = 80,
        *,
        works: bool = True,
        folder: str = "covers",
    ) -> Corpus:
        features, entries = [], []
        for work, count in enumerate(versions):
            melody = np.random.default_rng(work).integers(0, 12, 16)
            for version in range(count):
                rng = np.random.default_rng((work, version))
                notes = np.repeat((melody + rng.integers(12)) % 12, n_frames // 16)
                chroma = np.eye(12, dtype=np.float32)[notes] + 0.1 * rng.random(
                    (len(notes), 12), np.float32
                )
                features.append((f"{work}-{version}", chroma, {}))
                about = {
                    "filepath": (Atom(f"{work}-{version}"),),
                    "title": (Atom(f"song {work}"),),
                }
                entries.append(
                    Entry(about | ({"work-id": (Atom(f"w{work}"),)} if works else {}))
                )
        (tmp_path / folder).mkdir()
        write_features(tmp_path / folder / "covers_feat.hdf5", iter(features))
        text = Definition("global", "text")
        Pyjama({"filepath": text, "title": text, "work-id": text}, entries).save(
            tmp_path / folder / "covers.pyjama"
        )
        return Corpus.open(tmp_path / folder)

    return make
