"""Calls as text, broken over lines where they are long, as formatters do it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 88
INDENT = "    "


@dataclass(frozen=True)
class Call:
    """A function and its arguments, as text or as calls themselves; or, with a name and "=" in its place, the items of
    a dict, a list or a tuple in their brackets.
    """

    function: str
    arguments: tuple[str | Call, ...] = ()
    brackets: str = "()"

    def __str__(self) -> str:
        return f"{self.function}{self.brackets[0]}{', '.join(map(str, self.arguments))}{self.brackets[1]}"


def lines(before: str, call: Call, after: str = "") -> list[str]:
    """`before` (with its indent), the call, `after`: on one line if it fits, else the arguments on others."""
    whole = f"{before}{call}{after}"
    if len(whole) <= WIDTH or not call.arguments:
        return [whole]
    indent = before[: len(before) - len(before.lstrip())]
    inner = f"{indent}{INDENT}"
    # As formatters do it: all arguments on one line, else one per line with a comma
    # behind each. A call that is the only argument opens without a comma. Only calls
    # have these two forms; items always get a line each.
    one_line = f"{inner}{', '.join(map(str, call.arguments))}"
    is_call = call.brackets == "()" and not call.function.endswith("=")
    only = call.arguments[0] if len(call.arguments) == 1 else None
    middle: list[str] = []
    if is_call and len(one_line) <= WIDTH:
        middle = [one_line]
    elif is_call and isinstance(only, Call):
        middle = lines(inner, only)
    else:
        for argument in call.arguments:
            middle += _argument(inner, argument)
    return [
        f"{before}{call.function}{call.brackets[0]}",
        *middle,
        f"{indent}{call.brackets[1]}{after}",
    ]


def _argument(indent: str, argument: str | Call) -> list[str]:
    if isinstance(argument, Call):
        return lines(indent, argument, ",")
    return [f"{indent}{argument},"]


def literal(value: Any) -> str | None:
    """A value as Python writes it, words in double quotes; None for what has no such form."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    # `repr` of these three is a name that Python does not know.
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return _sequence(value)
    if isinstance(value, dict):
        pairs = [(literal(key), literal(item)) for key, item in value.items()]
        if all(key and item for key, item in pairs):
            return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    return None


def _sequence(values: Sequence[Any]) -> str | None:
    items = [literal(value) for value in values]
    inside = ", ".join(item for item in items if item)
    if None in items:
        return None
    if isinstance(values, list):
        return f"[{inside}]"
    # Without its comma a tuple of one is a number in brackets.
    if len(items) == 1:
        return f"({inside},)"
    return f"({inside})"
