"""Bit rate, use and perplexity of codebooks against their formulas."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from mirbricks.metrics import CodebookUse, bit_rate_bps, codebooks


def test_bit_rate_by_hand() -> None:
    assert bit_rate_bps(50, [1024] * 8) == 4000
    assert bit_rate_bps(12.5, [10]) == pytest.approx(12.5 * np.log2(10))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.integers(1, 90))
def test_pieces_give_what_scipy_gives_of_the_whole(
    seed: int, n_pieces: int, n_codebooks: int, n_frames: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 20, n_codebooks)
    pieces = [
        rng.integers(0, sizes[:, None], (n_codebooks, n_frames))
        for _ in range(n_pieces)
    ]
    use = CodebookUse(sizes.tolist())
    for piece in pieces:
        use.add(piece)
    at_once = CodebookUse(sizes.tolist())
    at_once.add(np.stack(pieces))
    whole = np.concatenate(pieces, axis=1)
    for place in range(n_codebooks):
        counts = np.unique(whole[place], return_counts=True)[1]
        expected = np.exp(entropy(counts))
        assert use.perplexity()[place] == pytest.approx(expected, abs=1e-9)
        assert 1 <= use.perplexity()[place] <= sizes[place] + 1e-9
        assert use.use()[place] == len(counts) / sizes[place]
    assert (use.perplexity() == at_once.perplexity()).all()
    assert use.entropy_bps(50.0) <= bit_rate_bps(50.0, sizes.tolist()) + 1e-9


def test_before_any_code_there_is_no_perplexity() -> None:
    use = CodebookUse([8])
    assert np.isnan(use.perplexity()).all()
    assert use.use() == [0.0]


def test_what_does_not_fit_is_refused_and_leaves_nothing_behind() -> None:
    use = CodebookUse([4, 4])
    for wrong, message in [
        ([[0, 1]], r"of 2 codebooks, got \(1, 2\)"),
        ([[0.0], [1.0]], "whole numbers as codes, got float64"),
        ([[0, 1], [0, 4]], r"codebook 1 has codes 0 … 3, got 0 … 4"),
        ([[0, -1], [0, 1]], r"codebook 0 has codes 0 … 3, got -1 … 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            use.add(wrong)
    assert not any(counts.any() for counts in use.counts)
    with pytest.raises(ValueError, match="at least 1, got"):
        CodebookUse([4, 0])
    with pytest.raises(ValueError, match="above 0, got 0"):
        bit_rate_bps(0, [4])


def test_the_examples_run() -> None:
    found = doctest.testmod(codebooks)
    assert found.attempted
    assert not found.failed
