"""What a task does with the frames of a recording that is still coming in; `streaming.Stream` gives them to it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from torch import Tensor, nn


class Row(NamedTuple):
    """One answer: its time in seconds, what the screen shows of it, and its values by name, as JSON has them."""

    time_s: float
    text: str
    values: Mapping[str, Any]


class Answers(Protocol):
    """What a push gives: the arrays of its task, and the same one by one."""

    def rows(self) -> list[Row]: ...


class Follower(abc.ABC):
    """What a task makes of the frames of one recording, in their order: the part of a stream that is its own.

    Attributes
    ----------
    silence_after : bool
        Whether the frames after the end are silence, as those in a patch of `predict` are; else there are none, and
        the graph's own padding follows the last frame.
    wait_frames : float
        Frames after its time that an answer waits for, beside those that the graph sees.
    """

    silence_after: ClassVar[bool] = False
    wait_frames: float = 0.0

    @abc.abstractmethod
    def scores(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """What the model gives for frames (1, H, F, T), as (C, F, T)."""

    @abc.abstractmethod
    def answers(self, scores: Tensor, seen: Tensor, first: int) -> Any:
        """The answers of the next frames, of which there is at least one.

        scores  (C, F, t)
        seen    (H, F, t) the same frames as the model sees them
        first   the number of the first of them
        """

    @abc.abstractmethod
    def nothing(self) -> Any:
        """The answers of no frames."""

    def ended(self, answers: Any) -> Any:
        """The last answers, with what was waiting for the end, such as notes that still sound."""
        return answers
