"""Settings of every task that generates: how many sounds are made for each that is asked for, and what chooses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ..base import TaskConfig

MOST = 64  # sounds for one: more cost memory and time, and hardly sound better


class BestOfConfig(TaskConfig):
    """How the best of several sounds is chosen."""

    best_of: Annotated[int, Field(ge=1, le=MOST)] = Field(
        1,
        description="sounds that `generate` makes for each one that is asked for: the `ear` chooses among them; an "
        "evaluation judges every sound as it is drawn",
    )
    ear: str | None = Field(
        None,
        description="the trained classifier that chooses, of the task tagging with `labels: one`, whose annotation is "
        "one of `conditions`: a run, a packed model or zoo:NAME. It should not be the one that judges the sounds",
    )

    @model_validator(mode="after")
    def _several_need_an_ear(self) -> BestOfConfig:
        if self.best_of > 1 and self.ear is None:
            raise ValueError(
                f"'best_of' is {self.best_of}, and there is no 'ear' that chooses: set task.ear to a classifier of "
                "one of the conditions"
            )
        return self
