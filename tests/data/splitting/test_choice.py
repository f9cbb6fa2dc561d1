"""Folds that a corpus carries are used, or the user is told that they are passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data import (
    Atom,
    Corpus,
    Definition,
    Entry,
    Pyjama,
    by_fold,
    k_fold,
    make_split,
    store_split,
    write_audio,
)
from mirbricks.data.splitting.choice import Choice, choose_split
from mirbricks.workflows.experiment import DatasetConfig, count_folds, split_corpus

CARRIED = "the folds that 'c' carries under 'fold'"


def made(folder: Path, **annotations: list[Any]) -> Corpus:
    """A corpus of twelve recordings, each with its own group."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 800)
    keys = [f"{number:02}" for number in range(12)]
    write_audio(folder / "c_audio.hdf5", [(key, wave, 8000) for key in keys])
    definitions = {"filepath": Definition("global", "text", "filepath")}
    entries = []
    for number, key in enumerate(keys):
        atoms = {"filepath": (Atom(key),)}
        for name, values in annotations.items():
            is_text = isinstance(values[0], str)
            definitions[name] = Definition("global", "text" if is_text else "numeric")
            if number < len(values):
                atoms[name] = (Atom(values[number]),)
        entries.append(Entry(atoms))
    Pyjama(definitions, entries).save(folder / "c.pyjama")
    return Corpus.open(folder)


@pytest.mark.parametrize("n_folds", [3, 5])
def test_what_data_split_stored_is_what_a_training_gets(
    tmp_path: Path, n_folds: int
) -> None:
    corpus = made(tmp_path)
    store_split(corpus, make_split(corpus, folds=n_folds, seed=3))
    stored = Corpus.open(tmp_path)
    config = DatasetConfig()
    assert count_folds(stored, config) == n_folds
    for fold in range(n_folds):
        split = split_corpus(stored, config, fold)
        assert split == by_fold(stored, fold)
        tested = {item.key for item in stored.items if item.entry.first("fold") == fold}
        assert set(split.test) == tested
    dealt = k_fold((item.group for item in stored.items), n_folds, 0)
    assert split_corpus(stored, config, 0) != dealt
    note = f"{CARRIED} are used, {n_folds} of them; `--set dataset.split=folds` deals others"
    assert choose_split(stored) == Choice("stored_folds", note)


def test_a_corpus_without_folds_is_dealt_as_before(tmp_path: Path) -> None:
    corpus = made(tmp_path)
    assert choose_split(corpus) == Choice("folds", None)
    groups = [item.group for item in corpus.items]
    assert split_corpus(corpus, DatasetConfig(), 1) == k_fold(groups, 5, 1)
    assert count_folds(corpus, DatasetConfig()) == 5


@pytest.mark.parametrize(
    ("settings", "split", "why"),
    [
        ({"split": "folds"}, "folds", "because dataset.split is folds"),
        ({"folds": 4}, "folds", "they are 3, and dataset.folds is 4"),
        ({"folds": 3}, "stored_folds", "are used, 3 of them"),
        ({"split": "stored_folds"}, "stored_folds", None),
    ],
)
def test_what_the_graph_file_says_goes_first(
    tmp_path: Path, settings: dict[str, Any], split: str, why: str | None
) -> None:
    corpus = made(tmp_path, fold=[0, 1, 2] * 4)
    config = DatasetConfig(**settings)
    asked = config.folds if "folds" in settings else None
    choice = choose_split(corpus, config.split, asked)
    assert choice.split == split
    if why is None:
        assert choice.note is None
    else:
        assert why in (choice.note or "")
    expected = 3 if split == "stored_folds" else config.folds
    assert count_folds(corpus, config) == expected


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ({"fold": [0, 1, 2]}, "expected 'fold' of '03' to be a whole number or a text"),
        ({"fold": [0, 1] * 6}, "expected 3 folds or more in 'fold'; it has 0, 1"),
        (
            {"fold": [0, 1, 2] * 4, "piece": ["P"] * 4},
            "the group 'P' is in '0' and in '1' of the stored 'fold'",
        ),
    ],
)
def test_folds_that_cannot_be_used_are_passed_over_and_reported(
    tmp_path: Path, annotations: dict[str, list[Any]], why: str
) -> None:
    corpus = made(tmp_path, **annotations)
    choice = choose_split(corpus)
    assert choice.split == "folds"
    assert (choice.note or "").startswith(f"{CARRIED} are passed over: {why}")
    assert count_folds(corpus, DatasetConfig()) == 5


def test_sides_that_are_passed_over_are_reported(tmp_path: Path) -> None:
    corpus = made(tmp_path, split=["train", "valid", "test"] * 4)
    assert choose_split(corpus) == Choice(
        "folds",
        "the sides that 'c' carries under 'split' are passed over; `--set dataset.split=annotation` uses them",
    )
    assert choose_split(corpus, "annotation") == Choice("annotation", None)
