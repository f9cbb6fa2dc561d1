"""Settings of the task adversarial_generation."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from ..best_of.config import BestOfConfig
from ..takes import Crop
from ..turns import OptimizerConfig


class AdversarialGenerationConfig(BestOfConfig):
    """The section `task: {type: adversarial_generation}`."""

    type: Literal["adversarial_generation"] = Field(
        "adversarial_generation", description="name of the task"
    )
    adversary: str = Field(
        description="the graph of the discriminator, which trains beside: a file, or the name of a shipped graph"
    )
    conditions: tuple[str, ...] = Field(
        (),
        description="annotations that both graphs are given, each by an input of its name: `NAME: B` (the number of a "
        "class) or `NAME: B D=2` (a scaled number, and 1)",
    )
    patch_frames: PositiveInt = Field(
        description="frames of a generated sound; samples where the feature is the waveform"
    )
    crop: Crop = Field(
        "beginning",
        description="where in a longer recording a training example begins",
    )
    loss: Literal["hinge", "wgan_gp"] = Field(
        "hinge",
        description="what the two graphs are held to; hinge wants a discriminator with spectral norm, wgan_gp one "
        "without batch norm",
    )
    penalty: NonNegativeFloat = Field(
        10.0, description="weight of the gradient penalty of wgan_gp"
    )
    generator_every: int = Field(
        1,
        ge=1,
        le=10,
        description="the generator moves in every so many steps, the discriminator in each",
    )
    adversary_optimizer: OptimizerConfig = Field(
        OptimizerConfig(),
        description="how the discriminator moves; what is left out is as `train:` says",
    )
    temperature: PositiveFloat = Field(
        1.0,
        description="deviation of the noise when sounds are generated: below 1 they are safer, and more alike",
    )

    @model_validator(mode="after")
    def _each_condition_once(self) -> AdversarialGenerationConfig:
        for name in self.conditions:
            if self.conditions.count(name) > 1:
                raise ValueError(f"the condition '{name}' is named twice")
        return self
