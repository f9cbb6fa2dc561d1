"""What several commands are given: the shape of the input."""

from __future__ import annotations

from typing import Any

from ...errors import GraphError


def input_shape(words: list[str] | None) -> Any:
    """The sizes of --input: one list, or a dict of them; raises `GraphError` where a size is not a number."""
    if not words:
        return None
    # Without a name the sizes are those of the only input.
    named = [word.partition("=") for word in words]
    if len(named) == 1 and not named[0][1]:
        return _sizes(words[0])
    return {name: _sizes(sizes) for name, _, sizes in named}


def _sizes(text: str) -> list[int | None]:
    try:
        return [None if size in ("*", "") else int(size) for size in text.split(",")]
    except ValueError:
        message = f"--input: expected sizes separated by commas, got '{text}'"
        raise GraphError(
            message,
            code="E207",
            help="write --input 1,6,360,64, with * for a free size",
        ) from None
