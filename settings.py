"""What every set of settings has in common: of a block, a feature, a task, an augmentation, a training."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from .errors import did_you_mean


class OldWordWarning(FutureWarning):
    """The old name of a field; `old` and `new` are the two words."""

    def __init__(self, label: str, old: str, new: str) -> None:
        super().__init__(f"{label}: '{old}' is called '{new}' now")
        self.old = old
        self.new = new


class Settings(BaseModel):
    """Strict types, no unknown keys, immutable; the lists of YAML and JSON become tuples.

    `renamed` maps words of an older version to those of today. An old word goes on working, with a warning that
    names the new one; who reads a file turns that into a warning at the word's line.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )
    renamed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_plain_values(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        old_words = taken_by_old_names(cls, values)
        for old, new in old_words.items():
            warnings.warn(OldWordWarning(cls.__qualname__, old, new), stacklevel=2)
        # An old word beside its new one stays, and is refused as unknown: no order of the keys may decide which counts.
        return {
            old_words.get(name, name): tuples(value) for name, value in values.items()
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the old words in it, for editors, which strike them through."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        for old, new in cls.renamed.items():
            text = f"old name of '{new}'"
            described = {"description": text, "deprecated": True}
            schema["properties"][old] = {**schema["properties"][new], **described}
            # Of a field that is needed, either word will do.
            if new in schema.get("required", ()):
                schema["required"].remove(new)
                either = {"anyOf": [{"required": [new]}, {"required": [old]}]}
                schema.setdefault("allOf", []).append(either)
        return schema


def taken_by_old_names(
    cls: type[BaseModel], values: Mapping[str, Any]
) -> dict[str, str]:
    """The old words among the keys, with the words of today; without those whose new word is there too."""
    renamed: Mapping[str, str] = getattr(cls, "renamed", {})
    return {
        old: new for old, new in renamed.items() if old in values and new not in values
    }


def tuples(value: Any) -> Any:
    """The value with every list in it as a tuple; mappings keep their keys."""
    if isinstance(value, list):
        return tuple(tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: tuples(item) for name, item in value.items()}
    return value


def first_mistake(name: str, config: type[BaseModel], error: ValidationError) -> str:
    """A sentence about the first thing that is wrong with settings; `name` is what has them, as the user writes it."""
    # The message goes into a line of its own, so one mistake at a time.
    detail = error.errors()[0]
    key = ""
    if detail["loc"]:
        key = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        fields = config.model_fields
        near = did_you_mean(key, fields) or f"it takes {', '.join(fields)}"
        return f"{name} has no setting '{key}': {near}"
    # pydantic's own prefix, which means nothing to the author of a graph.
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not key:
        return f"{name}: {message}"
    return f"{name}: '{key}': {message[:1].lower()}{message[1:]}"
