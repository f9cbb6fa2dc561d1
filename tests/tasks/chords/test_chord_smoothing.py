"""The likeliest path against trying all of them; transitions by counting."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.tasks.chords import smoothing
from mirbricks.tasks.chords.smoothing import Transitions, segments
from mirbricks.tasks.chords.vocabulary import IGNORED, N_CLASSES, NO_CHORD


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_the_path_is_the_best_of_all(seed: int, n_frames: int) -> None:
    rng = np.random.default_rng(seed)
    few = 4  # classes that can occur at all
    first, step = np.full(N_CLASSES, -1e9), np.full((N_CLASSES, N_CLASSES), -1e9)
    first[:few], step[:few, :few] = rng.normal(size=few), rng.normal(size=(few, few))
    heard = np.full((n_frames, N_CLASSES), -1e9)
    heard[:, :few] = rng.normal(size=(n_frames, few))

    def score(path: tuple[int, ...]) -> float:
        return (
            first[path[0]]
            + sum(step[a, b] for a, b in pairwise(path))
            + 0.7 * sum(heard[t, c] for t, c in enumerate(path))
        )

    best = max(product(range(few), repeat=n_frames), key=score)
    assert tuple(Transitions(first, step).path(heard, 0.7)) == best


def test_transitions_are_counted_in_every_key() -> None:
    classes = np.array([0, 0, 0, IGNORED, 7, 7, NO_CHORD])
    learned = Transitions.learned([classes])
    prior = smoothing.PRIOR
    for root in range(12):
        row = learned.step[root]
        total = (
            2 + 1 + 1 + 1 + N_CLASSES * prior
        )  # as the first chord, and as the fifth of another
        np.testing.assert_allclose(np.exp(row[root]), (2 + 1 + prior) / total)
        np.testing.assert_allclose(np.exp(row[(root + 7) % 12]), (1 + prior) / total)
        np.testing.assert_allclose(np.exp(row[NO_CHORD]), (1 + prior) / total)
    np.testing.assert_allclose(np.exp(learned.step).sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(learned.first).sum(), 1)


def test_one_frame_alone_does_not_change_the_chord() -> None:
    stays = Transitions.learned([np.repeat([0, 5], 50)])
    heard = np.full((9, N_CLASSES), -3.0)
    heard[:, 0] = -0.5
    heard[4, 0], heard[4, 7] = -3.0, -0.5
    assert stays.path(heard, 0.5).tolist() == [0] * 9
    assert stays.path(heard, 1e6).tolist() == [0, 0, 0, 0, 7, 0, 0, 0, 0]
    assert len(stays.path(heard[:0], 1.0)) == 0


def test_segments_are_runs() -> None:
    starts, classes = segments(np.array([3, 3, 0, 0, 0, 3]))
    assert starts.tolist() == [0, 2, 5]
    assert classes.tolist() == [3, 0, 3]
    assert len(segments(np.zeros(0, np.int64))[0]) == 0
