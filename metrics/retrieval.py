"""Retrieval: how near to a query its other versions are, in blocks of bounded memory.

The query is not a result of its own, and a query without another version is left out. Where distances are equal the
wrong item comes first: a model that gives one and the same embedding for all finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_VALUES = 1 << 24  # distances held at once
K = (1, 5, 10)


@dataclass(frozen=True)
class Ranks:
    """Of one query the ranks of its other versions, ascending, from 1."""

    query: int
    ranks: Tensor

    def figures(self) -> dict[str, float]:
        """Of this query: R1 (rank of the first), RR, AP, ``P@1``, ``P@5``, ``P@10``.

        AP divides by the number of other versions, ``P@k`` by k.
        """
        ranks = self.ranks.double()
        number = torch.arange(1, len(ranks) + 1, dtype=torch.float64)
        figures = {
            "R1": float(ranks[0]),
            "RR": float(1 / ranks[0]),
            "AP": float((number / ranks).mean()),
        }
        return figures | {f"P@{k}": float((ranks <= k).sum()) / k for k in K}


MEANS = {"R1": "MR1", "RR": "MRR", "AP": "mAP", **{f"P@{k}": f"P@{k}" for k in K}}


def retrieval_figures(queries: list[dict[str, float]]) -> dict[str, float]:
    """MR1, MRR, mAP, ``P@1``, ``P@5``, ``P@10``: the means over the queries; NaN without any."""
    if not queries:
        return dict.fromkeys(MEANS.values(), float("nan"))
    return {
        name: sum(q[own] for q in queries) / len(queries) for own, name in MEANS.items()
    }


def ranks_by_embedding(embeddings: Tensor, works: Tensor) -> Iterator[Ranks]:
    """Each query with its ranks by cosine distance of embeddings (n, D); works (n,) are whole numbers.

    Raises ValueError for embeddings that are not finite.
    """
    if not embeddings.isfinite().all():
        raise ValueError("an embedding is not finite")
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    return ranks_in_blocks(lambda rows: -(unit[rows] @ unit.T), works)


def ranks_by_distance(distances: Tensor, works: Tensor) -> Iterator[Ranks]:
    """Each query with its ranks by a matrix of distances (n, n), a row per query; works (n,) are whole numbers."""
    if not distances.isfinite().all():
        raise ValueError("a distance is not finite")
    return ranks_in_blocks(lambda rows: distances[rows], works)


def ranks_in_blocks(
    distances: Callable[[slice], Tensor], works: Tensor
) -> Iterator[Ranks]:
    """Each query with its ranks; `distances(rows)` are those of some queries to all items, (rows, n)."""
    n = len(works)
    # Works as numbers from 0 on, so that a sort lists the members of all of them at once.
    works = torch.unique(works, return_inverse=True)[1]
    sizes = torch.bincount(works)
    members = torch.split(torch.argsort(works, stable=True), sizes.tolist())
    # A few queries at a time: all distances of 100 000 recordings would take 40 GB.
    n_rows = max(1, BLOCK_VALUES // max(1, n))
    for first in range(0, n, n_rows):
        rows = slice(first, min(first + n_rows, n))
        block = distances(rows)
        for row, query in enumerate(range(rows.start, rows.stop)):
            others = members[int(works[query])]
            if len(others) > 1:
                yield Ranks(query, _ranks_of(block[row], others, query))


def _ranks_of(row: Tensor, versions: Tensor, query: int) -> Tensor:
    """One query: 1 + the versions that are nearer + the wrong items that are nearer, or as near."""
    own = row[versions[versions != query]].sort().values
    # `<=` puts wrong items first among equals, `sort` the versions in their order: no tie helps the model.
    wrong = torch.ones(len(row), dtype=torch.bool, device=row.device)
    wrong[versions] = False
    nearer = (row[wrong][None, :] <= own[:, None]).sum(dim=1)
    return (nearer + torch.arange(1, len(own) + 1, device=row.device)).cpu()
