"""Settings that replace those of a graph file: a mapping in Python, KEY=VALUE words on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .arguments import wrong

Values = Mapping[str, Any]  # "train.lr" -> 1e-3


def overrides_of(values: Values | None) -> tuple[str, ...]:
    """The mapping as the words that --set takes: {"train.lr": 1e-3} is ("train.lr=0.001",).

    Raises DataError E437 for what is not a mapping of names to plain values.
    """
    if values is None:
        return ()
    if not isinstance(values, Mapping):
        raise wrong("set", 'a mapping such as {"train.lr": 1e-3}', values)
    words = []
    for key, value in values.items():
        words.append(f"{key}={_text(key, value)}")
    return tuple(words)


def _text(key: str, value: Any) -> str:
    """JSON, which is YAML too; a word needs no quotes in an assignment."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, default=_plain)
    except TypeError:
        raise wrong(f"set['{key}']", "a number, a word or a list", value) from None


def _plain(value: Any) -> Any:
    """numpy's numbers, which sweeps give, and paths as plain values."""
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "__fspath__"):
        return str(value)
    raise TypeError
