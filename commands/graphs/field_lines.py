"""The fields of a config, a line each, as `explain` prints them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ...fields import expected, quoted
from ...registry import INFER
from ..wrapping import wrapped


def field_lines(config: type[BaseModel]) -> Iterator[str]:
    """Name, what it takes, its default, and what it is."""
    # A name that is longer than most moves the whole column, so that the facts stay below one another.
    longest = max([18, *map(len, config.model_fields)])
    indent = len("  ") + longest + len(" ")
    for name, info in config.model_fields.items():
        facts = f"{expected(info)}; {_default(info)}. {info.description or ''}"
        yield wrapped(f"  {name:<{longest}} {facts}".rstrip(), indent)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "from_axis" in extra and value == INFER:
        return "inferred"
    if value is None:
        return "default: none"
    if isinstance(value, BaseModel):
        return "default: the defaults of its own fields"
    return f"default: {quoted(value)}"
