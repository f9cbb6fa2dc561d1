"""A mapping of the graph file to a validated config, every mistake reported at its own place."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ..errors import GraphError, MirbricksError, did_you_mean
from .source import Source, Steps

NO_WORDS: Mapping[str, str] = {}
LONGEST_QUOTE = 60  # characters of a list or mapping that a message repeats
M = TypeVar("M", bound=BaseModel)


def read_config(
    model: type[M],
    values: Any,
    source: Source,
    steps: Steps,
    label: str,
    errors: list[MirbricksError],
    words: Mapping[str, str] = NO_WORDS,
) -> M | None:
    """The config of `values`, or None after adding one error per mistake to `errors`.

    `steps` leads to the mapping in `source`; `label` names it in messages ("Conv2d", "train"). `words` gives fields
    that the user knows under another word; a word that is no field is a key that something else reads.
    """
    if not isinstance(values, Mapping):
        message = f"{label}: expected a mapping of keys to values, got {quoted(values)}"
        hint = f"write `{label}: {{key: value}}`"
        errors.append(GraphError(message, code="E106", where=source.value(steps), help=hint))
        return None
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        found: dict[tuple[str, str], MirbricksError] = {}
        known = [*(words.get(field, field) for field in model.model_fields), *(w for w in words if w == words[w])]
        for detail in _without_consequences(known, error.errors()):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            found.setdefault((name, detail["type"] if not name else ""), _explain(model, detail, source, steps, label, words, known))
        errors.extend(found.values())
        return None


def _without_consequences(known: Sequence[str], details: Sequence[Any]) -> list[Any]:
    """A missing key is not reported where an unknown one is nearly that word."""
    unknown = [str(d["loc"][0]) for d in details if d["type"] == "extra_forbidden"]
    near = " ".join(did_you_mean(word, known) or "" for word in unknown)
    return [d for d in details if d["type"] != "missing" or f"'{d['loc'][0]}'" not in near]


def _explain(model: type[BaseModel], detail: Any, source: Source, steps: Steps, label: str) -> GraphError:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "missing":
        wanted = expected(model.model_fields[name])
        message = f"{label}: '{name}' is missing: {wanted}"
        return GraphError(message, code="E108", where=source.key(steps), help=f"add `{name}: ...`")
    if detail["type"] == "extra_forbidden":
        near = did_you_mean(name, model.model_fields) or f"{label} knows: {', '.join(model.model_fields) or 'no keys'}"
        return GraphError(f"{label} has no key '{name}'", code="E105", where=source.key((*steps, name)), help=near)
    if not name or detail["type"] == "value_error":  # a rule of the config's own, over one or several fields
        where = source.value((*steps, name)) if name else source.key(steps)
        text = str(detail["msg"]).removeprefix("Value error, ")
        return GraphError(f"{label}: {text}", code="E106", where=where)
    field = model.model_fields[name]
    got = quoted(detail["input"] if len(detail["loc"]) == 1 else _given(source, (*steps, name), detail["input"]))
    hint = f"{name}: {field.description}" if field.description else None
    choices = [c for part in _parts(field.annotation) if get_origin(part) is Literal for c in get_args(part)]
    if isinstance(detail["input"], str) and choices:
        hint = did_you_mean(detail["input"], map(str, choices)) or hint
    message = f"{label}: '{name}' must be {expected(field)}, got {got}"
    return GraphError(message, code="E106", where=source.value((*steps, name)), help=hint)


def _given(source: Source, steps: Steps, otherwise: Any) -> Any:
    """What the user wrote at `steps`: messages quote the whole value, not the part that failed."""
    value = source.data
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return value


def quoted(value: Any) -> str:
    """A value as the user wrote it, with its kind where that helps: 'abc', [3, 5], nothing."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Mapping):
        return _short("{" + ", ".join(f"{key}: {_bare(item)}" for key, item in value.items()) + "}")
    if isinstance(value, tuple | list):
        return _short(f"[{', '.join(map(_bare, value))}]")
    return str(value)


def _bare(value: Any) -> str:
    """A value inside a list or mapping, as YAML writes it."""
    return "null" if value is None else value if isinstance(value, str) else quoted(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def expected(field: FieldInfo) -> str:
    """What a field takes, in words: "an integer > 0, or 2 integers"."""
    bounds = _limits(field.metadata)
    words = [_words(part) for part in _parts(field.annotation)]
    return " or ".join(dict.fromkeys(words)) + bounds


def _parts(annotation: Any) -> list[Any]:
    """The members of a union, None left out; the thing itself where it is no union."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return [part for member in get_args(annotation) if member is not type(None) for part in _parts(member)]
    return [annotation]


_SIMPLE = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    str: ("a word", "words"),
}


def _words(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _words(args[0]) + _limits(args[1:])
    if origin is Literal:
        return "one of " + ", ".join(quoted(choice) for choice in args)
    if origin is tuple:
        member = args[0] if not hasattr(args[0], "__metadata__") else get_args(args[0])[0]
        plural = _SIMPLE.get(member, ("a value", "values"))[1]
        return f"a list of {plural}" if args[-1] is Ellipsis else f"{len(args)} {plural}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping"
    return _SIMPLE.get(annotation, (getattr(annotation, "__name__", str(annotation)),))[0]


def _limits(metadata: Any) -> str:
    return " and".join(f" {sign} {bound}" for sign, bound in _bounds(metadata))


def _bounds(metadata: Any) -> list[tuple[str, Any]]:
    signs = {annotated_types.Gt: ">", annotated_types.Ge: "≥", annotated_types.Lt: "<", annotated_types.Le: "≤"}
    return [
        (sign, getattr(m, kind.__name__.lower())) for m in metadata for kind, sign in signs.items() if type(m) is kind
    ]
