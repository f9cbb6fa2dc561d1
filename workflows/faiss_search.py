"""Search by FAISS, for libraries of millions: the same scores as the exact search by torch."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RunError
from ..tasks.covers import Library


def nearest_by_faiss(
    library: Library, queries: Sequence[Tensor], most: int
) -> tuple[Tensor, Tensor]:
    """Scores and numbers (Q, most) of the nearest recordings, best first.

    (cosine - mean) / deviation is an inner product with one more number, and minus a squared distance is one with
    two, so an index of inner products is exact; of the R rotations of a recording the best `most` · R vectors hold
    those of the best `most` recordings.
    Raises RunError E634 without faiss, and where a recording has several vectors.
    """
    refuse_chunks(library, queries)
    faiss = faiss_library()
    vectors = _references(library)
    n_rotations = vectors.shape[1]
    index = faiss.IndexFlatIP(vectors.shape[2])
    index.add(np.ascontiguousarray(vectors.flatten(0, 1).numpy()))
    asked = torch.stack([_asked(library, query[0]) for query in queries])
    # All rotations of a recording may be nearer than any other recording, so as many are asked for.
    scores, rows = index.search(np.ascontiguousarray(asked.numpy()), most * n_rotations)
    best_scores = []
    best = []
    for own, numbers in zip(scores, rows // n_rotations, strict=True):
        # The first place of each recording, in the order of the scores: a recording counts by its best rotation.
        first = np.sort(np.unique(numbers, return_index=True)[1])[:most]
        best_scores.append(own[first])
        best.append(numbers[first])
    return torch.from_numpy(np.stack(best_scores)), torch.from_numpy(np.stack(best))


def refuse_chunks(library: Library, queries: Sequence[Tensor] = ()) -> None:
    """Raise RunError E634 where a recording, or a query, has several vectors."""
    if int(library.counts.max()) > 1 or any(len(query) > 1 for query in queries):
        raise RunError(
            "FAISS searches one vector per recording, and this index has one per chunk",
            code="E634",
            help="leave --faiss and --compress out, or train with task.vectors: mean",
        )


def faiss_library() -> Any:
    """The library. Raises RunError E634 where it is not installed."""
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise RunError(
            "the package 'faiss' is not installed",
            code="E634",
            help="pip install 'mirbricks[retrieval]', or leave --faiss and --compress out",
        ) from error


def _references(library: Library) -> Tensor:
    """(n, R, D + 1) or (n, R, D + 2): what gives the score as the product with `_asked`."""
    vectors = library.vectors
    means = library.mean[:, None, None].expand(-1, vectors.shape[1], 1)
    if library.alike_by == "cosine":
        # The mean becomes one more number of each vector, and a 1 of each query: their product is then the score.
        vectors = torch.cat([vectors, -means], dim=2)
    else:
        # -|q - p|² / D - mean is the product of (2 p / D, -|p|² / D - mean, -1 / D) with (q, 1, |q|²).
        size = vectors.shape[2]
        squares = vectors.square().sum(dim=2, keepdim=True)
        ones = torch.ones_like(squares)
        parts = [2 * vectors / size, -squares / size - means, -ones / size]
        vectors = torch.cat(parts, dim=2)
    return vectors / library.deviation[:, None, None]


def _asked(library: Library, query: Tensor) -> Tensor:
    """A query (D,) with the numbers by which `_references` is longer."""
    if library.alike_by == "cosine":
        return torch.cat([query, torch.ones(1)])
    return torch.cat([query, torch.ones(1), query.square().sum()[None]])
