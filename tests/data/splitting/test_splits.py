from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.corpus import Corpus, Item
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.splitting.splits import (
    Split,
    all_train,
    held_out,
    held_out_where,
    k_fold,
)
from mirbricks.data.splitting.stored import by_annotation
from mirbricks.data.stores.hdf5 import AudioStore, write_audio
from mirbricks.errors import DataError


def item(key: str, split: str | None, group: str | None = None) -> Item:
    annotations = {"filepath": (Atom(key),)} | (
        {"split": (Atom(split),)} if split else {}
    )
    return Item(
        key, 1, 8000, group or key, None, Entry(annotations), AudioStore("x_audio.hdf5")
    )


def test_five_folds_of_ten() -> None:
    names = [f"{i:02d}" for i in range(1, 11)]
    first = k_fold(reversed(names), 5, 0)
    assert first.test == ("01", "06")
    assert first.valid == ("02", "07")
    assert first.train == ("03", "04", "05", "08", "09", "10")
    assert k_fold(names, 5, 4).valid == first.test


@given(
    st.sets(st.text(min_size=1, max_size=3), min_size=3, max_size=40),
    st.integers(3, 8),
    st.randoms(),
)
def test_every_group_is_tested_and_validated_once(
    groups: set[str], n_folds: int, random: object
) -> None:
    n_folds = min(n_folds, len(groups))
    shuffled = list(groups) * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    splits = [k_fold(shuffled, n_folds, fold) for fold in range(n_folds)]
    for split in splits:
        assert sorted(split.train + split.valid + split.test) == sorted(groups)
        assert split.train
        assert split.valid
        assert split.test
    assert sorted(group for split in splits for group in split.test) == sorted(groups)
    assert sorted(group for split in splits for group in split.valid) == sorted(groups)
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 1


def test_too_few_groups() -> None:
    with pytest.raises(DataError) as error:
        k_fold(["b", "a", "a"], 5, 0)
    assert str(error.value) == (
        "cannot make 5 folds of 2 groups: at least 3 folds, and a group for each\n  groups  a, b\n"
        "  help: take a corpus of 3 groups or more     [E440]"
    )
    with pytest.raises(DataError) as error:
        k_fold("abc", 5, 0)
    assert error.value.help == "set dataset.folds to 3"
    with pytest.raises(DataError) as error:
        k_fold("abcdefgh", 2, 0)
    assert str(error.value) == (
        "cannot make 2 folds of 8 groups: at least 3 folds, and a group for each\n"
        "  groups  a, b, c, d, e and 3 more\n  help: set dataset.folds to 3 … 8     [E440]"
    )


@pytest.mark.parametrize("fold", [-1, 5])
def test_fold_out_of_range(fold: int) -> None:
    with pytest.raises(DataError) as error:
        k_fold("abcdefgh", 5, fold)
    assert (
        str(error.value)
        == f"there is no fold {fold}: 5 folds are numbered 0 to 4\n  [E441]"
    )


@pytest.mark.parametrize(
    ("train", "valid", "test"), [("ab", "bc", ""), ("ab", "c", "a"), ("a", "bc", "cd")]
)
def test_a_group_on_two_sides(train: str, valid: str, test: str) -> None:
    with pytest.raises(DataError) as error:
        Split(tuple(train), tuple(valid), tuple(test))
    assert error.value.code == "E442"
    assert error.value.facts == (("groups", "1 on both sides"),)


def test_a_group_on_two_sides_is_named() -> None:
    with pytest.raises(DataError) as error:
        by_annotation([item("a", "train", "P"), item("b", "valid", "P")])
    assert str(error.value) == (
        "the group 'P' is in 'train' and in 'valid'\n  groups  1 on both sides\n"
        "  help: put each piece, with all its versions, on one side     [E442]"
    )


def test_split_of_the_corpus_itself(data_root: Path) -> None:
    corpus = Corpus.open(data_root / "maps")
    split = by_annotation(corpus.items)
    assert (len(split.train), len(split.valid), len(split.test)) == (48, 12, 0)


def test_wrong_split_annotations() -> None:
    with pytest.raises(DataError) as error:
        by_annotation([item("a", "train"), item("b", "dev")])
    help = (
        "help: `mirbricks data split DIR --ratios .8/.1/.1` stores a side for every recording; "
        "--set dataset.split=folds makes sides without it     [E443]"
    )
    assert str(error.value) == (
        f"expected 'split' of 'b' to be train, valid or test; it has 'dev'\n  {help}"
    )
    with pytest.raises(DataError) as error:
        by_annotation([item("a", None)])
    assert str(error.value) == (
        "expected 'split' of 'a' to be train, valid or test; it has no such annotation\n  "
        + help
    )
    with pytest.raises(DataError) as error:
        by_annotation([item("a", "train"), item("b", "test")])
    assert str(error.value) == (
        "no item has 'split' = 'valid'\n  help: set dataset.held_out to a share, or dataset.split to folds     [E443]"
    )


def test_held_out_by_what_recordings_say(tmp_path: Path) -> None:
    corpus = _pianos(tmp_path)
    split = held_out_where(by_annotation(corpus), corpus, {"piano": ("b", "c")})
    assert (split.train, split.valid, split.test) == (("0", "3"), ("1", "2"), ("4",))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("z",), "no training recording has piano: z"),
        (("a", "b", "c"), "every training recording has piano: a, b, c"),
    ],
)
def test_nothing_or_everything_held_out(
    tmp_path: Path, values: tuple[str, ...], message: str
) -> None:
    corpus = _pianos(tmp_path)
    with pytest.raises(DataError) as error:
        held_out_where(by_annotation(corpus), corpus, {"piano": values})
    assert str(error.value) == (
        f"{message}\n  help: change dataset.validate_where; `mirbricks data info` lists the values     [E443]"
    )


def _pianos(folder: Path) -> Corpus:
    rows = [
        ("0", "a", "train"),
        ("1", "b", "train"),
        ("2", "c", "train"),
        ("3", "a", "train"),
        ("4", "d", "valid"),
    ]
    write_audio(
        folder / "p_audio.hdf5",
        iter([(key, np.zeros(100, np.float32), 8000) for key, _, _ in rows]),
    )
    entries = [
        Entry(
            {"filepath": (Atom(key),), "piano": (Atom(piano),), "split": (Atom(side),)}
        )
        for key, piano, side in rows
    ]
    text = Definition("global", "text")
    Pyjama({"filepath": text, "piano": text, "split": text}, entries).save(
        folder / "p.pyjama"
    )
    return Corpus.open(folder)


SIXTEEN = tuple(f"{number:02}" for number in range(16))


@pytest.mark.parametrize(
    ("share", "every"), [(0.1, 10), (0.25, 4), (0.3, 3), (0.49, 2), (0.4, 2)]
)
def test_every_nth_training_group_is_held_out(share: float, every: int) -> None:
    split = held_out(Split(SIXTEEN, ("v",)), share)
    assert split.valid == SIXTEEN[::every]
    assert split.train == tuple(g for g in SIXTEEN if g not in SIXTEEN[::every])
    assert split.test == ("v",)


def test_nothing_is_held_out_of_a_split_with_a_test(tmp_path: Path) -> None:
    split = Split(SIXTEEN, ("v",), ("t",))
    corpus = _pianos(tmp_path)
    for call in (
        lambda: held_out(split, 0.1),
        lambda: held_out_where(split, corpus, {"piano": ("b",)}),
    ):
        with pytest.raises(DataError) as error:
            call()
        assert error.value.code == "E443"
        assert "has a test side of its own" in error.value.message


def test_without_validation_everything_but_the_test_trains() -> None:
    assert all_train(Split(("a", "c"), ("b",), ("d",))) == Split(
        ("a", "b", "c"), (), ("d",)
    )
    assert all_train(Split(("a", "c"), ("b",))) == Split(("a", "c"), (), ("b",))
