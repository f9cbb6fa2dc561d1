"""Means of what each step gives by name, between two lines of metrics.jsonl."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor


class Means:
    """The means of named values, such as side losses, over the steps that one line sums up."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, found: Mapping[str, Tensor]) -> None:
        """Note those of a step."""
        for name, value in found.items():
            self.values.setdefault(name, []).append(float(value.detach()))

    def take(self) -> dict[str, float]:
        """The means since the last call, by name."""
        means = {}
        for name, values in self.values.items():
            means[name] = math.fsum(values) / len(values)
        self.values.clear()
        return means
