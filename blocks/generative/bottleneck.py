"""What blocks with losses of their own have in common."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor

from ...registry import Block

Own = TypeVar("Own", bound="Bottleneck")


class Bottleneck(Block):
    """A block that a task trains with more than its output.

    `losses`: name -> scalar, of the last forward in training mode, weighted, to be added to the task's own loss.
    It is empty in a new block, after train() and after eval(), and in a copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self.losses: dict[str, Tensor] = {}

    def train(self: Own, mode: bool = True) -> Own:
        """Change the mode; losses of the other mode are gone."""
        self.losses = {}
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        """Losses hang on the graph of one step, which torch refuses to copy."""
        return {**super().__getstate__(), "losses": {}}  # type: ignore[no-untyped-call]
