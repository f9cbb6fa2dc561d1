from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.splitting.store import make_split, store_split
from mirbricks.data.splitting.stored import by_annotation, by_fold, grouped_by, leaks
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import DataError

WORD, NUMBER = Definition("global", "text"), Definition("global", "numeric")


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """24 recordings of 12 pieces by 6 artists, four kinds."""
    monkeypatch.chdir(tmp_path)
    notes: dict[str, dict[str, Any]] = {
        f"{i:02d}.wav": {
            "piece": f"P{i // 2}",
            "artist": f"A{i // 4}",
            "kind": "abcd"[i % 4],
        }
        for i in range(24)
    }
    return made("data", notes)


def made(folder: str, notes: dict[str, dict[str, Any]]) -> Corpus:
    rng = np.random.default_rng(0)
    write_audio(
        f"{folder}/c_audio.hdf5",
        [(key, rng.normal(0, 0.1, 800).astype(np.float32), 8000) for key in notes],
    )
    names = {name for own in notes.values() for name in own}
    definitions = {"filepath": WORD} | {
        name: NUMBER if name == "fold" else WORD for name in sorted(names)
    }
    entries = [
        Entry(
            {"filepath": (Atom(key),)}
            | {name: (Atom(value),) for name, value in own.items()}
        )
        for key, own in notes.items()
    ]
    Pyjama(definitions, entries).save(f"{folder}/c.pyjama")
    return Corpus.open(folder)


def test_folds_are_stored_and_read_back(corpus: Corpus) -> None:
    split = make_split(corpus, folds=3, by=["artist"], stratify=["kind"], seed=4)
    store_split(corpus, split)
    again = Corpus.open("data")
    assert [item.entry.first("fold") for item in again.recordings] == list(split.values)
    assert again.pyjama.definitions["fold"].generator == {
        "name": "mirbricks data split", "by": ["artist"], "stratify": ["kind"], "seed": 4,
    }  # fmt: skip
    assert grouped_by(again, "fold") == ("artist",)
    parts = [by_fold(again, fold) for fold in range(3)]
    assert sorted(group for part in parts for group in part.test) == sorted(
        {item.group for item in again.items}
    )
    assert parts[0].valid == parts[1].test
    assert (split.count(0), split.count_groups(0), split.farthest) == (8, 2, 0.0)


def test_a_split_in_three_is_stored_and_read_back(corpus: Corpus) -> None:
    split = make_split(corpus, ratios=(8, 2, 2))
    store_split(corpus, split)
    sides = by_annotation(Corpus.open("data"))
    assert [len(side) for side in (sides.train, sides.valid, sides.test)] == [8, 2, 2]
    assert make_split(corpus, ratios=(8, 2)).sides == ("train", "valid")
    assert make_split(corpus, ratios=(8, 2, 2)) == split
    assert make_split(corpus, ratios=(8, 2, 2), seed=1).values != split.values


def test_a_split_that_is_there_is_kept(corpus: Corpus) -> None:
    store_split(corpus, make_split(corpus, folds=3))
    before = Path("data/c.pyjama").read_bytes()
    again = Corpus.open("data")
    with pytest.raises(DataError) as error:
        store_split(again, make_split(again, folds=4))
    assert str(error.value) == (
        "the corpus 'c' carries a 'fold' already\n  recordings  24 have one\n"
        "  help: look at it with `mirbricks data info`; --replace puts the new one in its place     [E445]"
    )
    assert Path("data/c.pyjama").read_bytes() == before
    store_split(again, make_split(again, folds=4), replacing=True)
    assert {item.entry.first("fold") for item in Corpus.open("data").items} == {
        0,
        1,
        2,
        3,
    }


def test_a_leak_by_what_the_split_was_grouped_by_is_refused(corpus: Corpus) -> None:
    """Pieces are whole on each side, but an artist is not; the split says that it was made by artist."""
    values = {
        item.key: "train" if index < 22 else "valid"
        for index, item in enumerate(corpus.recordings)
    }
    split = make_split(corpus, ratios=(1, 1), by=["artist"])
    store_split(
        corpus, type(split)(**{**vars(split), "values": tuple(values.values())})
    )
    again = Corpus.open("data")
    assert by_annotation(again.recordings).valid == ("P11",)
    with pytest.raises(DataError) as error:
        by_annotation(again)
    assert str(error.value) == (
        "the group 'A5' (linked by artist) is in 'train' and in 'valid' of the stored 'split'\n"
        "  train  20.wav\n  valid  22.wav\n"
        "  help: put each piece, with all its versions, on one side; `mirbricks data split` does     [E442]"
    )


def test_a_leak_of_a_piece_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = made(
        "data", {f"{i}.wav": {"piece": f"P{i // 2}", "fold": i % 3} for i in range(6)}
    )
    assert [error.message for error in leaks(corpus, "fold")] == [
        "the group 'P0' is in '0' and in '1' of the stored 'fold'",
        "the group 'P1' is in '2' and in '0' of the stored 'fold'",
        "the group 'P2' is in '1' and in '2' of the stored 'fold'",
    ]
    with pytest.raises(Exception, match="3 errors"):
        by_fold(corpus, 0)


def test_folds_that_are_numbered_from_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = made("data", {f"{i}.wav": {"fold": 1 + i % 4} for i in range(8)})
    split = by_fold(corpus, 3)
    assert (split.test, split.valid) == (("3.wav", "7.wav"), ("0.wav", "4.wav"))
    assert split.train == ("1.wav", "2.wav", "5.wav", "6.wav")


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        (
            [0, 1, None],
            0,
            "expected 'fold' of '2.wav' to be a whole number or a text; it has no such annotation\n"
            "  help: `mirbricks data split` writes a fold for every recording     [E446]",
        ),
        (
            [0, 1, 1.5],
            0,
            "expected 'fold' of '2.wav' to be a whole number or a text; it has '1.5'\n"
            "  help: `mirbricks data split` writes a fold for every recording     [E446]",
        ),
        (
            [2, 1, 1],
            0,
            "expected 3 folds or more in 'fold'; it has 1, 2\n"
            "  help: `mirbricks data split` writes a fold for every recording     [E446]",
        ),
        ([1, 2, 3], 3, "there is no fold 3: 3 folds are numbered 0 to 2\n  [E441]"),
    ],
)
def test_wrong_folds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folds: list[Any],
    fold: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    notes = {
        f"{i}.wav": {} if value is None else {"fold": value}
        for i, value in enumerate(folds)
    }
    with pytest.raises(DataError) as error:
        by_fold(made("data", notes), fold)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "by"),
    [("maps", ["instrument"]), ("billboard", ["artist"]), ("covers80", ["title"])],
)
def test_on_the_real_corpora(data_root: Path, name: str, by: list[str]) -> None:
    corpus = Corpus.open(data_root / name)
    split = make_split(corpus, ratios=(0.6, 0.2, 0.2), by=by)
    sides: dict[tuple[str, Any], set[Any]] = {}
    for item, value in zip(corpus.recordings, split.values, strict=True):
        for link in (("group", item.group), (by[0], item.entry.first(by[0]))):
            sides.setdefault(link, set()).add(value)
    assert all(len(values) == 1 for values in sides.values())
    assert len(split.values) == len(corpus)
    assert abs(split.count("train") / len(corpus) - 0.6) < 0.05
