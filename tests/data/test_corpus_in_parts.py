"""A corpus whose audio or features lie in several files: one corpus, and what does not belong together."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.check import check_corpus
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio, write_features
from mirbricks.errors import DataError

SR_HZ = 8000
KEYS = ("d.wav", "a.wav", "c.wav", "b.wav")  # in the order of the annotations
PARTS = (("b.wav", "d.wav"), (), ("a.wav", "c.wav"))


def wave(key: str) -> np.ndarray:
    rng = np.random.default_rng(ord(key[0]))
    return (rng.standard_normal(800) / 9).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four recordings in three parts, one of which is empty."""
    monkeypatch.chdir(tmp_path)
    for number, keys in enumerate(PARTS, 1):
        path = f"songs/songs_audio-0000{number}-of-00003.hdf5"
        write_audio(path, [(key, wave(key), SR_HZ) for key in keys])
    entries = [Entry({"filepath": (Atom(key),)}) for key in KEYS]
    Pyjama({"filepath": Definition("global", "text", "filepath")}, entries).save(
        "songs/songs.pyjama"
    )
    return Path("songs")


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        Corpus.open(folder)
    # What `data check` reports first is what stops every other command.
    assert str(check_corpus(folder).problems[0]) == str(caught.value)
    return str(caught.value)


def test_parts_are_one_corpus_in_the_order_of_its_annotations(folder: Path) -> None:
    corpus = Corpus.open(folder)
    assert (corpus.name, tuple(item.key for item in corpus)) == ("songs", KEYS)
    for item in corpus.items:
        again = pickle.loads(pickle.dumps(item))
        np.testing.assert_array_equal(again.read()[0], wave(item.key))
    # What `order: parts` goes by.
    names = [item.source.name for item in corpus.items]
    first, last = "songs_audio-00001-of-00003.hdf5", "songs_audio-00003-of-00003.hdf5"
    assert names == [first, last, last, first]
    assert [str(one) for one in check_corpus(folder).problems] == []

    # In one file it is the same corpus.
    shutil.copytree(folder, "whole")
    for path in Path("whole").glob("*.hdf5"):
        path.unlink()
    write_audio("whole/songs_audio.hdf5", [(key, wave(key), SR_HZ) for key in KEYS])
    assert Corpus.open("whole").fingerprint == corpus.fingerprint


def test_features_may_lie_in_parts_beside_whole_audio(folder: Path) -> None:
    for number, keys in enumerate(PARTS, 1):
        rows = [(key, np.full((5, 2), ord(key[0])), {"hop_s": 0.02}) for key in keys]
        write_features(folder / f"songs_feat-0000{number}-of-00003.hdf5", iter(rows))
    corpus = Corpus.open(folder)
    assert tuple(item.key for item in corpus.given_features) == KEYS
    assert [item.read()[0, 0] for item in corpus.features] == [ord(k[0]) for k in KEYS]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_opening_leaves_no_part_open(folder: Path) -> None:
    corpus = Corpus.open(folder)
    assert open_parts() == []
    corpus.items[0].read()
    assert open_parts() == ["songs_audio-00001-of-00003.hdf5"]


def open_parts() -> list[str]:
    """The files of the corpus that this process has open."""
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        try:
            found.add(one.readlink())
        except OSError:  # the handle that lists the folder
            continue
    return sorted(one.name for one in found if one.parent == Path("songs").resolve())


def test_a_part_that_is_missing(folder: Path) -> None:
    (folder / "songs_audio-00002-of-00003.hdf5").unlink()
    assert refused(folder) == (
        "'songs' does not hold the 3 parts of 'songs_audio.hdf5', each once\n"
        "  missing  songs_audio-00002-of-00003.hdf5\n"
        "  help: bring the missing parts, or write the file again in as many parts as it is to have     [E472]"
    )
    (folder / "songs_audio-00001-of-00003.hdf5").rename(
        folder / "songs_audio-00004-of-00003.hdf5"
    )
    assert "  unknown  songs_audio-00004-of-00003.hdf5\n" in refused(folder)


@pytest.mark.parametrize(
    "other", ["songs_audio.hdf5", "songs_audio-00001-of-00002.hdf5"]
)
def test_two_divisions_of_one_file(folder: Path, other: str) -> None:
    shutil.copy(folder / "songs_audio-00001-of-00003.hdf5", folder / other)
    there = sorted(path.name for path in folder.glob("*.hdf5"))
    assert refused(folder) == (
        "'songs' holds 'songs_audio.hdf5' more than once\n"
        f"  there  {', '.join(there)}\n"
        "  help: keep the whole file or the parts of one division, and move the others elsewhere     [E472]"
    )


def test_a_recording_in_two_parts(folder: Path) -> None:
    write_audio(
        folder / "songs_audio-00002-of-00003.hdf5", [("a.wav", wave("a"), SR_HZ)]
    )
    assert refused(folder) == (
        "'a.wav' is in 'songs_audio-00002-of-00003.hdf5' and in 'songs_audio-00003-of-00003.hdf5'\n"
        "  help: a recording lies in one part: remove it from the other     [E407]"
    )


def test_a_recording_in_no_part(folder: Path) -> None:
    write_audio(
        folder / "songs_audio-00003-of-00003.hdf5", [("c.wav", wave("c"), SR_HZ)]
    )
    assert refused(folder) == (
        "1 key of 'songs.pyjama' not in 'songs_audio-*.hdf5': 'a.wav'\n"
        "  help: add to 'songs_audio-*.hdf5' what is missing, or remove it from 'songs.pyjama'     [E411]"
    )
