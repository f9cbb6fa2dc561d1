from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from mirbricks.data.corpus import Item
from mirbricks.data.pyjama.file import Atom, Entry
from mirbricks.data.splitting.making import (
    _refined,
    dealt,
    label_counts,
    linked_groups,
    share_out,
)
from mirbricks.data.stores.hdf5 import AudioStore
from mirbricks.errors import DataError

STORE = AudioStore("x_audio.hdf5")


def item(key: str, group: str | None = None, **annotations: Any) -> Item:
    atoms = {
        name: tuple(map(Atom, v if isinstance(v, list) else [v]))
        for name, v in annotations.items()
    }
    return Item(
        key,
        1,
        8000,
        group or key,
        None,
        Entry({"filepath": (Atom(key),), **atoms}),
        STORE,
    )


def test_what_is_linked_is_one_group() -> None:
    items = [
        item("1", "P", artist="a"),
        item("2", "P", artist="b"),
        item("3", "Q", artist="b"),
        item("4", "R", artist=["c", "d"]),
        item("5", "S", artist="d"),
        item("6", "T"),
    ]
    assert linked_groups(items) == ["P", "P", "Q", "R", "S", "T"]
    assert linked_groups(items, ["artist"]) == ["a", "a", "a", "c", "c", "T"]


def test_an_annotation_that_no_recording_has() -> None:
    for call in (lambda: linked_groups([item("1", artist="a")], ["artsit"]),
                 lambda: label_counts([item("1", artist="a")], ["1"], ["artsit"])):  # fmt: skip
        with pytest.raises(DataError) as error:
            call()
        assert str(error.value) == (
            "no recording has the annotation 'artsit'\n  help: did you mean 'artist'?     [E444]"
        )
    with pytest.raises(DataError) as error:
        linked_groups([item("1", artist="a")], ["zzz"])
    assert str(error.value) == (
        "no recording has the annotation 'zzz'\n  help: the recordings have: artist, filepath     [E444]"
    )


def test_labels_of_groups() -> None:
    items = [
        item("1", "P", tag=["x", "y", "x"]),
        item("2", "P", tag="y"),
        item("3", "A", tag=[]),
    ]
    np.testing.assert_array_equal(
        label_counts(items, ["P", "P", "A"], ["tag"]), [[0, 0], [1, 2]]
    )
    assert label_counts(items, ["P", "P", "A"], []).shape == (2, 0)


def test_too_few_groups() -> None:
    with pytest.raises(DataError) as error:
        share_out(np.array([3, 4]), np.zeros((2, 0), np.int64), [1, 1, 1])
    assert str(error.value) == (
        "cannot share 2 groups out over 3 sides: each needs one\n"
        "  help: take fewer sides, or a corpus of more groups     [E440]"
    )


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[float], int]:
    n_groups = draw(st.integers(3, 30))
    sizes = np.array(
        draw(st.lists(st.integers(1, 9), min_size=n_groups, max_size=n_groups))
    )
    n_labels = draw(st.integers(0, 5))
    share = st.lists(st.floats(0, 1), min_size=n_labels, max_size=n_labels)
    shares = np.array([draw(share) for _ in range(n_groups)]).reshape(
        n_groups, n_labels
    )
    labels = np.floor(shares * sizes[:, None]).astype(np.int64)
    sides = draw(
        st.sampled_from([[1.0, 1.0, 1.0], [0.8, 0.1, 0.1], [0.5, 0.5], [80.0, 20.0]])
    )
    return sizes, labels, sides, draw(st.integers(0, 5))


@given(grouped())
def test_every_group_is_placed_and_no_side_is_empty(drawn: tuple[Any, ...]) -> None:
    sizes, labels, shares, seed = drawn
    side = share_out(sizes, labels, shares, seed)
    assert side.shape == sizes.shape
    assert sorted(set(side.tolist())) == list(range(len(shares)))
    np.testing.assert_array_equal(side, share_out(sizes, labels, shares, seed))


@given(grouped())
def test_no_single_move_brings_the_sides_nearer_to_their_shares(
    drawn: tuple[Any, ...],
) -> None:
    """The result is a local optimum of what it says it makes small, unless a side would lose its only group."""
    sizes, labels, shares, seed = drawn
    counts, part = np.column_stack([sizes, labels]), np.array(shares) / np.sum(shares)
    side = share_out(sizes, labels, shares, seed)

    def cost(of: np.ndarray) -> float:
        per_side = np.stack([counts[of == s].sum(0) for s in range(len(part))])
        return float(
            (
                (per_side - part[:, None] * counts.sum(0).clip(1)) ** 2
                / counts.sum(0).clip(1)
            ).sum()
        )

    here = cost(side)
    for group in range(len(sizes)):
        if (side == side[group]).sum() > 1:
            for other in range(len(part)):
                moved = side.copy()
                moved[group] = other
                assert cost(moved) >= here - 1e-6


@given(st.integers(3, 60), st.integers(2, 6), st.integers(0, 9))
def test_recordings_alone_are_shared_out_evenly(
    n: int, n_folds: int, seed: int
) -> None:
    n_folds = min(n, n_folds)
    side = share_out(
        np.ones(n, np.int64), np.zeros((n, 0), np.int64), [1.0] * n_folds, seed
    )
    sizes = np.bincount(side, minlength=n_folds)
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.integers(0, 3), min_size=12, max_size=60), st.integers(0, 9))
def test_one_label_a_recording_is_shared_out_evenly(
    words: list[int], seed: int
) -> None:
    labels = np.eye(4, dtype=np.int64)[words]
    side = share_out(np.ones(len(words), np.int64), labels, [1.0] * 4, seed)
    per_side = np.stack([labels[side == s].sum(0) for s in range(4)])
    assert (per_side.max(0) - per_side.min(0) <= 1).all()


def test_another_seed_makes_another_split() -> None:
    arguments = np.ones(40, np.int64), np.zeros((40, 0), np.int64), [1.0] * 4
    assert not np.array_equal(share_out(*arguments, 0), share_out(*arguments, 1))


def test_balance_beside_scikit_learns() -> None:
    """One label a recording, in groups: nearer to equal folds than StratifiedGroupKFold, in the mean of many draws."""
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for _ in range(25):
        n, n_labels = int(rng.integers(60, 200)), int(rng.integers(2, 8))
        _, group = np.unique(
            rng.integers(0, rng.integers(15, n), n), return_inverse=True
        )
        word = rng.choice(n_labels, n, p=rng.dirichlet(np.ones(n_labels)))
        labels = np.zeros((group.max() + 1, n_labels), np.int64)
        np.add.at(labels, (group, word), 1)
        side = np.zeros(n, np.int64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of labels rarer than folds
            folds = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(
                word, word, group
            )
            for fold, (_, test) in enumerate(folds):
                side[test] = fold
        for sides, off in (
            (share_out(labels.sum(1), labels, [1.0] * 5)[group], ours),
            (side, theirs),
        ):
            per_fold = np.zeros((5, n_labels))
            np.add.at(per_fold, (sides, word), 1)
            off.append(np.abs(per_fold - per_fold.mean(0)).sum() / n)
    assert np.mean(ours) <= np.mean(theirs)


def test_several_labels_a_recording() -> None:
    """Tags like those of a tagging corpus: every frequent one is on each side near its share."""
    rng = np.random.default_rng(1)
    tags = rng.random((1000, 20)) < rng.uniform(0.02, 0.3, 20)
    side = share_out(np.ones(1000, np.int64), tags.astype(np.int64), [0.8, 0.1, 0.1])
    for one, part in enumerate((0.8, 0.1, 0.1)):
        share = tags[side == one].sum(0) / tags.sum(0)
        assert np.abs(share - part).max() < 0.02


def test_the_deal_gives_each_side_what_it_still_misses() -> None:
    """By hand: 5, 3 and 2 recordings over shares of 8 and 2; the refinement after it has nothing to mend."""
    sizes = np.array([2, 5, 3])
    part = np.array([0.8, 0.2])
    none = np.zeros((3, 0), np.int64)
    for seed in range(5):
        side = dealt(sizes, none, part, np.random.default_rng(seed))
        assert side.tolist() == [1, 0, 0]


def test_the_rarest_label_is_dealt_first() -> None:
    """Label 1 has two groups, one for each side, though label 0 alone would put both on the first."""
    labels = np.array([[4, 0], [1, 1], [1, 1], [2, 0]])
    part = np.array([0.5, 0.5])
    for seed in range(5):
        side = dealt(labels.sum(1), labels, part, np.random.default_rng(seed))
        assert side[1] != side[2]
        assert side[0] != side[3]


def test_a_refined_split_by_hand() -> None:
    """All on one side: the moves lead to shares of 6 and 4 of 10."""
    counts = np.array([[4], [2], [3], [1]])
    part = np.array([0.6, 0.4])
    side = _refined(np.array([0, 0, 0, 0]), counts, part)
    assert np.bincount(side, counts[:, 0]).tolist() == [6.0, 4.0]
