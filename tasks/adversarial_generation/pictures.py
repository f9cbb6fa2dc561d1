"""What the report of a GAN shows: which recordings its sounds cover, a map of both, and sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...plots.embeddings import embedding_map
from ...plots.tags import label_bars
from ..base import Evaluation, Picture, Sounding
from ..sounds import Sound
from .figures import FEWEST, covered

MOST_BARS = 16  # of a condition; more values are put together in spans


def pictures_of(
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    sounds: Sequence[Sound],
    evaluation: Evaluation,
) -> list[Picture | Sounding]:
    """`rows` are the conditions, by `names`, of the recordings that were evaluated, in their order."""
    tracks = list(evaluation.tracks.values())
    found: list[Picture | Sounding] = []
    if len(tracks) >= FEWEST:
        hits = covered(tracks)
        for name in names:
            found.append(_coverage(name, [row[name] for row in rows], hits))
        found.append(_map(tracks))
    caption = (
        "From noise, with conditions as they occur together in the training recordings."
    )
    found.append(Sounding("generated sounds", caption, sounds))
    return found


def _coverage(name: str, values: Sequence[Any], hits: NDArray[np.bool_]) -> Picture:
    """How much of each value of a condition is covered: a mode that is lost has a short bar."""
    groups = grouped(values)
    figures = {}
    for label, places in groups.items():
        figures[label] = {"coverage": float(hits[places].mean())}
    counts = [len(places) for places in groups.values()]
    caption = (
        "The share of the real recordings that a generated sound is as near to as their fifth real neighbour is. "
        "About .97 is what sounds of the same distribution would reach; a mode that the generator lost is near 0."
    )
    figure = label_bars(figures, counts, f"covered recordings per {name}")
    return Picture(f"coverage per {name}", caption, figure)


def grouped(values: Sequence[Any]) -> dict[str, NDArray[np.int64]]:
    """The places of each value; of many numbers those of spans of them."""
    distinct = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    if len(distinct) <= MOST_BARS or isinstance(distinct[-1], str):
        own = np.array([str(value) for value in values])
        return {str(one): np.flatnonzero(own == str(one)) for one in distinct}

    numbers = np.array(values, np.float64)
    edges = np.linspace(numbers.min(), numbers.max(), MOST_BARS // 2 + 1)
    # The greatest number belongs to the last span.
    which = np.clip(np.searchsorted(edges, numbers, "right") - 1, 0, len(edges) - 2)
    found = {}
    for span in range(len(edges) - 1):
        places = np.flatnonzero(which == span)
        if len(places):
            found[f"{edges[span]:.3g} to {edges[span + 1]:.3g}"] = places
    return found


def _map(tracks: Sequence[Mapping[str, Any]]) -> Picture:
    vectors = np.array(
        [track["real"] for track in tracks] + [track["generated"] for track in tracks]
    )
    names = ["real"] * len(tracks) + ["generated"] * len(tracks)
    caption = "The mel statistics of every recording and of the sound made with its conditions, on two principal axes."
    return Picture("real and generated sounds", caption, embedding_map(vectors, names))
