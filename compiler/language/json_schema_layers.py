"""The JSON Schema of one item of `layers:`: a block, a skip, or one of the forms around them."""

from __future__ import annotations

import copy

from ...registry import Spec, blocks
from .forms import Branch, Repeat, SubGraph
from .json_schema_configs import COMPUTED, Schema, config_schema
from .nodes import Join
from .words import JOINS

LAYERS: Schema = {"type": "array", "items": {"$ref": "#/definitions/layer"}}
KEYS: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string"}},
    ]
}
_NODE = r"[A-Za-z][A-Za-z0-9_]*"


def layer_schema(definitions: Schema) -> Schema:
    """One item of `layers:`. A chain of if and else, not anyOf, so that an editor complains of one form only."""
    forms = {
        "repeat": _repeat(definitions),
        "branch": _branch(definitions),
        "graph": _subgraph(definitions),
    }
    # Built from the inside out: the blocks are what remains when no form's own key is
    # there.
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
    # Skips and Reuse are words of the language: the registry has only blocks.
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
    options = [
        {"type": "string", "minLength": 1},
        config_schema(Join, "Join", definitions),
    ]
    return {"description": text, "anyOf": options}


def _block(spec: Spec, definitions: Schema) -> Schema:
    schema = config_schema(spec.cls.Config, spec.name, definitions)
    more = {
        "name": _name("name of the node: its weights go by it"),
        "with": _with("stored tensors, further inputs"),
    }
    # The config's own fields win: a block may have a field `name`.
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
    schema = config_schema(Repeat, "repeat", definitions)
    schema["properties"]["layers"] = {**LAYERS, "description": "the layers to repeat"}
    schema["properties"]["index"] |= {"pattern": r"^[A-Za-z_]\w*$|\$\{"}
    return {**schema, "required": ["repeat", "layers"]}


def _branch(definitions: Schema) -> Schema:
    schema = config_schema(Branch, "branch", definitions)
    text = "the paths, each a list of layers; [] is the tensor itself"
    schema["properties"]["branch"] = {
        "type": "array",
        "items": LAYERS,
        "minItems": 2,
        "description": text,
    }
    return {**schema, "required": ["branch"]}


def _subgraph(definitions: Schema) -> Schema:
    schema = config_schema(SubGraph, "graph", definitions)
    own = schema["properties"]
    own["vars"] = vars_schema(own["vars"]["description"])
    own["name"] = _name(own["name"]["description"])
    return schema


def vars_schema(text: str) -> Schema:
    value: Schema = {"type": ["number", "string", "boolean", "array"]}
    names: Schema = {"pattern": r"^(?!(min|max)$)[A-Za-z_]\w*$"}
    return {
        "type": "object",
        "description": text,
        "propertyNames": names,
        "additionalProperties": value,
    }
