"""The fields of a config as a table, as `explain` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from ...fields import default_words, expected
from ...registry import INFER
from ..wrapping import wrapped


def field_lines(heading: str, config: type[BaseModel]) -> Iterator[str]:
    """What each field takes and its default, and below it what it means; nothing where there is none.

    Parameters
    ----------
    heading : str
        What the fields are to the reader: fields of a block, settings of a section.
    config : type[BaseModel]
        Whose fields they are.
    """
    fields = config.model_fields
    if not fields:
        return
    # A name that is longer than most moves the whole column, so that the facts stay below one another.
    longest = max([18, *map(len, fields)])
    indent = longest + len("  ")
    yield f"{heading:<{longest}}  takes; default"
    for name, info in fields.items():
        takes = f"{expected(info)}; {default_words(info, INFER)}"
        yield wrapped(f"{name:<{longest}}  {takes}", indent)
        if info.description:
            yield wrapped(f"{'':<{indent}}{info.description}", indent)
