"""The other models of an experiment: what a task's `models` holds beside the graph that it trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from torch import nn

Kind = Literal["graph", "trained"]


@runtime_checkable
class Part(Protocol):
    """A trained model that stays as it is, such as a codec: `Trained`, or what a task makes of files that it knows."""

    def to(self, device: Any) -> Any:
        """Move its weights; returns it."""

    def files(self) -> Mapping[str, bytes]:
        """All that is needed to open it again, by file name: a run keeps it in its own folder."""


@runtime_checkable
class Openable(Protocol):
    """Settings that name a known model, such as `{type: encodec_24khz, weights: FILE}`."""

    def opened(self, folder: Path | None) -> Part:
        """The model: from `folder`, where a run keeps its files, or from where the settings say."""


def frozen(module: nn.Module) -> nn.Module:
    """A module as others use it: in eval() mode, its weights fixed."""
    module.eval()
    module.requires_grad_(False)
    return module
