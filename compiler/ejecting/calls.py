"""Calls as text, broken over lines where they are long, as formatters do it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 88
INDENT = "    "


@dataclass(frozen=True)
class Call:
    """A function and its arguments, as text or as calls themselves; or, with other brackets, a dict and its items."""

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
    one_line = f"{inner}{', '.join(map(str, call.arguments))}"
    if len(one_line) <= WIDTH and call.brackets == "()":
        middle = [one_line]
    elif (
        len(call.arguments) == 1
        and call.brackets == "()"
        and isinstance(call.arguments[0], Call)
    ):
        middle = lines(inner, call.arguments[0])
    else:
        middle = [
            line for argument in call.arguments for line in _argument(inner, argument)
        ]
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
    if isinstance(value, float) and (
        value != value or value in (float("inf"), -float("inf"))
    ):
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
    if len(items) == 1:
        return f"({inside},)"
    return f"({inside})"
