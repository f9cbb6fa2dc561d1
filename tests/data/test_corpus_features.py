"""Corpora of features, without audio or beside it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import FeatureStore, write_audio, write_features
from mirbricks.errors import DataError

FRAMES = np.arange(20, dtype=np.float32).reshape(10, 2)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(chord: tuple[Atom, ...] = (), **attributes: Any) -> Path:
    write_features(
        "data/c_feat.hdf5",
        [("a", FRAMES, attributes), ("b", FRAMES[:1], {"hop_s": 1.0})],
    )
    definitions = {
        "filepath": Definition("global", "text"),
        "chord": Definition("segment", "text"),
    }
    entries = [
        Entry({"filepath": (Atom("a"),), "chord": chord}),
        Entry({"filepath": (Atom("b"),)}),
    ]
    Pyjama(definitions, entries).save("data/c.pyjama")
    return Path("data")


def test_a_corpus_of_features() -> None:
    corpus = Corpus.open(make(hop_s=0.5, t0_s=0.25, scale=2.0))
    first = corpus.features[0]
    assert (len(corpus), corpus.recordings) == (2, corpus.features)
    assert (first.key, first.n_frames, first.n_features, first.duration_s) == (
        "a",
        10,
        2,
        5.25,
    )
    np.testing.assert_array_equal(first.times_s, 0.25 + 0.5 * np.arange(10))
    np.testing.assert_array_equal(first.read(2, 4), FRAMES[2:4] * 2)
    assert first.source == Path("data/c_feat.hdf5")
    assert len(pickle.dumps(corpus.features)) < 2000
    assert pickle.loads(pickle.dumps(corpus.features)) == corpus.features
    with pytest.raises(DataError) as error:
        corpus.items  # noqa: B018
    assert str(error.value) == (
        "the corpus 'c' holds features and no audio\n  there    c_feat.hdf5\n  missing  c_audio.hdf5\n"
        "  help: take a corpus with audio, or a graph and a task that read these features     [E415]"
    )


def test_audio_and_features_beside_one_another() -> None:
    make(hop_s=0.5)
    write_audio(
        "data/c_audio.hdf5",
        [(key, np.zeros(8000 * 6, np.float32), 8000) for key in ("a", "b")],
    )
    corpus = Corpus.open("data")
    assert (
        [item.key for item in corpus.items]
        == [item.key for item in corpus.features]
        == ["a", "b"]
    )
    assert corpus.recordings == corpus.items
    Path("data/c_feat.hdf5").unlink()
    with pytest.raises(DataError) as error:
        Corpus.open("data").features  # noqa: B018
    assert str(error.value) == (
        "the corpus 'c' holds audio and no features\n  there    c_audio.hdf5\n  missing  c_feat.hdf5\n"
        "  help: take a corpus with features, or a graph whose section 'feature' computes them from audio     [E415]"
    )


def test_times_of_each_frame() -> None:
    make(time=np.cumsum(np.ones(10)) / 4)
    store = FeatureStore("data/c_feat.hdf5")
    np.testing.assert_array_equal(store.times_s("a"), np.arange(1, 11) / 4)
    assert Corpus.open("data").features[0].duration_s == 2.75
    make()
    assert FeatureStore("data/c_feat.hdf5").times_s("a") is None
    assert Corpus.open("data").features[0].duration_s is None
    assert Corpus.open("data").features[0].times_s is None


@pytest.mark.parametrize(
    ("attributes", "facts"),
    [
        ({"hop_s": 0.0}, "  hop_s  0.0\n"),
        (
            {"hop_s": "fast", "t0_s": 1.0},
            # It is not read: HDF5 may never come back from a text in a damaged file.
            "  hop_s  a text, or something else that is not a number\n  t0_s   1.0\n",
        ),
        ({"hop_s": float("nan")}, "  hop_s  nan\n"),
        ({"time": np.arange(9.0)}, "  time  shape (9,)\n"),
        ({"time": np.zeros(10)}, "  time  shape (10,)\n"),
    ],
)
def test_wrong_times(attributes: dict[str, Any], facts: str) -> None:
    make(**attributes)
    with pytest.raises(DataError) as error:
        Corpus.open("data")
    assert str(error.value) == (
        f"the attributes of 'a' of 'data/c_feat.hdf5' do not say when its 10 frames are\n{facts}"
        "  help: write 'hop_s' (above 0) and 't0_s' in seconds, or 'time': a number for each frame, increasing"
        "     [E416]"
    )


def test_an_annotation_past_the_last_window() -> None:
    assert len(Corpus.open(make((Atom("C:maj", 0.0, 6.9),), hop_s=0.5))) == 2
    make((Atom("C:maj", 0.0, 7.5),), hop_s=0.5)
    with pytest.raises(DataError) as error:
        Corpus.open("data")
    assert str(error.value) == (
        "annotation 'chord' of 'a' ends at 7.500 s, its features at 5.000 s\n  features  10 frames\n"
        "  help: check that the annotation belongs to these features, and its times     [E412]"
    )


def test_the_real_ones(data_root: Path) -> None:
    billboard, covers = (
        Corpus.open(data_root / name) for name in ("billboard", "covers80")
    )
    assert (len(billboard), len(covers)) == (580, 80)
    assert {item.n_features for item in billboard.features} == {24}
    assert len({item.group for item in covers.features}) == 40  # works, each twice
    beat_times_s = covers.features[0].times_s
    assert beat_times_s is not None
    assert beat_times_s.shape == (covers.features[0].n_frames,)
    assert 0 < billboard.features[0].read(0, 50).max() < 100
