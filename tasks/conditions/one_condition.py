"""One condition: its values in the training recordings, and what a graph reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import TaskError, did_you_mean
from ...printable import listed
from .values import LISTED, Value, as_number, as_plain

NUMBER_FEATURES = 2  # the value, and whether there is one


@dataclass(frozen=True)
class Condition:
    """One condition.

    Parameters
    ----------
    name : str
        The annotation that it is read from.
    values : tuple of str, int or float
        Every value of the training recordings, sorted.
    mean, deviation : float, optional
        Of a number that is given as a scaled value; None for classes.
    """

    name: str
    values: tuple[Value, ...]
    mean: float | None = None
    deviation: float | None = None

    @property
    def is_number(self) -> bool:
        """Whether values are numbers, as classes or scaled."""
        return not isinstance(self.values[0], str)

    @property
    def is_scaled(self) -> bool:
        """Whether the model is given a scaled value, and not the number of a class."""
        return self.mean is not None

    @property
    def n_classes(self) -> int:
        """Classes with the one of a dropped condition; 0 for a scaled value."""
        if self.is_scaled:
            return 0
        return len(self.values) + 1

    def encode(self, values: Sequence[Value | None]) -> Tensor:
        """Class numbers (B,) int64, or scaled values (B, 2) float32; None is a dropped condition.

        Raises TaskError E561 for a value that no training recording has, of scaled ones for what is not a number.
        """
        if self.mean is None or self.deviation is None:
            numbers = {value: number for number, value in enumerate(self.values)}
            dropped = len(self.values)
            rows = []
            for value in values:
                rows.append(dropped if value is None else numbers[self.known(value)])
            return torch.tensor(rows, dtype=torch.int64)
        pairs = torch.zeros(len(values), NUMBER_FEATURES)
        for row, value in enumerate(values):
            if value is not None:
                scaled = (float(self.known(value)) - self.mean) / self.deviation
                pairs[row] = torch.tensor([scaled, 1.0])
        return pairs

    def dropped(self, count: int) -> Tensor:
        """The condition of `count` sounds of which it is not known."""
        return self.encode([None] * count)

    def known(self, value: Any) -> Value:
        """The value as the training recordings have it: "60" is the number 60. Raises TaskError E561."""
        plain = as_plain(value)
        if self.is_number:
            number = as_number(plain)
            if number is not None and (self.is_scaled or number in self.values):
                return number
            raise self._not_seen(value)
        if str(plain) in self.values:
            return str(plain)
        raise self._not_seen(value)

    def _not_seen(self, value: object) -> TaskError:
        if self.is_scaled:
            message = f"the condition '{self.name}' is a number, got '{value}'"
            span = f"{self.values[0]} to {self.values[-1]} in the training recordings"
            return TaskError(
                message, code="E561", facts=[("values", span)], help="give a number"
            )
        words = [str(known) for known in self.values]
        near = None
        if not self.is_number:
            near = did_you_mean(str(value), words)
        return TaskError(
            f"no training recording has '{value}' as its '{self.name}'",
            code="E561",
            facts=[("values", listed(words, LISTED, quote=""))],
            help=near or "choose one of these values",
        )


def fitted(name: str, column: Sequence[Value], scaled: bool) -> Condition:
    numbers = [None if isinstance(value, str) else as_number(value) for value in column]
    plain = [number for number in numbers if number is not None]
    if len(plain) < len(column):
        if scaled:
            message = f"the graph reads '{name}' as a number, and its values are words"
            raise TaskError(
                message,
                code="E562",
                facts=[("got", f"'{next(v for v in column if isinstance(v, str))}'")],
                help=f"write `{name}: B` in `input:`: words are given as class numbers",
            )
        return Condition(name, tuple(sorted({str(value) for value in column})))
    values = tuple(sorted(set(plain)))
    if not scaled:
        return Condition(name, values)
    # One value has no spread, and is as good as any other.
    deviation = float(np.std(plain)) or 1.0
    return Condition(name, values, float(np.mean(plain)), deviation)
