"""Settings of the task sample_generation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ..autoregressive.config import SamplingConfig
from ..takes import Crop


class SampleGenerationConfig(SamplingConfig):
    """The section `task: {type: sample_generation}`."""

    type: Literal["sample_generation"] = Field(
        "sample_generation", description="name of the task"
    )
    quantization: Literal["linear", "mu_law"] = Field(
        "linear",
        description="classes of equal width (SampleRNN), or finer near zero (WaveNet)",
    )
    quantization_channels: int = Field(
        256, ge=2, le=65536, description="classes of a sample; 256 is 8 bits"
    )
    patch_frames: PositiveInt = Field(
        description="samples of a training example; a shorter recording is filled up with silence"
    )
    crop: Crop = Field(
        "anywhere",
        description="where in a longer recording a training example begins",
    )
    windows: PositiveInt = Field(
        1,
        description="parts of patch_frames samples that a recording is judged by, spread evenly over it",
    )
    generate_s: PositiveFloat = Field(1.0, description="seconds of a generated sound")
