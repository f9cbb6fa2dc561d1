from __future__ import annotations

import pickle
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import DataError, ErrorList

ONE_SECOND = np.zeros(8000, np.float32)
GLOBAL, SEGMENT = Definition("global", "text"), Definition("segment", "numeric")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in, so that messages hold no path of this machine."""
    monkeypatch.chdir(tmp_path)


def make(
    audio: list[str],
    notes: dict[str, dict[str, Any]] | None = None,
    extra: tuple[str, ...] = (),
) -> Path:
    """Write the corpus 'c' in the folder 'data': keys with audio of one second, key -> annotations."""
    entries = [
        Entry(
            {"filepath": (Atom(key),)}
            | {
                n: (Atom(v),) if isinstance(v, str) else v
                for n, v in annotations.items()
            }
        )
        for key, annotations in (
            notes if notes is not None else {key: {} for key in audio}
        ).items()
    ]
    definitions = {
        "filepath": GLOBAL,
        "piece": GLOBAL,
        "note": SEGMENT,
    } | dict.fromkeys(extra, GLOBAL)
    write_audio("data/c_audio.hdf5", [(key, ONE_SECOND, 8000) for key in audio])
    Pyjama(definitions, entries).save("data/c.pyjama")
    return Path("data")


def refused(folder: str | Path = "data") -> str:
    with pytest.raises((DataError, ErrorList)) as error:
        Corpus.open(folder)
    return str(error.value)


def test_bach10(bach10: Path) -> None:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        corpus = Corpus.open(bach10)
        best = min(best, time.process_time() - start)
    assert best < 1.0
    mixes = [item for item in corpus.items if item.stem_of is None]
    assert (
        corpus.name,
        len(corpus),
        len(mixes),
        len({item.group for item in corpus.items}),
    ) == ("bach10", 50, 10, 10)
    assert list(corpus) == list(corpus.recordings)
    for mix in mixes:
        stems = [item for item in corpus.items if item.stem_of == mix.key]
        assert [stem.key.rpartition("-")[2] for stem in stems] == [
            "violin.wav",
            "clarinet.wav",
            "saxphone.wav",
            "bassoon.wav",
        ]
        assert {stem.group for stem in stems} == {mix.group}
        values, times_s = mix.entry.breakpoints("f0multi")
        assert values.shape == (4, len(times_s))
        assert times_s[-1] < mix.duration_s
    audio, sr_hz = mixes[0].read(0, 22050)
    assert (audio.shape, audio.dtype, sr_hz) == ((22050,), np.float32, 22050)


def test_maps_is_grouped_by_piece(data_root: Path) -> None:
    corpus = Corpus.open(data_root / "maps")
    assert len(corpus) == 60
    assert all(
        item.group == item.entry.first("piece") and item.stem_of is None
        for item in corpus.items
    )


def test_items_pickle_small_and_read_after_it() -> None:
    corpus = Corpus.open(make(["a.wav", "b.wav"]))
    corpus.items[0].read()
    data = pickle.dumps(corpus.items)
    assert len(data) < 2000
    again = pickle.loads(data)
    assert again == corpus.items
    assert hash(again[0]) == hash(corpus.items[0])
    np.testing.assert_array_equal(again[1].read(10, 20)[0], ONE_SECOND[10:20])
    assert again[0].source == Path("data/c_audio.hdf5")


def test_stems_by_name() -> None:
    keys = [
        "a.wav",
        "a-violin.wav",
        "a-violin-2.wav",
        "a-b.wav",
        "a-b-cello.wav",
        "ab.wav",
        "-x.wav",
        "a-.wav",
    ]
    corpus = Corpus.open(make(keys))
    assert {item.key: item.stem_of for item in corpus.items} == {
        "a.wav": None,
        "a-violin.wav": "a.wav",
        "a-violin-2.wav": "a-violin.wav",
        "a-b.wav": "a.wav",
        "a-b-cello.wav": "a-b.wav",
        "ab.wav": None,
        "-x.wav": None,
        "a-.wav": None,
    }
    assert {item.group for item in corpus.items} == {
        "a.wav",
        "ab.wav",
        "-x.wav",
        "a-.wav",
    }


def test_stems_by_annotation_overrule_names() -> None:
    notes = {"a.wav": {"piece": "P"}, "a-live.wav": {}, "x.wav": {"stem_of": "a.wav"}}
    corpus = Corpus.open(make(list(notes), notes, extra=("stem_of",)))
    assert [(i.key, i.stem_of, i.group) for i in corpus.items] == [
        ("a.wav", None, "P"),
        ("a-live.wav", None, "a-live.wav"),
        ("x.wav", "a.wav", "P"),
    ]


def test_two_items_that_are_stems_of_each_other_still_have_a_group() -> None:
    notes = {"a": {"stem_of": "b"}, "b": {"stem_of": "a"}}
    assert len(Corpus.open(make(list(notes), notes, extra=("stem_of",)))) == 2


def test_unknown_mix() -> None:
    notes = {"a.wav": {}, "b.wav": {"stem_of": "a.waw"}, "c.wav": {"stem_of": "c.wav"}}
    make(list(notes), notes, extra=("stem_of",))
    assert refused() == (
        "'b.wav' is a stem of 'a.waw', which is not another item of the corpus\n"
        "  help: did you mean 'a.wav' or 'c.wav'?     [E413]\n\n"
        "'c.wav' is a stem of 'c.wav', which is not another item of the corpus\n"
        "  help: did you mean 'b.wav' or 'a.wav'?     [E413]\n\n"
        "2 errors"
    )


def test_unknown_item() -> None:
    with pytest.raises(DataError) as error:
        Corpus.open(make(["a.wav"]))["a.wave"]
    assert (
        str(error.value)
        == "the corpus 'c' has no item 'a.wave'\n  help: did you mean 'a.wav'?     [E402]"
    )


def test_no_corpus() -> None:
    assert refused("nowhere") == (
        "there is no folder 'nowhere'\n  help: give the folder of NAME_audio.hdf5 and NAME.pyjama     [E410]"
    )
    folder = make(["a.wav"])
    (folder / "c.pyjama").rename(folder / "d.pyjama")
    assert refused() == (
        "'data' holds no corpus: expected NAME_audio.hdf5 or NAME_feat.hdf5 and, of the same NAME, NAME.pyjama\n"
        "  *_audio.hdf5  c_audio.hdf5\n  *.pyjama      d.pyjama\n"
        "  help: rename them so that both begin with the same NAME     [E410]"
    )
    (folder / "c_audio.hdf5").unlink()
    assert "  *_audio.hdf5  none\n" in refused()


@pytest.mark.parametrize("locked", ["data", "data/c.pyjama", "data/c_audio.hdf5"])
def test_what_may_not_be_read(locked: str, unprivileged: Any) -> None:
    make(["a.wav"])
    Path("data").chmod(0o755)
    Path(locked).chmod(0)
    with unprivileged():
        message = refused()
    Path("data").chmod(0o755)
    assert message == (
        f"cannot read '{locked}': Permission denied\n"
        "  help: give yourself the right to read it, and to enter the folders above it     [E409]"
    )


def test_a_folder_of_audio_is_no_corpus() -> None:
    Path("sounds/rain").mkdir(parents=True)
    Path("sounds/rain/a.wav").touch()
    for folder in ("sounds", "sounds/rain"):
        assert str(refused(folder)).endswith(
            f"  help: `mirbricks data import KIND '{folder}' --out DIR` makes a corpus of audio files; "
            "`mirbricks data kinds` lists the kinds     [E410]"
        )
    Path("sounds/rain/c.pyjama").touch()
    assert str(refused("sounds")).endswith(
        "  help: did you mean 'sounds/rain'?     [E410]"
    )


def test_several_corpora() -> None:
    folder = make(["a.wav"])
    shutil.copy(folder / "c.pyjama", folder / "d.pyjama")
    assert len(Corpus.open(folder)) == 1  # a .pyjama without audio is no second corpus
    shutil.copy(folder / "c_audio.hdf5", folder / "d_audio.hdf5")
    assert refused() == (
        "'data' holds 2 corpora, expected one\n  *_audio.hdf5  c_audio.hdf5, d_audio.hdf5\n"
        "  *.pyjama      c.pyjama, d.pyjama\n  help: one folder a corpus     [E410]"
    )


def test_keys_in_one_file_only_are_named_in_both_directions() -> None:
    make(["same.wav", "first.wav"], {"same.wav": {}, "frist.wav": {}})
    assert refused() == (
        "1 key of 'c.pyjama' not in 'c_audio.hdf5': 'frist.wav'\n  help: did you mean 'first.wav'?     [E411]\n\n"
        "1 key of 'c_audio.hdf5' not in 'c.pyjama': 'first.wav'\n  help: did you mean 'frist.wav'?     [E411]\n\n"
        "2 errors"
    )
    make([f"{i}.wav" for i in range(8)], {"0.wav": {}})
    assert refused() == (
        "7 keys of 'c_audio.hdf5' not in 'c.pyjama': '1.wav', '2.wav', '3.wav', '4.wav', '5.wav' and 2 more\n"
        "  help: add to 'c.pyjama' what is missing, or remove it from 'c_audio.hdf5'     [E411]"
    )


def test_annotation_past_the_end() -> None:
    fine = {"note": (Atom(60, 0.5, 0.599), Atom(60, 0.1, 0.1))}
    assert len(Corpus.open(make(["a"], {"a": fine}))) == 1
    make(
        ["a", "b"],
        {
            "a": {"note": (Atom(60, 0.5, 0.75), Atom(60, 0.75, 0.1))},
            "b": {"note": (Atom(1, 2.0, 0),)},
        },
    )
    assert refused() == (
        "annotation 'note' of 'a' ends at 1.250 s, its audio at 1.000 s\n"
        "  audio  8000 samples at sr_hz = 8000\n"
        "  b      'note' ends at 2.000 s, audio at 1.000 s\n"
        "  help: check that the annotation belongs to this audio, and its 'sr_hz'     [E412]"
    )
    make(list("abcdefg"), {key: {"note": (Atom(60, 2.0, 0),)} for key in "abcdefg"})
    assert "  more   2 others\n" in refused()


def test_a_wrong_sampling_rate_shows_as_annotations_past_the_end() -> None:
    make(["a"], {"a": {"note": (Atom(60, 0.5, 0.5),)}})
    with h5py.File("data/c_audio.hdf5", "r+") as file:
        file["a"].attrs["sr_hz"] = 16000
    assert "16000" in refused()
    assert "[E412]" in refused()


def test_every_unusable_key_is_named() -> None:
    make(["a", "b", "c"])
    with h5py.File("data/c_audio.hdf5", "r+") as file:
        file["a"].attrs["sr_hz"] = 0
        del file["c"]
        file["c"] = np.zeros((2, 2, 2))
    with pytest.raises(ErrorList) as error:
        Corpus.open("data")
    assert [one.code for one in error.value.errors] == ["E404", "E403"]


def test_opening_reads_no_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(["a.wav"])

    def read(*_: object) -> None:
        raise AssertionError("audio was read")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", read)
    corpus = Corpus.open(folder)
    with pytest.raises(AssertionError, match="audio was read"):
        corpus.items[0].read()


def test_in_and_index_agree() -> None:
    corpus = Corpus.open(make(["song.wav", "other.flac"]))
    for item in corpus:
        assert item.key in corpus
        assert item in corpus
        assert corpus[item.key] is item
    for other in ("absent.wav", "", 0, None, ["a.wav"]):
        assert other not in corpus
        with pytest.raises(DataError, match="E402"):
            corpus[other]  # type: ignore[index]  # what a user may write


def test_a_key_without_its_ending_is_proposed() -> None:
    corpus = Corpus.open(make(["song.wav", "other.flac"]))
    for item in corpus:
        with pytest.raises(DataError) as caught:
            corpus[Path(item.key).stem]
        assert caught.value.help == f"did you mean '{item.key}'?"
        with pytest.raises(DataError) as caught:
            corpus[f"music/of mine/{item.key}"]
        assert caught.value.help == f"did you mean '{item.key}'?"
        with pytest.raises(DataError) as caught:
            corpus[Path("music") / item.key]  # type: ignore[index]  # what a user may write
        assert caught.value.help == f"did you mean '{item.key}'?"
    keys = ", ".join(f"'{item.key}'" for item in corpus)
    with pytest.raises(DataError) as caught:
        corpus["something else altogether"]
    assert caught.value.help == f"there are {keys}"


def test_of_many_keys_the_first_are_named() -> None:
    corpus = Corpus.open(make([f"{i}.wav" for i in range(5)]))
    with pytest.raises(DataError) as caught:
        corpus["something else altogether"]
    assert caught.value.help == (
        "there are '0.wav', '1.wav', '2.wav', ... (5); "
        "`[item.key for item in corpus]` lists all"
    )


def test_a_recording_is_not_its_key() -> None:
    corpus = Corpus.open(make(["song.wav"]))
    item = corpus["song.wav"]
    with pytest.raises(DataError) as caught:
        corpus[item]  # type: ignore[index]  # what a user may write
    assert str(caught.value) == (
        "recordings are found by key, which is text, got the recording 'song.wav'\n"
        "  help: it is what you look for: `recording.read()`; its key is `recording.key`     [E402]"
    )
    other = replace(item, key="another.wav")
    with pytest.raises(DataError, match=r"of another corpus; there are 'song.wav'"):
        corpus[other]  # type: ignore[index]  # what a user may write


def test_a_number_is_not_a_key_and_the_help_works() -> None:
    corpus = Corpus.open(make(["song.wav", "other.flac"]))
    with pytest.raises(DataError) as caught:
        corpus[0]  # type: ignore[index]  # what a user may write
    assert str(caught.value) == (
        "recordings are found by key, which is text, got 0\n"
        "  help: by number: `corpus.items[0]`; all: `for item in corpus`     [E402]"
    )
    assert corpus.items[0].key in corpus


def test_repr_is_one_line_with_the_number_of_recordings() -> None:
    corpus = Corpus.open(make(["song.wav", "other.flac"]))
    n = len(corpus)
    assert repr(corpus) == (
        f"<Corpus '{corpus.name}' in '{corpus.folder}': {n} recording{'' if n == 1 else 's'}>"
    )
