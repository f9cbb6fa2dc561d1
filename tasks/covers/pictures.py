"""What the report of a covers run shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...plots.retrieval import Ranked, ranked, similarity
from ..base import Evaluation, Picture
from .works import work_or_key

MOST_TRACKS = 400  # of a similarity matrix
# best and worst queries of the ranked lists, and how many results of each
QUERIES = 5
LISTED = 8


def title_of(item: Any) -> str:
    """Title and performer where the corpus has them, else the key."""
    words = [
        str(item.entry.first(name))
        for name in ("title", "performer")
        if item.entry.first(name)
    ]
    return ", ".join(words) or str(item.key)


def pictures_of(
    task: Any,
    model: nn.Module,
    items: Sequence[Any],
    cache: Any,
    evaluation: Evaluation,
) -> list[Picture]:
    """The similarity matrix in the order of the works; the best and the worst queries with what they find."""
    judged = [item for item in items if item.key in evaluation.tracks]
    # In the order of their works, versions form blocks along the diagonal.
    gallery = sorted(
        task.gallery(judged),
        key=lambda item: (work_or_key(item, task.config), item.key),
    )
    if len(gallery) < 2:
        return []
    works = [work_or_key(item, task.config) for item in gallery]
    names = [title_of(item) for item in gallery]
    library = task.library(model, gallery, cache)
    pictures = []
    own = [k for k, item in enumerate(gallery) if item.key in evaluation.tracks]
    if 1 < len(own) <= MOST_TRACKS:
        scores = torch.stack([library.rows(slice(k, k + 1))[0, own] for k in own])
        figure = similarity(
            scores.numpy(), [works[k] for k in own], [names[k] for k in own]
        )
        caption = "A row is a query, a column a reference; the frames along the diagonal are the works."
        pictures.append(Picture("similarity", caption, figure))
    figures = {k: evaluation.tracks[gallery[k].key] for k in own}
    found = {
        k: float(values["mAP"]) for k, values in figures.items() if "mAP" in values
    }
    order = sorted(found, key=lambda k: -found[k])
    # The worst are taken from what the best have left, so that no query is shown twice.
    for name, numbers in (
        ("best", order[:QUERIES]),
        ("worst", order[QUERIES:][-QUERIES:]),
    ):
        if numbers:
            figure = ranked(
                [_ranked(library, works, names, k, found[k]) for k in numbers]
            )
            caption = "What lies nearest to each query, from left to right; versions of its work are green."
            pictures.append(Picture(f"{name} queries", caption, figure))
    return pictures


def _ranked(
    library: Any,
    works: Sequence[str],
    names: Sequence[str],
    number: int,
    precision: float,
) -> Ranked:
    scores = library.rows(slice(number, number + 1))[0].clone()
    # A query is nearest to itself.
    scores[number] = -torch.inf
    best = scores.argsort(descending=True)[: min(LISTED, len(works) - 1)].tolist()
    return Ranked(
        names[number],
        precision,
        [(names[k], float(scores[k]), works[k] == works[number]) for k in best],
    )
