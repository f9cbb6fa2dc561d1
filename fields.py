"""Values and fields in words: what a message quotes, what a field takes, what `help()` shows of a config."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from itertools import islice
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

LONGEST_QUOTE = 60  # characters of a list or mapping that a message repeats
# "an integer from 1 to 5 or 2 integers from 1 to 5", and whether more follows.
ALIKE = re.compile(
    r"(an integer|a number)( from \S+ to \S+| [>≥] \S+(?: and [<≤] \S+)?)"
    r" or (\d (?:integers|numbers))\2( or)?"
)
PARAMETERS = "Parameters\n----------"


def with_parameters(doc: str, config: type[BaseModel], inferred: int) -> str:
    """A docstring with a numpydoc section of the config's fields, unless it has one.

    inferred  the default that stands for "the size of an axis"
    """
    text = cleandoc(doc)
    if PARAMETERS in text or not config.model_fields:
        return text
    lines = [text, "", PARAMETERS]
    for name, info in config.model_fields.items():
        lines.append(f"{name} : {expected(info)}{_default(info, inferred)}")
        if info.description:
            lines.append(f"    {info.description}")
    return "\n".join(lines) + "\n"


def without_parameters(doc: str) -> str:
    """A docstring as it was before `with_parameters`."""
    return cleandoc(doc).partition(f"\n\n{PARAMETERS}")[0]


def _default(info: FieldInfo, inferred: int) -> str:
    if info.is_required():
        return ""
    value = info.get_default(call_default_factory=True)
    if is_inferred(info, value, inferred):
        return ", default: inferred"
    if value is None:
        return ", default: none"
    return f", default: {quoted(value)}"


def is_inferred(info: FieldInfo, value: Any, inferred: int) -> bool:
    """Whether a value stands for a size that the compiler takes from an axis."""
    extra = info.json_schema_extra
    return isinstance(extra, dict) and "from_axis" in extra and value == inferred


def default_words(info: FieldInfo, inferred: int) -> str:
    """The default of a field in words, as in "default: 3"; `inferred` is the default that stands for a size."""
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if is_inferred(info, value, inferred):
        return "inferred"
    if value is None:
        return "default: none"
    if isinstance(value, BaseModel):
        return "default: the defaults of its own fields"
    return f"default: {quoted(value)}"


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
    parts = union_parts(field.annotation)
    bounds = _limits(field.metadata, is_whole=int in parts)
    words = [_words(part) for part in parts]
    least = next(
        (m.min_length for m in field.metadata if isinstance(m, annotated_types.MinLen)),
        None,
    )
    text = ALIKE.sub(_each, " or ".join(dict.fromkeys(words))) + bounds
    return f"{text}, at least {least}" if least else text


def _each(found: re.Match[str]) -> str:
    """The limits that hold for one number and for each of several, once."""
    one, limits, several, goes_on = found.groups()
    return f"{one} or {several}, each{limits}{', or' if goes_on else ''}"


def union_parts(annotation: Any) -> list[Any]:
    """The members of a union, None left out; the thing itself where it is no union."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return [
            part
            for member in get_args(annotation)
            if member is not type(None)
            for part in union_parts(member)
        ]
    if is_one_of_several(annotation):
        return union_parts(get_args(annotation)[0])
    return [annotation]


def is_one_of_several(annotation: Any) -> bool:
    """Whether it is a mapping of several kinds, of which a key such as `type` says which one is meant."""
    if get_origin(annotation) is not typing.Annotated:
        return False
    marks = get_args(annotation)[1:]
    return any(isinstance(one, FieldInfo) and one.discriminator for one in marks)


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
        return _words(args[0]) + _limits(args[1:], is_whole=args[0] is int)
    if origin is Literal:
        return "one of " + ", ".join(quoted(choice) for choice in args)
    if origin is tuple:
        if _bounded(args[0]):
            member = get_args(args[0])[0]
            limits = _limits(get_args(args[0])[1:], is_whole=member is int)
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


def _limits(metadata: Any, is_whole: bool) -> str:
    """ " from 1 to 512" where both ends are known and belong to it, else " > 0", " ≥ 0 and < 1"."""
    bounds = dict(_bounds(metadata))
    closed = dict(bounds)
    if is_whole and ">" in bounds:
        closed = {"≥": closed.pop(">") + 1, **closed}
    if is_whole and "<" in bounds:
        closed["≤"] = closed.pop("<") - 1
    if set(closed) == {"≥", "≤"}:
        return f" from {closed['≥']} to {closed['≤']}"
    return " and".join(f" {sign} {bound}" for sign, bound in bounds.items())


def _bounds(metadata: Any) -> list[tuple[str, Any]]:
    """The lower and the upper bound; of several the narrowest."""
    lower: list[tuple[Any, bool]] = []
    upper: list[tuple[Any, bool]] = []
    for one in _flat(metadata):
        if isinstance(one, annotated_types.Gt | annotated_types.Ge):
            is_open = isinstance(one, annotated_types.Gt)
            lower.append((getattr(one, "gt" if is_open else "ge"), is_open))
        if isinstance(one, annotated_types.Lt | annotated_types.Le):
            is_closed = isinstance(one, annotated_types.Le)
            upper.append((getattr(one, "le" if is_closed else "lt"), is_closed))
    found = []
    if lower:
        value, is_open = max(lower)
        found.append((">" if is_open else "≥", value))
    if upper:
        value, is_closed = min(upper)
        found.append(("≤" if is_closed else "<", value))
    return found


def _flat(metadata: Any) -> Iterator[Any]:
    """The limits, those that a `Field(...)` inside an `Annotated` type holds too."""
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _flat(one.metadata)
        else:
            yield one
