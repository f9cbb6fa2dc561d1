"""Samplers: pure functions of (seed, step) that draw what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.batching.patches import patch_starts
from mirbricks.data.batching.samplers import (
    Balanced,
    ByFile,
    ByLength,
    ByPatch,
    ByWork,
    Sampler,
)
from mirbricks.errors import DataError

LENGTHS = [100, 7, 64, 65, 300, 1, 128, 90]
WORKS = ["a", "b", "a", "c", "b", "a", "d", "b"]
LABELS = ["x", "y", "x", "x", "x", "x", "z", "y"]

MAKERS: dict[str, Callable[[int], Sampler]] = {
    "patch": lambda seed: ByPatch(LENGTHS, 64, 20, 5, seed),
    "file": lambda seed: ByFile(LENGTHS, 64, 3, seed),
    "work": lambda seed: ByWork(LENGTHS, WORKS, 64, 2, 2, seed),
    "balanced": lambda seed: Balanced(LENGTHS, LABELS, 64, 4, seed),
    "length": lambda seed: ByLength(LENGTHS, 3, seed, max_frames=100),
}


def rows(sampler: Sampler, first: int, last: int) -> list[tuple[int, int, int]]:
    picks = [sampler.picks(step) for step in range(first, last)]
    return [tuple(row) for one in picks for row in np.stack(one, axis=1).tolist()]


@pytest.mark.parametrize("name", MAKERS)
def test_a_pure_function_of_seed_and_step(name: str) -> None:
    one, other = MAKERS[name](3), MAKERS[name](3)
    forwards = [rows(one, step, step + 1) for step in range(40)]
    backwards = [rows(other, step, step + 1) for step in reversed(range(40))][::-1]
    assert forwards == backwards
    assert rows(MAKERS[name](3), 1_000_000, 1_000_002) == rows(
        one, 1_000_000, 1_000_002
    )
    assert rows(MAKERS[name](4), 0, 40) != [row for step in forwards for row in step]


@pytest.mark.parametrize("name", MAKERS)
def test_patches_lie_in_their_files(name: str) -> None:
    for item, start, frames in rows(MAKERS[name](0), 0, 60):
        assert 0 <= start <= max(LENGTHS[item] - frames, 0)


@pytest.mark.parametrize("name", MAKERS)
def test_epochs_differ(name: str) -> None:
    sampler = MAKERS[name](0)
    n = sampler.steps_per_epoch
    assert rows(sampler, 0, n) != rows(sampler, n, 2 * n)


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=12),
    st.integers(1, 50),
    st.data(),
)
def test_every_patch_once_an_epoch(
    lengths: list[int], patch: int, data: st.DataObject
) -> None:
    hop, batch = data.draw(st.integers(1, patch)), data.draw(st.integers(1, 9))
    sampler = ByPatch(lengths, patch, hop, batch, seed=1)
    wanted = Counter(
        (i, int(s), patch)
        for i, n in enumerate(lengths)
        for s in patch_starts(n, patch, hop)
    )
    n = sampler.n_patches
    assert sum(wanted.values()) == n
    drawn = rows(sampler, 0, sampler.steps_per_epoch * 3 + 3)
    assert Counter(drawn[:n]) == wanted
    assert Counter(drawn[n : 2 * n]) == wanted
    plain = ByPatch(lengths, patch, hop, batch, shuffle=False)
    assert rows(plain, 0, plain.steps_per_epoch)[:n] == sorted(wanted)


def test_every_file_once_an_epoch_from_anywhere() -> None:
    sampler = ByFile(LENGTHS, 64, 3)
    drawn = rows(sampler, 0, 8 * 400)
    for epoch in range(5):
        assert sorted(item for item, _, _ in drawn[8 * epoch : 8 * epoch + 8]) == list(
            range(8)
        )
    starts = Counter(start for item, start, _ in drawn if item == 0)
    assert set(starts) == set(range(37)), "100 frames, patches of 64"
    assert {start for item, start, _ in drawn if item in (1, 2, 5)} == {0}


def test_works_come_with_their_versions() -> None:
    sampler = ByWork(LENGTHS, WORKS, 64, 2, 2, seed=5)
    assert sampler.steps_per_epoch == 1, "a and b; c and d have one version"
    versions: dict[str, set[int]] = {}
    for step in range(60):
        items = sampler.picks(step).items.reshape(2, 2)
        works = [[WORKS[item] for item in row] for row in items.tolist()]
        assert all(len(set(row)) == 1 for row in works)
        assert {row[0] for row in works} == {"a", "b"}
        assert all(first != second for first, second in items.tolist()), (
            "never the anchor itself"
        )
        for row in items.tolist():
            versions.setdefault(WORKS[row[0]], set()).update(row)
    assert versions == {"a": {0, 2, 5}, "b": {1, 4, 7}}


def test_works_are_seen_once_an_epoch() -> None:
    works = [number // 3 for number in range(30)]
    sampler = ByWork([80] * 30, works, 64, 4, 3, seed=0)
    assert sampler.steps_per_epoch == 2
    left_out = set()
    for epoch in range(60):
        steps = range(2 * epoch, 2 * epoch + 2)
        seen = [
            works[item]
            for step in steps
            for item in sampler.picks(step).items[::3].tolist()
        ]
        assert len(set(seen)) == 8
        left_out |= set(range(10)) - set(seen)
    assert left_out == set(range(10))


def test_few_versions_repeat_as_little_as_can_be() -> None:
    items = (
        ByWork([80] * 4, ["a", "a", "b", "b"], 64, 2, 5).picks(0).items.reshape(2, 5)
    )
    assert sorted(sorted(Counter(row).values()) for row in items.tolist()) == [
        [2, 3],
        [2, 3],
    ]


def test_labels_are_balanced() -> None:
    sampler = Balanced(LENGTHS, LABELS, 64, 4)
    items = [item for item, _, _ in rows(sampler, 0, 300)]
    counts = Counter(LABELS[item] for item in items)
    assert counts == {"x": 400, "y": 400, "z": 400}
    assert Counter(items) == {0: 80, 2: 80, 3: 80, 4: 80, 5: 80, 1: 200, 7: 200, 6: 400}


def test_several_labels_of_a_file() -> None:
    labels = [["x", "y"], {"y"}, (), ["z"]]
    counts = Counter(
        item for item, _, _ in rows(Balanced([80] * 4, labels, 64, 6), 0, 100)
    )
    assert counts[2] == 0, "without a label it is never drawn"
    assert counts == {0: 300, 1: 100, 3: 200}


def test_lengths_of_a_batch_are_alike_and_every_file_is_seen() -> None:
    lengths = np.random.default_rng(0).integers(10, 1000, 205).tolist()
    sampler = ByLength(lengths, 8, seed=2)
    assert sampler.steps_per_epoch == 26
    padded = total = 0
    for epoch in range(3):
        seen = []
        for step in range(26 * epoch, 26 * epoch + 26):
            items, starts, frames = sampler.picks(step)
            seen += items.tolist()
            assert frames.tolist() == [lengths[item] for item in items]
            assert not starts.any()
            padded, total = (
                padded + int(frames.max()) * len(items),
                total + int(frames.sum()),
            )
        assert sorted(seen) == list(range(205))
    assert padded < 1.15 * total
    plain = ByLength(lengths, 8, shuffle=False)
    order = [lengths[item] for step in range(26) for item in plain.picks(step).items]
    assert order == sorted(lengths)


def test_long_files_are_cut_anywhere() -> None:
    drawn = rows(ByLength(LENGTHS, 3, max_frames=90), 0, 600)
    assert {frames for item, _, frames in drawn if item == 4} == {90}
    assert len({start for item, start, _ in drawn if item == 4}) > 100
    assert {(start, frames) for item, start, frames in drawn if item == 1} == {(0, 7)}


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        make()
    return str(caught.value)


def test_refusals() -> None:
    none = "no batches can be drawn: there are no files\n  help: check the split, and the corpus     [E490]"
    assert refusal(lambda: ByPatch([], 64, 32, 4)) == none
    assert refusal(lambda: ByFile([], 64, 4)) == none
    assert refusal(lambda: ByLength([], 64)) == none
    assert refusal(lambda: ByFile([3, 0, 0], 64, 4)) == (
        "no batches can be drawn: 2 of 3 files are empty\n  help: check the split, and the corpus     [E490]"
    )
    assert refusal(lambda: ByWork(LENGTHS, WORKS, 64, 3, 2)) == (
        "cannot draw 3 works a batch: 2 have two versions or more\n"
        "  files  8, of 4 works\n"
        "  help: take 2 works a batch or fewer     [E490]"
    )
    assert "help: check the work of each file" in refusal(
        lambda: ByWork([9, 9], ["a", "b"], 4, 1, 2)
    )
    assert refusal(lambda: Balanced([9, 9], [[], []], 4, 2)) == (
        "no file has a label to balance by\n  help: check the annotation of the labels     [E490]"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: ByPatch(LENGTHS, 64, 65, 4),
        lambda: ByPatch(LENGTHS, 64, 0, 4),
        lambda: ByPatch(LENGTHS, 64, 32, 0),
        lambda: ByFile(LENGTHS, 0, 4),
        lambda: ByFile(LENGTHS, 64, 0),
        lambda: ByWork(LENGTHS, WORKS, 64, 2, 1),
        lambda: ByWork(LENGTHS, WORKS[1:], 64, 2, 2),
        lambda: Balanced(LENGTHS, LABELS[1:], 64, 2),
        lambda: ByLength(LENGTHS, 3, max_frames=0),
    ],
)
def test_sizes_that_make_no_batch(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        make()
