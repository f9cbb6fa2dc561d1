"""The settings of `task: {type: f0}`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from ...augment.chain import AugmentStep
from ..base import TaskConfig

Threshold = Annotated[float, Field(gt=0.0, lt=1.0)]
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))


class F0Config(TaskConfig):
    """Training patches, augmentation, and how the scores of bins become a pitch."""

    type: Literal["f0"] = Field("f0", description="name of this task")
    learning: Literal["supervised", "equivariant"] = Field(
        "supervised",
        description="supervised: from annotated pitches; equivariant: without any, from what is heard and transposed",
    )
    floor_db: float = Field(
        -30.0,
        ge=-80,
        lt=0,
        description="a single note counts as voiced where its level is at most so far below its loudest moment",
    )
    note_targets: Literal["annotated", "played"] = Field(
        "annotated",
        description="what a recording of a single note teaches: its annotated number, or its pitch as it is played, "
        "measured by YIN, where that is within a semitone of the number",
    )
    patch_frames: PositiveInt = Field(8, description="frames in a training patch")
    target_blur_bins: PositiveFloat = Field(
        1.0, description="standard deviation of the Gaussian around a true pitch"
    )
    transpose_bins: NonNegativeInt = Field(
        24,
        description="transpose patches by up to so many bins, up or down; equivariant: between the two views",
    )
    level_jitter_db: NonNegativeFloat = Field(
        6.0, description="make patches softer by up to so much"
    )
    augment: tuple[AugmentStep, ...] = Field(
        (), description="augmentations of the patches, one after another"
    )

    invariance_weight: NonNegativeFloat = Field(
        1.0, description="equivariant: of two views of one pitch giving one answer"
    )
    equivariance_weight: NonNegativeFloat = Field(
        1.0, description="equivariant: of a transposition moving the mean pitch by it"
    )
    shift_weight: NonNegativeFloat = Field(
        1.0, description="equivariant: of a transposition moving the whole answer by it"
    )

    predict_frames: PositiveInt = Field(
        2048,
        description="frames at once in prediction; a graph that fixes T takes patch_frames",
    )
    average_bins: NonNegativeInt = Field(
        3,
        description="a pitch is the mean of the bins this near to the most probable one, weighted by probability",
    )
    thresholds: tuple[Threshold, ...] = Field(
        THRESHOLDS,
        min_length=1,
        description="thresholds of voicing to choose from, ascending",
    )
    min_note_s: NonNegativeFloat = Field(
        0.06, description="shorter notes are left out of the list of notes"
    )

    @field_validator("thresholds")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(low >= high for low, high in pairwise(value)):
            raise ValueError("the thresholds must ascend")
        return value

    @property
    def equivariant(self) -> bool:
        """Whether the model learns without annotated pitches."""
        return self.learning == "equivariant"
