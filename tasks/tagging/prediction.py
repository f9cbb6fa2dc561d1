"""What a tagging model predicts for a recording."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..predictions import Prediction, drawn

Float64 = NDArray[np.float64]
LISTED = 5  # labels that `repr` names


@dataclass(frozen=True, repr=False, eq=False)
class Tags(Prediction):
    """Labels of a recording, with their scores over time.

    Parameters
    ----------
    vocabulary : tuple of str, K
        Every label that the model knows.
    probabilities : array of float, (K,)
        Of the whole recording: means over the patches.
    labels : tuple of str
        The labels that the recording has: the best one, or all whose probability reaches their threshold.
    times_s : array of float, (P,)
        Centres of the patches in seconds.
    over_time : array of float, (P, K)
        Probabilities of each patch.
    """

    vocabulary: tuple[str, ...]
    probabilities: Float64
    labels: tuple[str, ...]
    times_s: Float64
    over_time: Float64

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.vocabulary[int(self.probabilities.argmax())]

    @property
    def scores(self) -> dict[str, float]:
        """The probability of every label, the most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return {self.vocabulary[k]: float(self.probabilities[k]) for k in order}

    def answer(self) -> str:
        """The labels that the recording has, with their probabilities."""
        scores = self.scores
        ranked = [label for label in scores if label in self.labels]
        words = [f"{label} ({scores[label]:.2f})" for label in ranked[:LISTED]]
        if len(ranked) > LISTED:
            words.append("...")
        return (
            ", ".join(words)
            or f"no label; the best is {self.label} ({scores[self.label]:.2f})"
        )

    def files(self) -> dict[str, bytes]:
        """The labels as JSON, the most probable first; the scores over time as CSV."""
        listed = [
            {"label": label, "score": round(score, 6)}
            for label, score in self.scores.items()
        ]
        text = json.dumps(
            {"given": list(self.labels), "scores": listed}, indent=1, ensure_ascii=False
        )
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["time_s", *self.vocabulary])
        for time_s, row in zip(self.times_s, self.over_time, strict=True):
            writer.writerow([f"{time_s:.3f}", *(f"{score:.5f}" for score in row)])
        return {
            ".tags.json": f"{text}\n".encode(),
            ".tags.csv": table.getvalue().encode(),
        }

    def plot(self, ax: Any = None) -> Any:
        """The scores over time, a row per label; see `Prediction.plot`."""
        from ...plots.tags import tagogram  # matplotlib takes a second to import

        return drawn(
            tagogram,
            self.times_s,
            self.over_time,
            self.vocabulary,
            self.labels,
            self.title,
            ax=ax,
        )
