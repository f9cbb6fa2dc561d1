"""What is wrong with a part of a .pyjama file, and the words in which it is reported."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from .atoms import ABSENT

_NUMBER = {int, float}
_LONGEST = 60  # characters of a value that a message repeats


class Fault(NamedTuple):
    """The code of the error, what is wrong, and perhaps what to do."""

    code: str
    text: str
    help: str | None = None


def flat(value: Any) -> Iterator[Any]:
    """The single values of a value: itself, those of a list, those of the rows of a matrix."""
    for row in value if isinstance(value, list) else [value]:
        if isinstance(row, list):
            yield from row
        else:
            yield row


def is_number(value: Any) -> bool:
    """Whether it is a number of JSON: true and false are not."""
    return type(value) in _NUMBER


def are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= _NUMBER


def is_finite(value: Any) -> bool:
    """Whether every number in it, however nested, is finite."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list) and not are_numbers(value):
        return all(map(is_finite, value))
    if not isinstance(value, (list, float, int)):
        return True
    try:
        if isinstance(value, list):
            return all(map(math.isfinite, value))
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def quoted(value: Any) -> str:
    """A value as messages repeat it, cut where it is long."""
    if value is None or value is ABSENT:
        text = "nothing"
    else:
        text = f"'{value}'"
    if len(text) <= _LONGEST:
        return text
    return text[: _LONGEST - 3] + "...'"


def kind_of(value: Any) -> str:
    """What JSON calls a value."""
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    return kinds.get(type(value), "a number")
