"""The JSON Schema of graph files, for editors: draft-07, from the live registry, so that plugins' blocks are in it.

Pydantic writes the schema of each config in draft 2020-12; here it becomes draft-07, `${...}` is allowed wherever a
value may be computed, and the forms of the language are put around it. A schema sees one file and no sizes: names of
nodes and of stored tensors, shapes and other files stay with `mirbricks check`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from ...registry import INFER, Spec, blocks
from .forms import Branch, Repeat, SubGraph
from .nodes import Join
from .words import JOINS

Schema = dict[str, Any]
Section = type[BaseModel] | Sequence[type[BaseModel]]

NO_DEFAULTS: Mapping[str, type[BaseModel]] = {}

DRAFT = "http://json-schema.org/draft-07/schema#"
COMPUTED: Schema = {"$ref": "#/definitions/computed"}
LAYERS: Schema = {"type": "array", "items": {"$ref": "#/definitions/layer"}}
KEYS: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string"}},
    ]
}
_SIZE = r"(=[1-9]\d{0,9})?"
_NODE = r"[A-Za-z][A-Za-z0-9_]*"
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
    definitions["layer"] = _layer(definitions)
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
        "if": {"type": "object", "required": ["model"]},
        "then": _dialect(),
        "else": {"$ref": "#/definitions/graph"},
    }


def _graph(sections: Mapping[str, Schema]) -> Schema:
    """A file in the native form; `layers` of a variant may name nodes and their changes, its sections hold changes."""
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
        "vars": _vars(
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


def _vars(text: str) -> Schema:
    value: Schema = {"type": ["number", "string", "boolean", "array"]}
    names: Schema = {"pattern": r"^(?!(min|max)$)[A-Za-z_]\w*$"}
    return {
        "type": "object",
        "description": text,
        "propertyNames": names,
        "additionalProperties": value,
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


def _layer(definitions: Schema) -> Schema:
    """One item of `layers:`. A chain of if and else, not anyOf, so that an editor complains of one form only."""
    forms = {
        "repeat": _repeat(definitions),
        "branch": _branch(definitions),
        "graph": _subgraph(definitions),
    }
    layer = _blocks(definitions)
    for key, form in reversed(forms.items()):
        layer = {
            "if": {"type": "object", "required": [key]},
            "then": form,
            "else": layer,
        }
    return {"if": {"type": "string"}, "then": _bare(), "else": layer}


def _bare() -> Schema:
    """`- ReLU`: the blocks that need no field."""
    known = [spec for spec in blocks().values() if not _required(spec)]
    names: Schema = {
        "enum": [s.name for s in known],
        "enumDescriptions": [s.summary for s in known],
    }
    return {"anyOf": [{"type": "string", **names}, COMPUTED]}


def _required(spec: Spec) -> list[str]:
    return [
        name
        for name, info in spec.cls.Config.model_fields.items()
        if info.is_required()
    ]


def _blocks(definitions: Schema) -> Schema:
    """`- Conv2d: {...}`: one key, the name of a block or a skip."""
    skips: Schema = {
        "StoreAs": _word("keep this tensor under a name"),
        "StartFrom": _word("go on from a stored tensor or an input"),
        "Reuse": _word("run a named node again, with the same weights"),
    }
    text = {
        "CatWith": "put the channels of a stored tensor behind those of this one",
        "AddWith": "add a stored tensor",
        "MulWith": "multiply by a stored tensor",
    }
    skips |= {op: _join(text[op], definitions) for op in JOINS}
    properties = {
        **{name: _block(spec, definitions) for name, spec in blocks().items()},
        **skips,
    }
    one: Schema = {
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
    return {"title": "layer", "type": "object", "properties": properties, **one}


def _word(text: str) -> Schema:
    return {"type": "string", "minLength": 1, "description": text}


def _join(text: str, definitions: Schema) -> Schema:
    options = [{"type": "string", "minLength": 1}, _config(Join, "Join", definitions)]
    return {"description": text, "anyOf": options}


def _block(spec: Spec, definitions: Schema) -> Schema:
    schema = _config(spec.cls.Config, spec.name, definitions)
    more = {
        "name": _name("name of the node: its weights go by it"),
        "with": _with("stored tensors, further inputs"),
    }
    schema["properties"] = {**more, **schema["properties"]}
    # A field that has an old name as well is asked for in `allOf`: either word will do.
    if not schema["required"] and "allOf" not in schema:
        schema["type"] = ["object", "null"]
    facts = f"Contract: `{spec.contract.text}`\n\nSource: {spec.source}"
    return {
        **schema,
        "description": spec.summary,
        "markdownDescription": f"{spec.summary}\n\n{facts}",
    }


def _name(text: str) -> Schema:
    rule = "words of letters, digits and _ that begin with a letter, joined by dots"
    pattern = rf"^{_NODE}(\.{_NODE})*$|\$\{{"
    return {
        "type": "string",
        "pattern": pattern,
        "patternErrorMessage": rule,
        "description": text,
    }


def _with(text: str) -> Schema:
    return {"description": text, **copy.deepcopy(KEYS)}


def _repeat(definitions: Schema) -> Schema:
    schema = _config(Repeat, "repeat", definitions)
    schema["properties"]["layers"] = {**LAYERS, "description": "the layers to repeat"}
    schema["properties"]["index"] |= {"pattern": r"^[A-Za-z_]\w*$|\$\{"}
    return {**schema, "required": ["repeat", "layers"]}


def _branch(definitions: Schema) -> Schema:
    schema = _config(Branch, "branch", definitions)
    text = "the paths, each a list of layers; [] is the tensor itself"
    schema["properties"]["branch"] = {
        "type": "array",
        "items": LAYERS,
        "minItems": 2,
        "description": text,
    }
    return {**schema, "required": ["branch"]}


def _subgraph(definitions: Schema) -> Schema:
    schema = _config(SubGraph, "graph", definitions)
    own = schema["properties"]
    own["vars"] = _vars(own["vars"]["description"])
    own["name"] = _name(own["name"]["description"])
    return schema


def _section(
    name: str, section: Section, default: type[BaseModel] | None, definitions: Schema
) -> Schema:
    if isinstance(section, type):
        return _config(section, name, definitions)
    chosen: list[Schema] = []
    for model in section:
        config = _config(model, model.__name__, definitions)
        if model is default:
            typed = set()
        else:
            typed = {"type"}
        chosen.append({**config, "required": sorted({*typed, *config["required"]})})
    if len(chosen) == 1:
        return chosen[0]
    return {"description": "settings by the `type`", "anyOf": chosen}


def _config(model: type[BaseModel], owner: str, definitions: Schema) -> Schema:
    """The mapping that a config is read from; its nested models go to `definitions`, under the owner's name."""
    given = model.model_json_schema()
    for name, nested in given.pop("$defs", {}).items():
        definitions[f"{owner}.{name}"] = _draft07(nested, owner)
    schema = _draft07(given, owner)
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
        elif key == "prefixItems":
            schema["items"] = [_computable(_draft07(part, owner)) for part in value]
            schema["additionalItems"] = False
        elif key == "items" or (
            key == "additionalProperties" and isinstance(value, Mapping)
        ):
            schema[key] = _computable(_draft07(value, owner))
        elif key == "$ref":
            schema[key] = value.replace("#/$defs/", f"#/definitions/{owner}.")
        elif key not in ("title", "from_axis", "discriminator"):
            schema[key] = copy.deepcopy(value)
    return schema


def _field(given: Mapping[str, Any], owner: str) -> Schema:
    schema = _computable(_draft07(given, owner))
    if "from_axis" in given and str(INFER) not in schema["description"]:
        schema["description"] += f"; left out or {INFER}: found from the input"
    return schema


def _computable(schema: Schema) -> Schema:
    """The schema, or `${...}` in its place; as it is where it takes any word."""
    about: Schema = {
        key: schema[key] for key in ("description", "default") if key in schema
    }
    kind = {key: value for key, value in schema.items() if key not in about}
    if set(kind) == {"anyOf"}:
        options = kind["anyOf"]
    else:
        options = [kind]
    if not kind or {"type": "string"} in options:
        return schema
    words = [option for option in options if "enum" in option]
    others = [option for option in options if "enum" not in option]
    # words first: of several mistakes an editor tells the first
    return {**about, "anyOf": [*words, *others, COMPUTED]}
