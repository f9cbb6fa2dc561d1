"""Several augmentations one after another, as a list in a graph file:

augment:
  - Gain: {min_db: -9, max_db: 3}
  - Polarity
  - Noise: {min_snr_db: 15, probability: 0.5}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.random import Generator
from pydantic import (
    SerializeAsAny,
    ValidationError,
    model_serializer,
    model_validator,
)
from torch import Tensor

from ..errors import did_you_mean
from ..settings import Settings, first_mistake
from .base import Augmentation, AugmentationConfig, Domain, augmentations


class AugmentStep(Settings):
    """One entry of the list: a name, or {name: settings}. Dumps as {name: settings}."""

    name: str
    settings: SerializeAsAny[AugmentationConfig]

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        """Raises ValueError in the words of the user's list."""
        if isinstance(value, Mapping) and value.keys() == {"name", "settings"}:
            return value
        name, given = _pair(value)
        known = augmentations()
        if name not in known:
            near = did_you_mean(name, known) or f"there are {', '.join(known)}"
            raise ValueError(f"there is no augmentation '{name}': {near}")
        if not isinstance(given, Mapping):
            raise ValueError(
                f"{name} takes a mapping of settings: `- {name}: {{probability: 0.5}}`"
            )
        try:
            return {"name": name, "settings": known[name].Config.model_validate(given)}
        except ValidationError as error:
            raise ValueError(first_mistake(name, known[name].Config, error)) from None

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: Any) -> dict[str, Any]:
        """For editors: a name, or one name with its settings."""
        known = augmentations()
        each = {
            name: {"anyOf": [one.Config.model_json_schema(), {"type": "null"}]}
            for name, one in known.items()
        }
        mapping = {
            "type": "object",
            "properties": each,
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {
            "anyOf": [{"enum": list(known)}, {**mapping, "additionalProperties": False}]
        }

    @model_serializer
    def _to_yaml(self) -> dict[str, Any]:
        return {self.name: self.settings.model_dump()}


class Chain:
    """Augmentations of one domain, applied in order; raises ValueError where one is for the other domain."""

    def __init__(
        self, steps: Sequence[AugmentStep], domain: Domain, sr_hz: int | None = None
    ) -> None:
        self.parts: list[Augmentation] = []
        for step in steps:
            cls = augmentations()[step.name]
            if cls.domain != domain:
                raise ValueError(
                    f"{step.name} changes a {cls.domain}, but here a {domain} comes"
                )
            self.parts.append(cls(step.settings, sr_hz))

    def __call__(self, x: Tensor, rng: Generator) -> Tensor:
        for part in self.parts:
            x = part(x, rng)
        return x


def _pair(value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, given),) = value.items()
        return str(name), {} if given is None else given
    raise ValueError(
        "an augmentation is a name, or one name with its settings: `- Gain: {max_db: 6}`"
    )
