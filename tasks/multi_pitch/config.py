"""The settings of `task: {type: multi_pitch}`."""

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

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Shift = Annotated[int, Field(ge=-1200, le=1200)]
Threshold = Annotated[float, Field(gt=0.0, lt=1.0)]

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(2, 19))


class MultiPitchConfig(TaskConfig):
    """Training patches, augmentation, and how salience becomes pitches.

    Without augmentation (transpose_bins, level_jitter_db and all probabilities 0) a batch is plain patches.
    """

    type: Literal["multi_pitch"] = Field("multi_pitch", description="name of this task")
    patch_frames: PositiveInt = Field(96, description="frames in a training patch")
    target_blur_bins: NonNegativeFloat = Field(
        1.0,
        description="standard deviation of the Gaussian around each true pitch; 0: one bin",
    )
    onsets: bool = Field(
        False,
        description="whether the graph gives a second channel, logits of where notes begin; needs notes",
    )
    onset_frames: PositiveInt = Field(
        2, description="frames from the beginning of a note on that count as its onset"
    )
    positive_weight: PositiveFloat = Field(
        1.0, description="weight of sounding bins in the loss"
    )

    transpose_bins: NonNegativeInt = Field(
        40, description="transpose patches by up to so many bins, up or down"
    )
    level_jitter_db: NonNegativeFloat = Field(
        6.0, description="make patches louder or softer by up to so much"
    )
    remix_probability: Probability = Field(
        0.5, description="of mixing a patch again from its stems, if any"
    )
    remix_gain_db: NonNegativeFloat = Field(
        6.0, description="make a stem in a remix louder or softer by up to so much"
    )
    stem_drop_probability: Probability = Field(
        0.1, description="of leaving a stem out of a remix; one always stays"
    )
    cross_probability: Probability = Field(
        0.0, description="of a remix whose stems come from different tracks"
    )
    independent_transpose_probability: Probability = Field(
        0.0, description="of a remix whose stems are transposed independently"
    )

    max_delay_frames: NonNegativeInt = Field(
        0,
        description="let patches lag behind their annotation by up to so many frames, as distant microphones do",
    )
    augment: tuple[AugmentStep, ...] = Field(
        (), description="augmentations of the patches, one after another"
    )

    predict_frames: PositiveInt = Field(
        512,
        description="frames in a patch of prediction; a graph that fixes T takes patch_frames",
    )
    predict_shifts: tuple[Shift, ...] = Field(
        (0,),
        min_length=1,
        description="bins by which a recording is transposed to be predicted, as in [-1, 0, 1]; the mean counts, and "
        "takes as many times as long",
    )
    time_upsampling: PositiveInt = Field(
        4, description="prediction times in a frame, interpolated linearly"
    )
    min_distance_bins: PositiveInt = Field(
        3, description="a pitch is the highest salience within so many bins"
    )
    max_polyphony: PositiveInt | None = Field(
        None,
        description="pitches at a time, at most, such as 4 for a quartet: the most salient count; default: any number",
    )
    thresholds: tuple[Threshold, ...] = Field(
        THRESHOLDS,
        min_length=1,
        description="thresholds of salience to choose from, ascending",
    )
    onset_threshold: Threshold = Field(
        0.3, description="probability from which on a note begins, with `onsets`"
    )
    min_note_s: NonNegativeFloat = Field(
        0.06, description="shorter notes are left out of the list of notes"
    )

    calibration_tracks: NonNegativeInt = Field(
        12,
        description="validation tracks, at most, on which confidences are learned; 0: they stay saliences",
    )

    @field_validator("thresholds")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(low >= high for low, high in pairwise(value)):
            raise ValueError("the thresholds must ascend")
        return value

    @field_validator("predict_shifts")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("duplicate transposition: give each one once")
        return value

    @property
    def onset_delay_frames(self) -> float:
        """From a note's onset to the middle of the frames that are learned as its onset, on average: the first of them
        comes half a frame after it, and patches lag behind their annotation by half of `max_delay_frames`.
        """
        return (self.onset_frames - self.max_delay_frames) / 2

    @property
    def n_channels(self) -> int:
        """Of the graph's output: salience, and with `onsets` where notes begin."""
        if self.onsets:
            return 2
        return 1
