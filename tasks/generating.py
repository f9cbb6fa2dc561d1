"""The base of tasks whose models make sounds, from conditions that recordings are annotated with."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..compiler.module import GraphModule
from ..data.corpus import Item
from ..errors import TaskError, Where
from .base import OnShare, Task, unseen
from .best_of import BestOfConfig, Ear
from .conditions import Conditions, Value, scaled_inputs, value_of
from .sounds import Sound

EAR = "ear"  # the setting that names the model which chooses
MAKING = 0.9  # of the work where an ear chooses: the rest is listening


class GeneratingTask(Task):
    """A task with `generate`, whose settings hold what was learned of the conditions under "conditions".

    A task adds `sounds`, and calls `check_ear` where it checks its graph and `check_values` where it checks recordings.
    """

    config: Any  # a `BestOfConfig` with `conditions`, the names of annotations
    generates = True
    where_ear: Where | None = None
    _opened_ear: tuple[Any, Ear] | None = None

    def truth(self, item: Item) -> dict[str, Value]:
        """The conditions of a recording. Raises TaskError E560."""
        return {name: value_of(item, name) for name in self.config.conditions}

    def conditions_of(self, settings: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Every condition with its values; of a number that is scaled the least and the greatest."""
        return Conditions.from_json(settings["conditions"]).known()

    def check_ear(self, model: GraphModule) -> None:
        """Whether the ear finds a condition of the graph. Raises TaskError E566."""
        self.where_ear = model.graph.source.value(("task", EAR))
        ear = self.ear()
        if ear is not None:
            names = self.config.conditions
            scaled = scaled_inputs(names, model.input_shapes)
            ear.refuse_other_conditions(names, scaled, self.where_ear)

    def check_values(self, conditions: Conditions) -> None:
        """Whether the ear knows the values that sounds will be asked for by. Raises TaskError E567."""
        ear = self.ear()
        if ear is not None:
            ear.refuse_unknown(conditions, self.where_ear)

    def ear(self) -> Ear | None:
        """The classifier that chooses among sounds; None where there is none. Raises TaskError E566."""
        part = self.models.get(EAR)
        if part is None:
            return None
        # Its feature has kernels, which take a moment to make.
        if self._opened_ear is None or self._opened_ear[0] is not part:
            self._opened_ear = (part, Ear(part, self.where_ear))
        return self._opened_ear[1]

    def generate(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        *,
        n: int,
        conditions: Mapping[str, Any],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[Sound]:
        """`n` sounds, each the best of `task.best_of`; the same seed gives the same sounds.

        What a sound is asked for does not depend on how many it is chosen among.

        Raises TaskError E560, E561, E563, E565, E567.
        """
        known = Conditions.from_json(settings["conditions"])
        rows = known.asked(conditions, n, seed)
        made = self._chosen(model, settings, rows, seed, on_share)
        return [
            sound.titled(self.title_of(place, row))
            for place, (sound, row) in enumerate(zip(made, rows, strict=True))
        ]

    def _chosen(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Value]],
        seed: int,
        on_share: OnShare,
    ) -> list[Sound]:
        """A sound for each row: the only one that is made, or the one that the ear chooses."""
        ear = self.ear()
        tries = 1
        if isinstance(self.config, BestOfConfig):
            tries = self.config.best_of
        if tries == 1 or ear is None:
            return self.sounds(model, settings, rows, seed, on_share)

        ear.refuse_unknown(Conditions.from_json(settings["conditions"]), self.where_ear)
        # All sounds for one row stand side by side.
        several = [row for row in rows for _ in range(tries)]
        made = self.sounds(
            model, settings, several, seed, lambda share: on_share(MAKING * share)
        )
        places = ear.best_of(made, rows)
        on_share(1.0)
        return [made[place] for place in places]

    @abc.abstractmethod
    def sounds(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Value]],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[Sound]:
        """A sound for each row of conditions, with the row as its details. Raises TaskError E565."""

    def title_of(self, place: int, row: Mapping[str, Value]) -> str:
        """The title of the sound at a place, from 0 on: its number, and what it was asked for."""
        words = " ".join(str(value) for value in row.values())
        return f"{place + 1} {words}".strip()

    def predict(
        self,
        model: nn.Module,  # noqa: ARG002
        feature: Any,  # noqa: ARG002
        settings: Mapping[str, Any],  # noqa: ARG002
        on_share: OnShare = unseen,  # noqa: ARG002
    ) -> Any:
        """Raises TaskError E514: the model makes sounds, and finds nothing in a recording."""
        raise TaskError(
            f"{self.name} makes sounds, and predicts nothing from a recording",
            code="E514",
            help="use `mirbricks generate`",
        )
