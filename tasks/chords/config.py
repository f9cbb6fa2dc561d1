"""Settings of the task chords."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from ..base import TaskConfig


class ChordsConfig(TaskConfig):
    """The section `task: {type: chords}`."""

    type: Literal["chords"] = Field("chords", description="name of the task")
    annotation: str = Field(
        "chord", description="the segments that hold the chords to learn"
    )
    reference: str = Field(
        "chord_full", description="those that an estimate is held against, if any"
    )
    patch_frames: PositiveInt = Field(256, description="frames of a training patch")
    predict_frames: PositiveInt = Field(
        8192, description="frames at once in evaluation, where T is free"
    )
    compression: PositiveFloat | None = Field(
        None,
        description="c of log(1 + c x / p), p the 90th percentile of the frames' norms; default: x as it is",
    )
    transpose: Literal["none", "chroma", "bins"] = Field(
        "none",
        description="chroma: every 12 numbers rotate; bins: a constant-Q transform moves up and down",
    )
    max_semitones: PositiveInt = Field(
        6, le=11, description="greatest transposition up or down"
    )
    bins_per_semitone: PositiveInt = Field(1, description="of transpose bins")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a target that is spread over all classes"
    )
    repeats: NonNegativeFloat = Field(
        0.0,
        description="how sharply passages of a recording that sound alike are picked out, whose scores are averaged; "
        "0: each passage by itself",
    )
    passage_frames: PositiveInt = Field(
        81, description="of repeats: frames of the passages that are compared"
    )
    own_weight: PositiveFloat = Field(
        8.0,
        description="of repeats: how much a frame itself counts; one of a passage exactly alike counts 1",
    )
    changes: NonNegativeFloat = Field(
        0.0,
        description="how much the path prefers to change where the model's answer changes at even distances; 0: a "
        "change is as likely in each frame",
    )
    weights: tuple[PositiveFloat, ...] = Field(
        (0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0),
        min_length=1,
        description="how much a frame counts: what is tried",
    )
