"""A mapping of the graph file to a validated config, every mistake reported at its own place."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ...errors import GraphError, GraphWarning, MirbricksError, did_you_mean
from ...fields import expected, quoted, union_parts
from ...settings import OldWordWarning, taken_by_old_names
from ...where import edit_at
from .source import Source, Steps
from .words import SKIPS, own_item

NO_WORDS: Mapping[str, str] = {}
MOST_TOLD = 50  # mistakes of one mapping
KIND = "type"  # the key that says which of several mappings is meant
M = TypeVar("M", bound=BaseModel)


class OldWord(GraphWarning):
    """The old name of a field in a graph file; `new` is its name of today."""

    new: str = ""


def read_config(
    model: type[M],
    values: Any,
    source: Source,
    steps: Steps,
    label: str,
    errors: list[MirbricksError],
    words: Mapping[str, str] = NO_WORDS,
    more: Sequence[str] = (),
    warned: list[GraphWarning] | None = None,
) -> M | None:
    """The config of `values`, or None after adding one error per mistake to `errors`.

    `steps` leads to the mapping in `source`; `label` names it in messages ("Conv2d", "train"). `words` gives the user's
    own words for fields that have another name there; `more` are keys of the mapping that the caller reads. An old
    name of a field is taken, with a warning at its place that goes to `warned`, or to `warnings.warn` without one.
    """
    if not isinstance(values, Mapping):
        message = f"{label}: expected a mapping of keys to values, got {quoted(values)}"
        hint = f"write `{label}: {{key: value}}`"
        errors.append(
            GraphError(message, code="E106", where=source.value(steps), help=hint)
        )
        return None
    # Pydantic would take one of the two in silence.
    both = _both_words(model, values, source, steps, label)
    if both:
        errors += both
        return None
    old_words = taken_by_old_names(model, values)
    words = {**words, **{new: old for old, new in old_words.items()}}
    try:
        config, found = _validated(model, values)
    except ValidationError as error:
        explainer = _Explainer(model, values, source, steps, label, words, tuple(more))
        errors.extend(explainer.explain(error))
        return None
    for told in _at_their_places(found, source, steps):
        if warned is None:
            warnings.warn(told, stacklevel=2)
        else:
            warned.append(told)
    return config


def _both_words(
    model: type[BaseModel],
    values: Mapping[str, Any],
    source: Source,
    steps: Steps,
    label: str,
) -> list[GraphError]:
    """An error for each old name of a field that is given under its new name as well."""
    renamed: Mapping[str, str] = getattr(model, "renamed", {})
    return [
        GraphError(
            f"{label}: '{old}' is the old name of '{new}', and both are given",
            code="E105",
            where=source.key((*steps, old)),
            help=f"keep '{new}'",
        )
        for old, new in renamed.items()
        if old in values and new in values
    ]


def _validated(
    model: type[M], values: Mapping[str, Any]
) -> tuple[M, list[OldWordWarning]]:
    """The config, and the old words in it, at any depth; other warnings go their way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = model.model_validate(dict(values))
    old_words = []
    for one in caught:
        if isinstance(one.message, OldWordWarning):
            old_words.append(one.message)
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return config, old_words


def _at_their_places(
    found: Sequence[OldWordWarning], source: Source, steps: Steps
) -> Iterator[OldWord]:
    """A warning for each place at which an old word stands below `steps`."""
    for one in found:
        message = f"'{one.old}' is called '{one.new}' now"
        hint = f"write `{one.new}`; `mirbricks migrate` does so in the whole file"
        # Pydantic does not say where an old word was; a word of that name anywhere below
        # is taken to be it, and the mapping itself where there is none.
        below = [
            where
            for place, where in source.keys.items()
            if place[: len(steps)] == steps and place[-1:] == (one.old,)
        ]
        for where in below or [source.key(steps)]:
            edit = edit_at(where, one.old, one.new, f"change to {one.new}")
            edits = [edit] if edit else []
            told = OldWord(message, code="W104", where=where, help=hint, edits=edits)
            told.new = one.new
            yield told


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """What the key `type` of such a mapping may be."""
    field = model.model_fields.get(KIND)
    return get_args(field.annotation) if field is not None else ()


def _is_index(word: object) -> bool:
    return isinstance(word, int)


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
        """One error per key, at its own place at any depth."""
        return self._explained(error.errors()[:MOST_TOLD])

    def _explained(self, details: Sequence[Any]) -> list[MirbricksError]:
        """What was found in this mapping, then what was found in the mappings within it."""
        own = []
        within: dict[str, list[Any]] = {}
        for detail in details:
            name = str(detail["loc"][0]) if detail["loc"] else ""
            if len(detail["loc"]) > 1 and self._section(name) is not None:
                below = {**detail, "loc": detail["loc"][1:]}
                within.setdefault(name, []).append(below)
            else:
                own.append(detail)
        told = self._of_keys(own)
        for name, below_details in within.items():
            inner = self._within(name)
            # Of several kinds pydantic finds fault with each; the one that `type` names is meant.
            if len(self._models(name)) > 1:
                below_details = inner._details()
            told += inner._explained(below_details)
        return told

    def _models(self, name: str) -> list[type[BaseModel]]:
        """The configs that a field may hold, where it is written as a mapping of its own."""
        field = self.fields.get(name)
        if field is None or not isinstance(self._given(name), Mapping):
            return []
        return [
            part
            for part in union_parts(field.annotation)
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]

    def _section(self, name: str) -> type[BaseModel] | None:
        """The one that is meant; None where nothing says which."""
        models = self._models(name)
        if len(models) == 1:
            return models[0]
        kind = self._given(name).get(KIND) if models else None
        return next((one for one in models if kind in _kinds(one)), None)

    def _details(self) -> list[Any]:
        """What pydantic finds in this mapping by itself."""
        try:
            self.model.model_validate(dict(self.values))
        except ValidationError as error:
            return list(error.errors()[:MOST_TOLD])
        return []

    def _within(self, name: str) -> _Explainer:
        """The same for the mapping under a key."""
        model = self._section(name)
        assert model is not None
        word = self.word(name)
        values = self._given(name)
        old_words = taken_by_old_names(model, values)
        return _Explainer(
            model,
            values,
            self.source,
            (*self.steps, word),
            f"{self.label}.{word}",
            {new: old for old, new in old_words.items()},
            (),
        )

    def _given(self, name: str) -> Any:
        return self.values.get(self.word(name), self.values.get(name))

    def _of_keys(self, details: Sequence[Any]) -> list[MirbricksError]:
        """One error per key; a missing key is not told where an unknown one is nearly that word."""
        # By key, so that a field of several possible types gives one error, not one per
        # type that its value is not; rules of the whole mapping count by their kind.
        found: dict[tuple[str, str], MirbricksError] = {}
        missing = {}
        for detail in details:
            if detail["loc"]:
                name = str(detail["loc"][0])
            else:
                name = ""
            if detail["type"] == "missing" and len(detail["loc"]) == 1:
                missing[self.word(name)] = self.missing(name)
            elif detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
                found[name, ""] = self.unknown(name)
            else:
                kind = "" if name else detail["type"]
                found.setdefault((name, kind), self.bad_value(name, detail))
        # `outchannels: 4` is one mistake: where the hint to an unknown key names the
        # missing one, "missing" would be a second message about the same word.
        hints = " ".join(e.help or "" for e in found.values() if e.code == "E105")
        asked = [one for word, one in missing.items() if f"'{word}'" not in hints]
        return [*asked, *found.values()]

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
        # A bare word has no mapping that a key could be added to.
        if not self.values and len(self.steps) and self.label.isidentifier():
            needed = [word for word, one in self.fields.items() if one.is_required()]
            keys = ", ".join(f"{self.word(word)}: ..." for word in needed)
            hint = f"write `{self.label}: {{{keys}}}`"
        return GraphError(
            message, code="E108", where=self.source.key(self.steps), help=hint
        )

    def unknown(self, name: str) -> GraphError:
        known = [*map(self.word, self.fields), *self.more]
        # A skip among the keys of a block is an item that lost its `-`: no key is meant.
        if name in SKIPS:
            near: str | None = own_item(name)
        else:
            near = did_you_mean(name, known)
        hint = near or f"{self.label} takes {', '.join(known) or 'no keys'}"
        where = self.source.key((*self.steps, name))
        return GraphError(
            f"{self.label} has no key '{name}'", code="E105", where=where, help=hint
        )

    def bad_value(self, name: str, detail: Any) -> GraphError:
        place = (*self.steps, self.word(name))
        # A rule of the config's own, over one field or several, brings its own sentence.
        if not name or detail["type"] == "value_error":
            if name:
                # Of a list the item that is meant, such as one of several augmentations.
                inner = itertools.takewhile(_is_index, detail["loc"][1:])
                where = self.source.value((*place, *inner))
            else:
                where = self.source.key(self.steps)
            text = str(detail["msg"]).removeprefix("Value error, ")
            return GraphError(f"{self.label}: {text}", code="E106", where=where)
        if self._models(name):
            return self._no_kind(name)
        word = self.word(name)
        field = self.fields[name]
        # The whole value as the file has it: pydantic's is only the part that it disliked.
        got = quoted(self.values.get(word, self.values.get(name, detail["input"])))
        if field.description:
            hint = f"{word}: {field.description}"
        else:
            hint = None
        # Of a few allowed words the nearest is a better hint than what the field is for.
        parts = union_parts(field.annotation)
        literals = [part for part in parts if get_origin(part) is Literal]
        choices = [choice for part in literals for choice in get_args(part)]
        if isinstance(detail["input"], str) and choices:
            hint = did_you_mean(detail["input"], map(str, choices)) or hint
        message = f"{self.label}: '{word}' must be {expected(field)}, got {got}"
        return GraphError(
            message, code="E106", where=self.source.value(place), help=hint
        )

    def _no_kind(self, name: str) -> GraphError:
        """A mapping of several kinds whose `type` names none of them."""
        place = (*self.steps, self.word(name))
        kinds = [kind for model in self._models(name) for kind in _kinds(model)]
        listing = ", ".join(map(quoted, kinds))
        given = self._given(name)
        label = f"{self.label}.{self.word(name)}"
        if KIND not in given:
            return GraphError(
                f"{label}: '{KIND}' is missing: one of {listing}",
                code="E108",
                where=self.source.key(place),
                help=f"add `{KIND}: ...`",
            )
        near = did_you_mean(str(given[KIND]), map(str, kinds))
        return GraphError(
            f"{label}: '{KIND}' must be one of {listing}, got {quoted(given[KIND])}",
            code="E106",
            where=self.source.value((*place, KIND)),
            help=near or "choose one of these",
        )
