"""A layer written as one line of a native graph file: `Conv2d: {out_channels: 32, kernel_size: [5, 5]}`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from ...registry import INFER, BlockConfig
from .nodes import Layer, Skip

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_NO_NUMBERS = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}


def layer_line(node: Layer | Skip, named: bool) -> str:
    """A block or a skip with the fields that differ from what is inferred or the default; its name if it is `named`."""
    if isinstance(node, Skip):
        return f"{node.op}: {flow(_skip(node))}"
    if node.first:
        return f"Reuse: {flow(node.name)}"
    values: dict[str, Any] = {}
    if named:
        values["name"] = node.name
    if node.given_with:
        values["with"] = list(node.given_with)
    values |= told(node.config)
    if values:
        return f"{node.spec.name}: {flow(values)}"
    return node.spec.name


def _skip(node: Skip) -> str | dict[str, Any]:
    key = node.keys[0] if len(node.keys) == 1 else list(node.keys)
    if isinstance(key, str) and node.fit == "error":
        return key
    return {"key": key, "fit": node.fit}


def told(config: BlockConfig) -> dict[str, Any]:
    """The fields of a config that a graph file has to say."""
    inferred = config.inferred()
    fields = type(config).model_fields
    given = {}
    for name, value in config.model_dump().items():
        default = fields[name].get_default(call_default_factory=True, validated_data={})
        # 1 and True, 2 and 2.0 are equal in Python, and not the same in a file.
        same = (
            default is not PydanticUndefined
            and type(value) is type(default)
            and value == default
        )
        if not (same or (name in inferred and value == INFER)):
            given[name] = value
    return given


def flow(value: Any) -> str:
    """A plain value in YAML's flow style, on one line; read again it is the same."""
    if isinstance(value, Mapping):
        pairs = [f"{flow(key)}: {flow(item)}" for key, item in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        # A word such as `no` or `1e3` is something else to YAML: only reading it shows.
        if _PLAIN.fullmatch(value) and _read(value) == value:
            return value
        return _quoted(value)
    if value is None or isinstance(value, bool):
        if value is None:
            return "null"
        return str(value).lower()
    return _NO_NUMBERS.get(repr(value), repr(value))


def _quoted(text: str) -> str:
    """In double quotes, with escapes for what YAML cannot hold as it is."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)
