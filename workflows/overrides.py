"""Settings that replace those of a graph file: a mapping in Python, KEY=VALUE words on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]  # "train.lr" -> 1e-3


def overrides_of(values: Values | None) -> tuple[str, ...]:
    """The mapping as the words that --set takes: {"train.lr": 1e-3} is ("train.lr=0.001",)."""
    if values is None:
        return ()
    words = []
    for key, value in values.items():
        # Every JSON value is YAML as it stands; a string is written bare, as users write it on the command line.
        if isinstance(value, str):
            text = value
        else:
            text = json.dumps(value)
        words.append(f"{key}={text}")
    return tuple(words)
