"""What the report of a covers run shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...plots.retrieval import Ranked, ranked, similarity
from ..base import Evaluation, Picture

MOST_TRACKS = 400  # of a similarity matrix
QUERIES, LISTED = 5, 8  # best and worst queries of the ranked lists, and how many results of each


def title_of(item: Any) -> str:
    """Title and performer where the corpus has them, else the key."""
    words = [str(item.entry.first(name)) for name in ("title", "performer") if item.entry.first(name)]
    return ", ".join(words) or str(item.key)


def pictures_of(task: Any, model: nn.Module, items: Sequence[Any], cache: Any, evaluation: Evaluation) -> list[Picture]:
    """The similarity matrix in the order of the works; the best and the worst queries with what they find."""
    by_key = {item.key: item for item in items}
    tracks = sorted(
        (by_key[key] for key in evaluation.tracks if key in by_key), key=lambda item: (task.truth(item), item.key)
    )
    works = [task.truth(item) for item in tracks]
    if len(tracks) < 2:
        return []
    library = task.library(model, tracks, cache)
    pictures = []
    if len(tracks) <= MOST_TRACKS:
        scores = library.rows(slice(0, len(tracks)))
        caption = "A row is a query, a column a reference; the frames along the diagonal are the works."
        pictures.append(
            Picture("similarity", caption, similarity(scores.numpy(), works, [title_of(t) for t in tracks]))
        )
    found = {key: values["mAP"] for key, values in evaluation.tracks.items() if "mAP" in values}
    order = sorted(found, key=lambda key: -found[key])
    for name, keys in (("best", order[:QUERIES]), ("worst", order[QUERIES:][-QUERIES:])):
        if keys:
            rows = [_ranked(library, tracks, works, key, found[key]) for key in keys]
            caption = "What lies nearest to each query, from left to right; versions of its work are green."
            pictures.append(Picture(f"{name} queries", caption, ranked(rows)))
    return pictures


def _ranked(library: Any, tracks: Sequence[Any], works: Sequence[str], key: str, precision: float) -> Ranked:
    number = next(k for k, item in enumerate(tracks) if item.key == key)
    scores = library.rows(slice(number, number + 1))[0]
    scores[number] = -torch.inf
    best = scores.argsort(descending=True)[: min(LISTED, len(tracks) - 1)].tolist()
    results = [(title_of(tracks[k]), float(scores[k]), works[k] == works[number]) for k in best]
    return Ranked(title_of(tracks[number]), precision, results)
