"""A trained model that another experiment uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..compiler.module import GraphModule
from .base import Task


@dataclass(frozen=True)
class Trained:
    """A trained model of mirbricks that another experiment uses and does not change.

    Parameters
    ----------
    task : Task
        What it was trained for, with its settings and its feature.
    module : GraphModule
        Its graph with the best weights, in eval() mode; no weight of it needs a gradient.
    settings : mapping
        What was chosen after its training, such as a threshold or the names of labels.
    contents : mapping of str to bytes
        The files of it that a run keeps.
    """

    task: Task
    module: GraphModule
    settings: Mapping[str, Any]
    contents: Mapping[str, bytes] = field(repr=False, default_factory=dict)

    def to(self, device: Any) -> Trained:
        """Move its weights, and those of the models that it uses itself."""
        self.module.to(device)
        for other in self.task.models.values():
            other.to(device)
        return self

    def files(self) -> Mapping[str, bytes]:
        """Its graph, weights and settings, as `mirbricks pack` writes them."""
        return self.contents
