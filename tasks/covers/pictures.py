"""What the report of a covers run shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ...plots.retrieval import Ranked, ranked, similarity
from ..base import Case, Evaluation, Picture
from ..excerpts import densest, recorded
from .works import work_or_key

MOST_TRACKS = 400  # of a similarity matrix
# best and worst queries of the ranked lists, and how many results of each
QUERIES = 5
LISTED = 8
NO_AUDIO = "The corpus has features and no audio, so there is nothing to hear."
MOST_HEARD = 3  # wrong queries with players
MOST_NAMED = 4  # versions in a line


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
) -> list[Picture | Case]:
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
    pictures: list[Picture | Case] = []
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

    wrong = [k for k in reversed(order) if found[k] < 1.0]
    for k in wrong[:MOST_HEARD]:
        pictures.append(_case(library, gallery, works, k, found[k]))
    return pictures


def _case(
    library: Any,
    gallery: Sequence[Any],
    works: Sequence[str],
    number: int,
    precision: float,
) -> Case:
    """A query that does not find its versions first: what it finds, what it should, and all to hear."""
    order = _nearest(library, number)
    versions = [k for k in order if works[k] == works[number]]
    first = order[0]
    title = title_of(gallery[number])
    parts = [(number, "query"), (versions[0], "the nearest version of its work")]
    if first != versions[0]:
        parts.append((first, "what it finds first"))
    sounds = []
    for k, role in parts:
        item = gallery[k]
        start_s = densest(np.empty(0), item.duration_s or 0.0)
        sounds += recorded(item, start_s, f"{role}: {title_of(item)}")
    return Case(
        f"query: {title}",
        truth=", ".join(title_of(gallery[k]) for k in versions[:MOST_NAMED]),
        estimate=f"first is {title_of(gallery[first])}",
        score=f"average precision {precision:.3f}; the first version is at rank {order.index(versions[0]) + 1}",
        caption="" if sounds else NO_AUDIO,
        sounds=sounds,
    )


def _nearest(library: Any, number: int) -> list[int]:
    """All other recordings, the most alike first."""
    scores = library.rows(slice(number, number + 1))[0].clone()
    # A query is nearest to itself.
    scores[number] = -torch.inf
    return [k for k in scores.argsort(descending=True).tolist() if k != number]


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
