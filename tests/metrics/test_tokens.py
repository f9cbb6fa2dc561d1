"""Cross-entropy of codes against torch, and the n-gram model against the same formula in plain dictionaries."""

from __future__ import annotations

import doctest
import math
from collections import Counter, defaultdict
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.metrics import (
    CodeNgram,
    TokenCrossEntropy,
    bit_rate_bps,
    ngrams,
    token_accuracy,
    tokens,
)

CONTEXTS: list[ngrams.Context] = ["flattened", "own"]


def test_cross_entropy_is_torchs_per_codebook() -> None:
    generator = torch.Generator().manual_seed(0)
    figures = TokenCrossEntropy(3, frame_rate_hz=50)
    parts = []
    for n_frames in (4, 7):
        logits = torch.randn(2, 3, n_frames, 11, generator=generator)
        codes = torch.randint(0, 11, (2, 3, n_frames), generator=generator)
        figures.add(logits, codes)
        parts.append((logits.double(), codes))
    for q in range(3):
        logits = torch.cat([one[:, q].reshape(-1, 11) for one, _ in parts])
        codes = torch.cat([one[:, q].reshape(-1) for _, one in parts])
        expected = torch.nn.functional.cross_entropy(logits, codes)
        assert figures.by_codebook()[q] == pytest.approx(float(expected), abs=1e-9)
    found = figures.figures()
    nats = figures.by_codebook()
    assert found["cross_entropy_nats"] == pytest.approx(nats.mean())
    assert found["perplexity"] == pytest.approx(np.exp(nats.mean()))
    assert found["bits_per_second"] == pytest.approx(50 * nats.sum() / math.log(2))


def test_padding_counts_nothing_whatever_it_holds() -> None:
    logits = torch.randn(2, 1, 5, 4, generator=torch.Generator().manual_seed(0))
    codes = torch.ones(2, 1, 5, dtype=torch.long)
    counted = torch.zeros(2, 1, 5, dtype=torch.bool)
    counted[0, 0, :3] = True
    alone = TokenCrossEntropy(1, 50)
    alone.add(logits[:1, :, :3], codes[:1, :, :3])
    codes[~counted] = 99
    logits[~counted] = float("nan")
    padded = TokenCrossEntropy(1, 50)
    padded.add(logits, codes, counted)
    assert padded.figures() == alone.figures()
    assert padded.counts == 3


def test_a_model_that_knows_nothing_needs_the_bit_rate() -> None:
    figures = TokenCrossEntropy(8, 50)
    figures.add(torch.zeros(1, 8, 3, 1024), torch.zeros(1, 8, 3, dtype=torch.long))
    expected = bit_rate_bps(50, [1024] * 8)
    assert figures.figures()["bits_per_second"] == pytest.approx(expected)
    assert math.isnan(TokenCrossEntropy(1, 50).figures()["bits_per_second"])
    assert token_accuracy(torch.eye(4), torch.tensor([0, 1, 2, 2])) == 0.75


def test_what_does_not_fit_is_refused() -> None:
    figures = TokenCrossEntropy(2, 50)
    with pytest.raises(ValueError, match=r"got \(1, 2, 3, 4\) and \(1, 3, 2\)"):
        figures.add(torch.zeros(1, 2, 3, 4), torch.zeros(1, 3, 2))
    with pytest.raises(ValueError, match=r"of 2 codebooks, got \(3, 4\)"):
        figures.add_nats(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="not a number"):
        figures.add_nats(np.full((2, 1), np.nan))
    with pytest.raises(ValueError, match=r"got \(3, 4\) and \(2,\)"):
        token_accuracy(torch.zeros(3, 4), torch.zeros(2))
    with pytest.raises(ValueError, match="got 0 and 50"):
        TokenCrossEntropy(0, 50)
    for sizes, order in (([4], 0), ([1 << 20], 4)):
        with pytest.raises(ValueError, match="keys fit 63 bits"):
            CodeNgram(sizes, order)
    model = CodeNgram([4, 3])
    with pytest.raises(ValueError, match="call fit first"):
        model.log_probabilities([[0], [0]])
    with pytest.raises(ValueError, match=r"of 2 codebooks, got \(1, 1\)"):
        model.fit([[[0]]])
    with pytest.raises(ValueError, match="codebook 1 has codes 0 … 2, got 3"):
        model.fit([[[0, 3], [0, 3]]])
    with pytest.raises(ValueError, match="whole numbers as codes, got float64"):
        model.fit([[[0.0], [0.0]]])


class Naive:
    """Interpolated Kneser-Ney of one codebook, in dictionaries and loops."""

    def __init__(self, size: int, order: int, grams: list[tuple[int, ...]]) -> None:
        self.size = size
        counts = Counter(grams)
        self.counts = {order: counts}
        for shorter in range(order - 1, 0, -1):
            left = defaultdict(set)
            for gram in self.counts[shorter + 1]:
                left[gram[1:]].add(gram[0])
            self.counts[shorter] = Counter(
                {gram: len(one) for gram, one in left.items()}
            )

    def probability(self, gram: tuple[int, ...]) -> float:
        lower = self.probability(gram[1:]) if len(gram) > 1 else 1 / self.size
        counts = self.counts[len(gram)]
        after = {one[-1]: n for one, n in counts.items() if one[:-1] == gram[:-1]}
        if not after:
            return lower
        once = sum(n == 1 for n in counts.values())
        twice = sum(n == 2 for n in counts.values())
        d = once / (once + 2 * twice) if once and twice else 0.5
        own = max(after.get(gram[-1], 0) - d, 0)
        return (own + d * len(after) * lower) / sum(after.values())


def grams_of(
    codes: np.ndarray, sizes: list[int], order: int, context: ngrams.Context
) -> list[list[tuple[int, ...]]]:
    """For each codebook its n-grams, by walking over frames and codebooks."""
    start = max(sizes)
    found: list[list[tuple[int, ...]]] = [[] for _ in sizes]
    stream = [start] * (order - 1)
    own = [[start] * (order - 1) for _ in sizes]
    for t in range(codes.shape[1]):
        for q in range(len(sizes)):
            past = stream if context == "flattened" else own[q]
            past.append(int(codes[q, t]))
            found[q].append(tuple(past[-order:]))
    return found


@pytest.mark.parametrize("context", CONTEXTS)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4))
@settings(deadline=None, max_examples=20)
def test_the_model_is_its_formula(
    context: ngrams.Context, seed: int, n_codebooks: int, order: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, n_codebooks).tolist()
    train, valid = (
        [rng.integers(0, np.array(sizes)[:, None], (n_codebooks, n)) for n in lengths]
        for lengths in ((9, 1, 14), (6,))
    )
    model = CodeNgram(sizes, order, context).fit(train)
    found = np.exp(model.log_probabilities(valid[0]))
    wanted = grams_of(valid[0], sizes, order, context)
    for q in range(n_codebooks):
        seen = [
            gram for one in train for gram in grams_of(one, sizes, order, context)[q]
        ]
        naive = Naive(sizes[q], order, seen)
        expected = [naive.probability(gram) for gram in wanted[q]]
        np.testing.assert_allclose(found[q], expected, rtol=1e-9)


@pytest.mark.parametrize("context", CONTEXTS)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 12))
@settings(deadline=None, max_examples=20)
def test_probabilities_sum_to_one_and_none_is_zero(
    context: ngrams.Context, seed: int, order: int, n_frames: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes = [5, 3]

    def draw(n: int) -> np.ndarray:
        return rng.integers(0, np.array(sizes)[:, None], (2, n))

    model = CodeNgram(sizes, order, context).fit([draw(n_frames), draw(3)])
    codes = draw(4)
    for q, size in enumerate(sizes):
        total = 0.0
        # The last code of a codebook, put to each of its values; what comes before stays.
        for value in range(size):
            codes[q, -1] = value
            probability = float(np.exp(model.log_probabilities(codes)[q, -1]))
            assert probability > 0
            total += probability
        assert total == pytest.approx(1.0, abs=1e-12)


def test_it_learns_a_chain_of_its_order_down_to_its_entropy() -> None:
    rng = np.random.default_rng(0)
    chain = rng.dirichlet(np.full(4, 0.3), (4, 4))

    def drawn(n: int) -> np.ndarray:
        codes = [0, 0]
        for _ in range(n):
            codes.append(rng.choice(4, p=chain[codes[-2], codes[-1]]))
        return np.array([codes])

    train, valid = drawn(20_000), drawn(4_000)
    truth = -np.log(chain[valid[0, :-2], valid[0, 1:-1], valid[0, 2:]]).mean()
    nats = {
        order: CodeNgram([4], order)
        .fit([train])
        .figures([valid], 50)["cross_entropy_nats"]
        for order in (1, 2, 3, 4)
    }
    assert nats[3] == pytest.approx(truth, abs=0.01)
    assert nats[1] > nats[2] > nats[3]
    # One code too many costs little: unseen contexts are smoothed by shorter ones.
    assert nats[4] < nats[3] + 0.02


@pytest.mark.parametrize("context", CONTEXTS)
def test_counting_in_pieces_changes_nothing(
    context: ngrams.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    recordings = [rng.integers(0, 4, (2, n)) for n in (30, 1, 20, 40)]
    whole = CodeNgram([4, 4], context=context).fit(recordings)
    monkeypatch.setattr(ngrams, "PENDING_KEYS", 5)
    pieces = CodeNgram([4, 4], context=context)
    for recording in recordings:
        pieces.fit([recording])
    assert (
        pieces.log_probabilities(recordings[0])
        == whole.log_probabilities(recordings[0])
    ).all()
    assert not pieces._counts[0]._pending


@pytest.mark.parametrize("module", [ngrams, tokens])
def test_the_examples_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
