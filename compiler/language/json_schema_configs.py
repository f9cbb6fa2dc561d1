"""The JSON Schema of one config, in draft-07.

Pydantic writes it in draft 2020-12; here it becomes draft-07, and `${...}` is allowed wherever a value may be computed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ...registry import INFER

Schema = dict[str, Any]

COMPUTED: Schema = {"$ref": "#/definitions/computed"}


def config_schema(model: type[BaseModel], owner: str, definitions: Schema) -> Schema:
    """The mapping that a config is read from; its nested models go to `definitions`, under the owner's name."""
    # Two blocks may have nested models of the same name, so each goes under its
    # owner's.
    given = model.model_json_schema()
    for name, nested in given.pop("$defs", {}).items():
        definitions[f"{owner}.{name}"] = _draft07(nested, owner)
    schema = _draft07(given, owner)
    # Pydantic leaves out what is empty; those who add to the schema need it there.
    schema.setdefault("properties", {})
    schema.setdefault("required", [])
    schema |= {"title": owner, "additionalProperties": False}
    if model.__doc__:
        schema["description"] = model.__doc__.strip().split("\n")[0]
    return schema


def _draft07(given: Mapping[str, Any], owner: str) -> Schema:
    """A schema of pydantic's in draft-07, its titles (the fields' names again) left out."""
    schema: Schema = {}
    for key, value in given.items():
        if key == "properties":
            schema[key] = {name: _field(part, owner) for name, part in value.items()}
        elif key in ("anyOf", "oneOf", "allOf"):
            schema[key] = [_draft07(part, owner) for part in value]
        # A list with a schema per place: `prefixItems` is not a word of draft-07, and an
        # editor would let anything pass there.
        elif key == "prefixItems":
            schema["items"] = [_computable(_draft07(part, owner)) for part in value]
            schema["additionalItems"] = False
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            schema[key] = _computable(_draft07(value, owner))
        elif key == "$ref":
            schema[key] = value.replace("#/$defs/", f"#/definitions/{owner}.")
        # `discriminator` is OpenAPI's, `from_axis` is our own: editors warn of words
        # that they do not know. A copy, because the callers change what they get.
        elif key not in ("title", "from_axis", "stored", "discriminator"):
            schema[key] = copy.deepcopy(value)
    return schema


def _field(given: Mapping[str, Any], owner: str) -> Schema:
    schema = _computable(_draft07(given, owner))
    if "from_axis" in given and str(INFER) not in schema["description"]:
        schema["description"] += f"; left out or {INFER}: found from the input"
    return schema


def _computable(schema: Schema) -> Schema:
    """The schema, or `${...}` in its place; as it is where it takes any word."""
    # The description stays outside of `anyOf`: editors do not show that of an option.
    about: Schema = {
        key: schema[key] for key in ("description", "default") if key in schema
    }
    kind = {key: value for key, value in schema.items() if key not in about}
    if set(kind) == {"anyOf"}:
        options = kind["anyOf"]
    else:
        options = [kind]
    # A field that takes any text takes `${...}` already.
    if not kind or {"type": "string"} in options:
        return schema
    words = [option for option in options if "enum" in option]
    others = [option for option in options if "enum" not in option]
    # Words come first: of several mistakes an editor shows the first, and a list of
    # words tells more than `must be a number`.
    return {**about, "anyOf": [*words, *others, COMPUTED]}
