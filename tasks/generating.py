"""The base of tasks whose models make sounds, from conditions that recordings are annotated with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..data.corpus import Item
from ..errors import TaskError
from .base import OnShare, Task, unseen
from .conditions import Conditions, Value, value_of


class GeneratingTask(Task):
    """A task with `generate`, whose settings hold what was learned of the conditions under "conditions"."""

    config: Any  # with `conditions`, the names of annotations
    generates = True

    def truth(self, item: Item) -> dict[str, Value]:
        """The conditions of a recording. Raises TaskError E560."""
        return {name: value_of(item, name) for name in self.config.conditions}

    def conditions_of(self, settings: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Every condition with its values; of a number that is scaled the least and the greatest."""
        return Conditions.from_json(settings["conditions"]).known()

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
