"""Passages that sound alike: against loops over frames, in blocks, and what a repetition mends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mirbricks.tasks.chords import ChordsConfig, repeats
from mirbricks.tasks.chords.repeats import averaged
from mirbricks.tasks.chords.vocabulary import N_CLASSES

Float64 = NDArray[np.float64]


def scores(n_frames: int, seed: int = 0) -> Float64:
    """Log-probabilities (T, 25)."""
    logits = 3 * np.random.default_rng(seed).standard_normal((n_frames, N_CLASSES))
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)), np.float64)


def naive(heard: Float64, config: ChordsConfig) -> Float64:
    """Every pair of frames, every frame of their passages."""
    half, n_frames = config.passage_frames // 2, len(heard)
    out = np.empty_like(heard)
    for t in range(n_frames):
        total, weights = config.own_weight * heard[t], config.own_weight
        for s in range(n_frames):
            pairs = [
                np.exp(0.5 * (heard[t + k] + heard[s + k])).sum()
                for k in range(-half, half + 1)
                if 0 <= t + k < n_frames and 0 <= s + k < n_frames
            ]
            weight = np.exp(config.repeats * (np.mean(pairs) - 1))
            if abs(t - s) > half:
                total, weights = total + weight * heard[s], weights + weight
        out[t] = total / weights - np.log(np.exp(total / weights).sum())
    return out


@given(
    n_frames=st.integers(0, 20),
    passage=st.integers(1, 12),
    sharpness=st.floats(0.1, 30),
    own=st.floats(0.1, 9),
)
@settings(max_examples=20, deadline=None)
def test_it_equals_loops(
    n_frames: int, passage: int, sharpness: float, own: float
) -> None:
    config = ChordsConfig(
        repeats=sharpness, passage_frames=passage, own_weight=own, patch_frames=8
    )
    heard = scores(n_frames, seed=n_frames)
    np.testing.assert_allclose(
        averaged(heard, config), naive(heard, config), rtol=0, atol=1e-5
    )


def test_blocks_change_nothing_and_far_passages_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = ChordsConfig(repeats=5.0, passage_frames=3)
    heard = scores(50)
    whole = averaged(heard, config)
    monkeypatch.setattr(repeats, "BLOCK", 7)
    np.testing.assert_allclose(averaged(heard, config), whole, atol=1e-6)
    # In reach of no frame of a block are others that are too near to be a repetition.
    monkeypatch.setattr(repeats, "REACH", 0)
    monkeypatch.setattr(repeats, "BLOCK", 2)
    np.testing.assert_allclose(averaged(heard, config), heard, atol=1e-6)


def test_without_repeats_scores_stay_as_they_are() -> None:
    heard = scores(9)
    assert averaged(heard, ChordsConfig()) is heard


def test_a_wrong_chord_is_mended_by_its_repetitions() -> None:
    """A verse four times, once with a stretch that is taken for another chord; elsewhere nothing like it is heard."""
    verse = np.repeat([0, 5, 7, 0, 21, 14], 10)
    classes = np.tile(verse, 4)
    heard = np.full((len(classes), N_CLASSES), 0.02)
    heard[np.arange(len(classes)), classes] = 0.52
    wrong = slice(75, 80)
    heard[wrong] = 0.02
    heard[wrong, classes[wrong]], heard[wrong, 3] = 0.2, 0.34
    heard = np.log(heard / heard.sum(1, keepdims=True))
    assert (heard.argmax(1) == classes).mean() == 235 / 240
    mended = averaged(
        heard, ChordsConfig(repeats=20.0, passage_frames=41, own_weight=1)
    )
    assert (mended.argmax(1) == classes).all()
