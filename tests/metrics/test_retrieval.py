"""Ranks and figures of retrieval against naive loops, on full matrices with ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.metrics import retrieval
from mirbricks.metrics.retrieval import (
    ranks_by_distance,
    ranks_by_embedding,
    retrieval_figures,
)


def naive(distances: torch.Tensor, works: list[int]) -> list[dict[str, float]]:
    """Each query by sorting a list; at equal distance a wrong item comes first."""
    found = []
    for query in range(len(works)):
        others = [item for item in range(len(works)) if item != query]
        if not any(works[item] == works[query] for item in others):
            continue
        order = sorted(
            others,
            key=lambda item: (
                float(distances[query, item]),
                works[item] == works[query],
            ),
        )
        hits = [works[item] == works[query] for item in order]
        ranks = [place for place, hit in enumerate(hits, 1) if hit]
        precisions = [sum(hits[:rank]) / rank for rank in ranks]
        found.append(
            {"R1": float(ranks[0]), "RR": 1 / ranks[0], "AP": sum(precisions) / len(ranks),
             "P@1": float(hits[0]), "P@5": sum(hits[:5]) / 5, "P@10": sum(hits[:10]) / 10}
        )  # fmt: skip
    return found


@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 6))
def test_ranks_equal_a_naive_loop(seed: int, n: int, n_works: int) -> None:
    rng = np.random.default_rng(seed)
    works = rng.integers(0, n_works, n)
    distances = torch.from_numpy(
        rng.integers(0, 5, (n, n)).astype(float)
    )  # many ties, not symmetric
    found = [
        ranks.figures()
        for ranks in ranks_by_distance(distances, torch.from_numpy(works))
    ]
    wanted = naive(distances, works.tolist())
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(40, 8, generator=generator)
    works = torch.arange(40) // 3
    whole = [(r.query, r.ranks.tolist()) for r in ranks_by_embedding(embeddings, works)]
    monkeypatch.setattr(retrieval, "BLOCK_VALUES", 300)
    assert [
        (r.query, r.ranks.tolist()) for r in ranks_by_embedding(embeddings, works)
    ] == whole
    assert [query for query, _ in whole] == list(
        range(39)
    )  # the last work has one version only


def test_one_embedding_for_all_finds_nothing() -> None:
    ranks = list(ranks_by_embedding(torch.ones(6, 3), torch.tensor([0, 0, 1, 1, 2, 2])))
    assert [r.ranks.tolist() for r in ranks] == [[5]] * 6


def test_figures_are_means_over_the_queries() -> None:
    works = torch.tensor([0, 0, 1, 1, 1])
    distances = torch.tensor(
        [
            [0, 1, 2, 3, 4],
            [1, 0, 0.5, 3, 4],
            [9, 9, 0, 1, 2],
            [9, 9, 1, 0, 2],
            [0.5, 9, 1, 2, 0],
        ]
    )
    figures = retrieval_figures(
        [r.figures() for r in ranks_by_distance(distances, works)]
    )
    assert figures["MR1"] == pytest.approx((1 + 2 + 1 + 1 + 2) / 5)
    assert figures["MRR"] == pytest.approx((1 + 0.5 + 1 + 1 + 0.5) / 5)
    assert figures["mAP"] == pytest.approx((1 + 0.5 + 1 + 1 + (1 / 2 + 2 / 3) / 2) / 5)
    assert figures["P@1"] == pytest.approx(3 / 5)
    assert figures["P@10"] == pytest.approx((1 + 1 + 2 + 2 + 2) / 50)
    assert np.isnan(retrieval_figures([])["mAP"])


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="an embedding is not finite"):
        list(ranks_by_embedding(torch.tensor([[float("nan")]]), torch.tensor([0])))
