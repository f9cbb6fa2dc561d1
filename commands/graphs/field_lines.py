"""The fields of a config, a line each, as `explain` prints them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from ...fields import default_words, expected
from ...registry import INFER
from ..wrapping import wrapped


def field_lines(config: type[BaseModel]) -> Iterator[str]:
    """Name, what it takes, its default, and what it is."""
    # A name that is longer than most moves the whole column, so that the facts stay below one another.
    longest = max([18, *map(len, config.model_fields)])
    indent = len("  ") + longest + len(" ")
    for name, info in config.model_fields.items():
        facts = (
            f"{expected(info)}; {default_words(info, INFER)}. {info.description or ''}"
        )
        yield wrapped(f"  {name:<{longest}} {facts}".rstrip(), indent)
