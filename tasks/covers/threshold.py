"""From which score on two recordings count as versions of one work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...metrics.tagging import best_thresholds
from .matching import Library

MOST = 2048  # recordings whose pairs are compared to choose a threshold
COUNTS = ("pairs_right", "pairs_found", "pairs_true")


def best_threshold(library: Library, works: Tensor) -> float | None:
    """The score with the highest F1 over all pairs of recordings; None where no two are of one work.

    Of a large library the first recordings count.
    """
    n = min(len(library), MOST)
    scores = library.rows(slice(0, n))[:, :n]
    same = works[:n, None] == works[:n]
    # A recording with itself would be a right pair at any threshold.
    pairs = ~torch.eye(n, dtype=torch.bool)
    if not bool(same[pairs].any()):
        return None

    # The search that tagging uses for one label: a
    # pair is an example, "same work" its label.
    found = scores[pairs].double().numpy()[:, None]
    return float(best_thresholds(found, same[pairs].numpy()[:, None])[0])


def pair_counts(
    scores: Tensor, works: Tensor, query: int, threshold: float
) -> dict[str, float]:
    """What one query adds: its pairs that are found rightly, found at all, and true; of scores (n,) and works (n,)."""
    found = scores >= threshold
    true = works == works[query]
    found[query] = False
    true[query] = False
    counts = (found & true, found, true)
    return {
        name: float(count.sum()) for name, count in zip(COUNTS, counts, strict=True)
    }


def pair_figures(tracks: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Precision, recall and F1 over the pairs of all queries; {} where nothing has been counted."""
    counted = [track for track in tracks.values() if COUNTS[0] in track]
    if not counted:
        return {}
    right, found, true = (
        float(np.sum([track[name] for track in counted])) for name in COUNTS
    )
    # Counts are whole numbers: without any, 0 / 1 stands for 0 / 0.
    # F1 is the harmonic mean of both, 2 right / (found + true).
    precision = right / max(found, 1.0)
    recall = right / max(true, 1.0)
    f1 = 2 * right / max(found + true, 1.0)
    return {"pair_precision": precision, "pair_recall": recall, "pair_f1": f1}
