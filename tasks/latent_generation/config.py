"""Settings of the task latent_generation."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from ..best_of.config import BestOfConfig
from ..codec.known import KnownCodec
from ..conditions.inputs import refuse_guided
from ..takes import Crop, pitch_moves, transpositions
from .objectives import Diffusion, Objective, RectifiedFlow

Sampler = Literal["euler", "heun", "ddim"]


class LatentGenerationConfig(BestOfConfig):
    """The section `task: {type: latent_generation}`."""

    type: Literal["latent_generation"] = Field(
        "latent_generation", description="name of the task"
    )
    codec: str | KnownCodec = Field(
        description="the trained codec whose latents are generated: a run, a packed model, zoo:NAME, or a "
        "published one"
    )
    patch_frames: PositiveInt = Field(
        description="latent frames of a training example; a shorter recording is filled up with silence"
    )
    generate_frames: PositiveInt | None = Field(
        None, description="frames of a generated sound; default: patch_frames"
    )
    crop: Crop = Field(
        "beginning",
        description="where in a longer recording a training example begins",
    )
    conditions: tuple[str, ...] = Field(
        (), description="annotations that a sound is asked for by"
    )
    condition_dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the training examples whose conditions are dropped, for guidance",
    )
    transpose_semitones: NonNegativeInt = Field(
        0,
        le=12,
        description="training recordings are also played up to so many semitones higher and lower",
    )
    pitch: str = Field(
        "pitchmidi",
        description="the condition that the transposition is added to, in MIDI numbers",
    )
    pitch_latents: NonNegativeInt = Field(
        0,
        description="how many of the first latents are the pitch itself, as that of notes_vae: they are learned as "
        "differences from a straight line through the condition `pitch`",
    )
    emphasis: tuple[PositiveFloat, ...] = Field(
        (),
        description="deviations of the first latent channels once normalized; default: 1. More for a channel that must "
        "be exact, such as the pitch of notes_vae",
    )
    objective: Literal["rectified_flow", "diffusion"] = Field(
        "rectified_flow", description="what the graph learns to give"
    )
    times: Literal["logit_normal", "uniform"] = Field(
        "logit_normal", description="how the times of a rectified flow are drawn"
    )
    predicts: Literal["epsilon", "v"] = Field(
        "v", description="of a diffusion: the noise, or v"
    )
    sampler: Sampler | None = Field(
        None,
        description="euler or heun of a rectified flow, ddim of a diffusion; default: heun or ddim",
    )
    steps: PositiveInt = Field(24, description="steps of the sampler")
    guidance: NonNegativeFloat = Field(
        1.0,
        description="1: as the conditions say; above 1: further away from the model without conditions",
    )
    guided: tuple[str, ...] = Field(
        (),
        description="the conditions that training drops and guidance exaggerates, such as an instrument whose pitch "
        "stays as asked for; default: all",
    )
    eta: NonNegativeFloat = Field(
        0.0, le=1, description="of ddim: new noise in every step; 1 is DDPM's sampling"
    )
    fade_s: PositiveFloat = Field(
        0.03, description="seconds over which the end of a sound fades out"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> LatentGenerationConfig:
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(f"'conditions' has a name twice: {list(self.conditions)}")
        refuse_guided(self.guided, self.conditions)
        if self.transpose_semitones:
            pitch_moves(self.conditions, self.pitch)
        if self.pitch_latents and self.pitch not in self.conditions:
            raise ValueError(
                f"'pitch_latents' follow the condition '{self.pitch}', which is not one of 'conditions': "
                "add it, or set 'pitch_latents' to 0"
            )
        # Without conditions there is nothing to be guided by; with them, a model without must have been learned.
        if self.guidance != 1 and self.conditions and not self.condition_dropout:
            raise ValueError(
                "'guidance' compares with a model without conditions: it needs a 'condition_dropout' above 0"
            )
        of_flow = self.objective == "rectified_flow"
        if self.sampler is not None and of_flow == (self.sampler == "ddim"):
            others = "euler or heun" if of_flow else "ddim"
            raise ValueError(
                f"'sampler' {self.sampler} does not go with 'objective' {self.objective}: choose {others}"
            )
        return self

    @property
    def frames(self) -> int:
        """Frames of a generated sound."""
        return self.generate_frames or self.patch_frames

    @property
    def transpositions(self) -> list[int]:
        """By how many semitones each training recording is moved."""
        return transpositions(self.transpose_semitones)

    def made_objective(self) -> Objective:
        """The objective of these settings."""
        if self.objective == "diffusion":
            return Diffusion(self.predicts)
        return RectifiedFlow(logit_normal=self.times == "logit_normal")
