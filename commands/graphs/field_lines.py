"""The fields of a config, a line each, as `explain` prints them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ...fields import expected, quoted
from ...registry import INFER


def field_lines(config: type[BaseModel]) -> Iterator[str]:
    """Name, what it takes, its default, and what it is."""
    for name, info in config.model_fields.items():
        facts = f"{expected(info)}; {_default(info)}. {info.description or ''}"
        yield f"  {name:<18} {facts}".rstrip()


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
