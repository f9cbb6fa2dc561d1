"""Decks: orders that go on without end, and are the same from whichever step one begins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.batching.sampling import Deck, grouped, positions_of


@given(st.integers(1, 40), st.integers(0, 5), st.integers(1, 100))
def test_each_round_holds_every_number_once(n: int, seed: int, batch_size: int) -> None:
    deck = Deck(n, seed)
    n_steps = 3 * n // batch_size + 1
    drawn = [deck.at(positions_of(step, batch_size)) for step in range(n_steps)]
    together = np.concatenate(drawn)
    for start in range(0, len(together) - n + 1, n):
        assert sorted(together[start : start + n]) == list(range(n))


@given(st.integers(1, 40), st.permutations(range(12)))
def test_a_batch_is_the_same_whatever_was_drawn_before(
    n: int, order: list[int]
) -> None:
    deck = Deck(n, 7)
    drawn = {step: deck.at(positions_of(step, 5)).tolist() for step in order}
    fresh = {step: Deck(n, 7).at(positions_of(step, 5)).tolist() for step in order}
    assert drawn == fresh


def test_rounds_and_seeds_differ() -> None:
    first = Deck(100, 1).at(np.arange(200))
    assert first[:100].tolist() != first[100:].tolist()
    assert first.tolist() != Deck(100, 2).at(np.arange(200)).tolist()


def test_a_file_of_several_labels_is_in_the_group_of_each() -> None:
    found = grouped([("b", "a"), ("a",), (), ("b", "b")])
    assert {label: files.tolist() for label, files in found.items()} == {
        "a": [0, 1],
        "b": [0, 3],
    }
    assert list(found) == ["a", "b"]


def test_groups_are_in_an_order_that_hashing_does_not_change() -> None:
    assert list(grouped([(1, "1", 2)])) == [1, 2, "1"]
