"""A mapping of the graph file to a validated config, every mistake reported at its own place."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ...errors import GraphError, MirbricksError, did_you_mean
from .source import Source, Steps
from .words import SKIPS, own_item

NO_WORDS: Mapping[str, str] = {}
MOST_TOLD = 50  # mistakes of one mapping
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
    more: Sequence[str] = (),
) -> M | None:
    """The config of `values`, or None after adding one error per mistake to `errors`.

    `steps` leads to the mapping in `source`; `label` names it in messages ("Conv2d", "train"). `words` gives the user's
    own words for fields that have another name there; `more` are keys of the mapping that the caller reads.
    """
    if not isinstance(values, Mapping):
        message = f"{label}: expected a mapping of keys to values, got {quoted(values)}"
        hint = f"write `{label}: {{key: value}}`"
        errors.append(
            GraphError(message, code="E106", where=source.value(steps), help=hint)
        )
        return None
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        errors.extend(
            _Explainer(model, values, source, steps, label, words, tuple(more)).explain(
                error
            )
        )
        return None


@dataclass(frozen=True)
class _Explainer:
    """Puts pydantic's findings about one mapping in the user's words."""

    model: type[BaseModel]
    values: Mapping[str, Any]
    source: Source
    steps: Steps
    label: str
    words: Mapping[str, str]
    more: tuple[str, ...]

    def explain(self, error: ValidationError) -> list[MirbricksError]:
        """One error per key; a missing key is not told where an unknown one is nearly that word."""
        found: dict[tuple[str, str], MirbricksError] = {}
        missing = {}
        for detail in error.errors()[:MOST_TOLD]:
            if detail["loc"]:
                name = str(detail["loc"][0])
            else:
                name = ""
            if detail["type"] == "missing" and len(detail["loc"]) == 1:
                missing[self.word(name)] = self.missing(name)
            elif detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
                found[name, ""] = self.unknown(name)
            else:
                found.setdefault(
                    (name, detail["type"] if not name else ""),
                    self.bad_value(name, detail),
                )
        hints = " ".join(e.help or "" for e in found.values() if e.code == "E105")
        return [e for word, e in missing.items() if f"'{word}'" not in hints] + list(
            found.values()
        )

    def word(self, name: str) -> str:
        return self.words.get(name, name)

    @property
    def fields(self) -> dict[str, FieldInfo]:
        """The fields by the words that a file uses for them."""
        return {
            info.alias or name: info for name, info in self.model.model_fields.items()
        }

    def missing(self, name: str) -> GraphError:
        message = f"{self.label}: '{self.word(name)}' is missing: {expected(self.fields[name])}"
        hint = f"add `{self.word(name)}: ...`"
        return GraphError(
            message, code="E108", where=self.source.key(self.steps), help=hint
        )

    def unknown(self, name: str) -> GraphError:
        known = [*map(self.word, self.fields), *self.more]
        near = own_item(name) if name in SKIPS else did_you_mean(name, known)
        hint = near or f"{self.label} takes {', '.join(known) or 'no keys'}"
        where = self.source.key((*self.steps, name))
        return GraphError(
            f"{self.label} has no key '{name}'", code="E105", where=where, help=hint
        )

    def bad_value(self, name: str, detail: Any) -> GraphError:
        place = (*self.steps, self.word(name))
        if (
            not name or detail["type"] == "value_error"
        ):  # a rule of the config's own, over one or several fields
            if name:
                where = self.source.value(place)
            else:
                where = self.source.key(self.steps)
            text = str(detail["msg"]).removeprefix("Value error, ")
            return GraphError(f"{self.label}: {text}", code="E106", where=where)
        word = self.word(name)
        field = self.fields[name]
        got = quoted(self.values.get(word, self.values.get(name, detail["input"])))
        if field.description:
            hint = f"{word}: {field.description}"
        else:
            hint = None
        choices = [
            c
            for part in _parts(field.annotation)
            if get_origin(part) is Literal
            for c in get_args(part)
        ]
        if isinstance(detail["input"], str) and choices:
            hint = did_you_mean(detail["input"], map(str, choices)) or hint
        message = f"{self.label}: '{word}' must be {expected(field)}, got {got}"
        return GraphError(
            message, code="E106", where=self.source.value(place), help=hint
        )


def quoted(value: Any) -> str:
    """A value as the user wrote it, with its kind where that helps: 'abc', [3, 5], nothing."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{_short(value)}'"
    if isinstance(value, Mapping):
        first = islice(value.items(), LONGEST_QUOTE)
        return _short(
            "{" + ", ".join(f"{key}: {_bare(item)}" for key, item in first) + "}"
        )
    if isinstance(value, tuple | list):
        return _short(f"[{', '.join(map(_bare, value[:LONGEST_QUOTE]))}]")
    return str(value)


def _bare(value: Any) -> str:
    """A value inside a list or mapping, as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    return quoted(value)


def _short(text: str) -> str:
    if len(text) <= LONGEST_QUOTE:
        return text
    return f"{text[:LONGEST_QUOTE]}…"


def expected(field: FieldInfo) -> str:
    """What a field takes, in words: "an integer > 0, or 2 integers"."""
    bounds = _limits(field.metadata)
    words = [_words(part) for part in _parts(field.annotation)]
    least = next(
        (m.min_length for m in field.metadata if isinstance(m, annotated_types.MinLen)),
        None,
    )
    return (
        " or ".join(dict.fromkeys(words))
        + bounds
        + (f", at least {least}" if least else "")
    )


def _parts(annotation: Any) -> list[Any]:
    """The members of a union, None left out; the thing itself where it is no union."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return [
            part
            for member in get_args(annotation)
            if member is not type(None)
            for part in _parts(member)
        ]
    return [annotation]


_SIMPLE = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    str: ("a word", "words"),
}


def _words(annotation: Any) -> str:
    origin = get_origin(annotation)
    args = get_args(annotation)
    if origin is typing.Annotated:
        return _words(args[0]) + _limits(args[1:])
    if origin is Literal:
        return "one of " + ", ".join(quoted(choice) for choice in args)
    if origin is tuple:
        if _bounded(args[0]):
            member = get_args(args[0])[0]
            limits = _limits(get_args(args[0])[1:])
        else:
            member = args[0]
            limits = ""
        plural = _SIMPLE.get(member, ("a value", "values"))[1] + limits
        if args[-1] is Ellipsis:
            return f"a list of {plural}"
        return f"{len(args)} {plural}"
    if origin is dict or (
        isinstance(annotation, type) and issubclass(annotation, BaseModel | dict)
    ):
        return "a mapping"
    return _SIMPLE.get(annotation, (getattr(annotation, "__name__", str(annotation)),))[
        0
    ]


def _bounded(annotation: Any) -> bool:
    return get_origin(annotation) is typing.Annotated


def _limits(metadata: Any) -> str:
    return " and".join(f" {sign} {bound}" for sign, bound in _bounds(metadata))


def _bounds(metadata: Any) -> list[tuple[str, Any]]:
    signs = {
        annotated_types.Gt: ">",
        annotated_types.Ge: "≥",
        annotated_types.Lt: "<",
        annotated_types.Le: "≤",
    }
    return [
        (sign, getattr(m, kind.__name__.lower()))
        for m in metadata
        for kind, sign in signs.items()
        if type(m) is kind
    ]
