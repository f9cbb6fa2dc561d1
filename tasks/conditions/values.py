"""The values of conditions as annotations have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ...errors import TaskError, did_you_mean
from ...printable import listed

LISTED = 20  # values that a message names
Value = str | int | float


class Annotated(Protocol):
    """A recording with annotations: an item of a corpus."""

    @property
    def key(self) -> str: ...
    @property
    def annotations(self) -> Mapping[str, Sequence[Any]]: ...


def value_of(item: Annotated, name: str) -> Value:
    """The one value of an annotation of a recording. Raises TaskError E560 for none, or several."""
    values = []
    for atom in item.annotations.get(name, ()):
        several = atom.value if isinstance(atom.value, list) else [atom.value]
        values += [as_plain(value) for value in several]
    distinct = list(dict.fromkeys(values))
    if len(distinct) == 1:
        value: Value = distinct[0]
        return value
    known = sorted(set(item.annotations) - {"filepath"})
    if distinct:
        message = f"'{item.key}' has {len(distinct)} values of the condition '{name}', and a sound has one"
        raise TaskError(
            message,
            code="E560",
            facts=[("values", listed([str(v) for v in distinct], LISTED, quote=""))],
            help="choose an annotation with one value per recording",
        )
    raise TaskError(
        f"'{item.key}' has no annotation '{name}', which is a condition",
        code="E560",
        facts=[("got", listed(known, LISTED) or "no annotations")],
        help=did_you_mean(name, known) or "set task.conditions to annotations it has",
    )


def as_number(value: Any) -> int | float | None:
    """A number, also one written as text; whole ones as int. None for anything else, NaN and infinity with it."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def as_plain(value: Any) -> Any:
    """Python's own number or text: NumPy's cannot be written as JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
