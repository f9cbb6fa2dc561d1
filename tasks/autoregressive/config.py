"""Settings of every task that generates one code or sample after another."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from ..best_of.config import BestOfConfig
from ..conditions.inputs import refuse_guided


class SamplingConfig(BestOfConfig):
    """How codes or samples are drawn, and what they are asked for by."""

    temperature: NonNegativeFloat = Field(
        1.0, description="logits are divided by it before drawing; 0: always the best"
    )
    top_k: PositiveInt | None = Field(
        None, description="draw among so many of the best; default: all"
    )
    top_p: float | None = Field(
        None,
        gt=0,
        le=1,
        description="draw among the best that together have this probability; default: all",
    )
    guidance: NonNegativeFloat = Field(
        1.0,
        description="how far conditions are exaggerated (classifier-free guidance); 1: not at all; "
        "other values need condition_dropout in training",
    )
    conditions: tuple[str, ...] = Field(
        (), description="annotations that sounds are asked for by, with one value each"
    )
    condition_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the training examples whose conditions are dropped, for guidance",
    )

    guided: tuple[str, ...] = Field(
        (),
        description="the conditions that training drops and guidance exaggerates, such as an instrument whose pitch "
        "stays as asked for; default: all",
    )

    @model_validator(mode="after")
    def _guided_are_conditions(self) -> SamplingConfig:
        refuse_guided(self.guided, self.conditions)
        return self

    @model_validator(mode="after")
    def _guidance_was_learned(self) -> SamplingConfig:
        if self.is_guided and not (self.conditions and self.condition_dropout):
            raise ValueError(
                "'guidance' compares with a model without conditions: it needs 'conditions' and 'condition_dropout'"
            )
        return self

    @property
    def is_guided(self) -> bool:
        """Whether any code or sample is drawn with guidance."""
        return self.guidance != 1

    @property
    def passes(self) -> int:
        """Rows that the graph computes for each sound: a second one without conditions, for guidance."""
        if self.is_guided:
            return 2
        return 1
