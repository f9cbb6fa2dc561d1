"""A mapping of the graph file to a validated config, every mistake reported at its own place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ...errors import GraphError, MirbricksError, did_you_mean
from ...fields import expected, quoted, union_parts
from .source import Source, Steps
from .words import SKIPS, own_item

NO_WORDS: Mapping[str, str] = {}
MOST_TOLD = 50  # mistakes of one mapping
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
            for part in union_parts(field.annotation)
            if get_origin(part) is Literal
            for c in get_args(part)
        ]
        if isinstance(detail["input"], str) and choices:
            hint = did_you_mean(detail["input"], map(str, choices)) or hint
        message = f"{self.label}: '{word}' must be {expected(field)}, got {got}"
        return GraphError(
            message, code="E106", where=self.source.value(place), help=hint
        )
