"""Several runs side by side, each a column: what the page of a comparison shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..tasks.base import Figures


@dataclass(frozen=True)
class Comparison:
    """Several runs.

    Parameters
    ----------
    names : sequence of str
        What tells the runs apart.
    about : sequence of mapping
        Graph, data, seed and the like of each, as text.
    figures : sequence of mapping of str to float
        Of each run's own evaluation.
    settings : mapping
        The settings that differ: a text per run, by their path such as "train.lr".
    metrics : sequence
        The lines of each run's metrics.jsonl.
    tracks : sequence of mapping
        The figures of each run's tracks.
    """

    names: Sequence[str]
    about: Sequence[Mapping[str, str]]
    figures: Sequence[Mapping[str, float]]
    settings: Mapping[str, Sequence[str]]
    metrics: Sequence[Sequence[Mapping[str, Any]]]
    tracks: Sequence[Mapping[str, Figures]]

    def in_rows(self) -> dict[str, list[float | None]]:
        """The value of each figure in every run, None where a run lacks it; in the order of the first."""
        names = dict.fromkeys(name for figures in self.figures for name in figures)
        return {name: [own.get(name) for own in self.figures] for name in names}

    def shared_tracks(self, figure: str) -> dict[str, list[float]]:
        """The value of a figure in every run, for the tracks that all of them judged."""
        found = {}
        for key in self.tracks[0]:
            values = [own.get(key, {}).get(figure) for own in self.tracks]
            numbers = [float(v) for v in values if isinstance(v, int | float)]
            if len(numbers) == len(self.tracks):
                found[key] = numbers
        return found
