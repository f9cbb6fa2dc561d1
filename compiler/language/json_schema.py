"""The JSON Schema of graph files, for editors: draft-07, from the live registry, so that plugins' blocks are in it.

Here is the file as a whole; its layers are in json_schema_layers.py, the configs in json_schema_configs.py. A schema
sees one file and no sizes: names of nodes and of stored tensors, shapes and other files stay with `mirbricks check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from .json_schema_configs import Schema, config_schema
from .json_schema_layers import LAYERS, layer_schema, vars_schema

Section = type[BaseModel] | Sequence[type[BaseModel]]

DRAFT = "http://json-schema.org/draft-07/schema#"
NO_DEFAULTS: Mapping[str, type[BaseModel]] = {}

_SIZE = r"(=[1-9]\d{0,9})?"
AXES: Schema = {
    "type": "string",
    "pattern": rf"^(?!.*\b([A-Z]\w*)\b.*\s\1\b)\s*B{_SIZE}(\s+[A-Z][A-Za-z0-9]*{_SIZE})*\s*$|\$\{{",
    "patternErrorMessage": "named axes, each once, the batch first, as in `B C=6 F=360 T`",
    "description": "named axes, the batch first; `=` fixes a size, as in `B C=6 F=360 T`",
}


def graph_schema(
    sections: Mapping[str, Section],
    defaults: Mapping[str, type[BaseModel]] = NO_DEFAULTS,
) -> Schema:
    """The schema of graph files with every registered block; a new dict of plain JSON values.

    sections  the config of each section of an experiment; a list of configs where its key `type` chooses one
    defaults  which config of a list is meant where the section has no `type`
    """
    definitions: Schema = {
        "computed": {
            "type": "string",
            "pattern": r"\$\{",
            "patternErrorMessage": "a value of another kind, or an expression such as ${2 * width}",
        }
    }
    # Layers and sections put their nested models into `definitions` as they are
    # written, so the whole is put together only after them.
    definitions["layer"] = layer_schema(definitions)
    parts = {
        name: _section(name, section, defaults.get(name), definitions)
        for name, section in sections.items()
    }
    definitions["graph"] = _graph(parts)
    return {
        "$schema": DRAFT,
        "title": "mirbricks graph",
        "description": "A model as a graph of blocks; with the sections below it, a whole experiment.",
        "definitions": dict(sorted(definitions.items())),
        # A file in the tutorial's dialect is let pass: the native form would mark its
        # every line as wrong.
        "if": {"type": "object", "required": ["model"]},
        "then": _dialect(),
        "else": {"$ref": "#/definitions/graph"},
    }


def _graph(sections: Mapping[str, Schema]) -> Schema:
    """A file in the native form; `layers` of a variant may name nodes and their changes, its sections hold changes."""
    # What a file needs depends on `extends`: without it the graph must be whole, with
    # it every section may be a part.
    listed: Schema = {
        "properties": {"layers": {**LAYERS, "minItems": 1}, **sections},
        "required": ["layers"],
    }
    parts = {name: _part(section) for name, section in sections.items()}
    changed: Schema = {
        "properties": {"layers": {"anyOf": [LAYERS, _changes()]}, **parts}
    }
    properties: Schema = {
        "name": {
            "type": ["string", "number", "boolean"],
            "description": "name of the graph; else that of the file",
        },
        "extends": {
            "type": "string",
            "description": "path of the graph that this one changes, relative to this file",
        },
        "vars": vars_schema(
            "values that `${...}` uses, each of which may use those above it"
        ),
        "input": {
            "description": "the axes of the input, or of each input by name",
            "anyOf": [
                AXES,
                {"type": "object", "additionalProperties": AXES, "minProperties": 1},
            ],
        },
        "outputs": _outputs(),
        "layers": {"description": "the blocks, in the order in which they run"},
        **{name: {} for name in sections},
    }
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": changed,
        "else": listed,
    }


def _part(section: Schema) -> Schema:
    """Some keys of a section, those of any `type`: the others are in the graph that is extended."""
    keys = {
        key
        for config in section.get("anyOf", [section])
        for key in config["properties"]
    }
    return {"type": "object", "propertyNames": {"enum": sorted(keys)}}


def _dialect() -> Schema:
    text = "the tutorial's dialect: not checked here; `mirbricks check` does, and `mirbricks migrate` rewrites it"
    return {"properties": {"model": {"type": "object", "description": text}}}


def _changes() -> Schema:
    fields: Schema = {"type": "object", "properties": {"replace": LAYERS}}
    return {
        "type": "object",
        "additionalProperties": fields,
        "description": "named nodes and their new fields",
    }


def _outputs() -> Schema:
    words: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    named: Schema = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "minProperties": 1,
    }
    text = "names of nodes or of StoreAs that the model gives back, in a list or as {output: name}"
    return {"description": text, "anyOf": [{"type": "string"}, words, named]}


def _section(
    name: str, section: Section, default: type[BaseModel] | None, definitions: Schema
) -> Schema:
    if isinstance(section, type):
        return config_schema(section, name, definitions)
    chosen: list[Schema] = []
    for model in section:
        config = config_schema(model, model.__name__, definitions)
        # Without its `type` a section is read with the default's config, so only the
        # others must name theirs to be told apart.
        if model is default:
            typed = set()
        else:
            typed = {"type"}
        chosen.append({**config, "required": sorted({*typed, *config["required"]})})
    if len(chosen) == 1:
        return chosen[0]
    return {"description": "settings by the `type`", "anyOf": chosen}
