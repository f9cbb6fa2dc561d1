"""What a tagging model says of a recording."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Tags:
    """Scores of a recording.

    labels     K names
    scores     (K,) probabilities of the whole recording: means over the patches
    given      those that it has: the best one, or all from their thresholds on
    times_s    (P,) centres of the patches in s
    over_time  (P, K) probabilities of each patch
    """

    labels: tuple[str, ...]
    scores: Float64
    given: tuple[str, ...]
    times_s: Float64
    over_time: Float64

    def files(self) -> dict[str, bytes]:
        """The labels as JSON, the most probable first; the scores over time as CSV."""
        order = np.argsort(-self.scores, kind="stable")
        listed = [
            {"label": self.labels[k], "score": round(float(self.scores[k]), 6)}
            for k in order
        ]
        text = json.dumps(
            {"given": list(self.given), "scores": listed}, indent=1, ensure_ascii=False
        )
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["time_s", *self.labels])
        for time_s, row in zip(self.times_s, self.over_time, strict=True):
            writer.writerow([f"{time_s:.3f}", *(f"{score:.5f}" for score in row)])
        return {
            ".tags.json": f"{text}\n".encode(),
            ".tags.csv": table.getvalue().encode(),
        }
