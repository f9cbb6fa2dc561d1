"""Settings of the task token_generation."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from ..autoregressive.config import SamplingConfig
from ..autoregressive.sampling import Draw
from ..codec.known import KnownCodec
from ..takes import Crop, pitch_moves
from .patterns import Pattern, PatternName


class TokenGenerationConfig(SamplingConfig):
    """The section `task: {type: token_generation}`."""

    type: Literal["token_generation"] = Field(
        "token_generation", description="name of the task"
    )
    codec: str | KnownCodec = Field(
        description="the codec whose codes are learned: a run, a packed model, zoo:NAME, or a published one"
    )
    n_codebooks: PositiveInt | None = Field(
        None, description="the first codebooks of the codec; default: all of them"
    )
    pattern: PatternName = Field(
        "flatten",
        description="how codes become a sequence: flatten, a place for each; delay, a place for each frame with every "
        "codebook a place later than the one before; parallel, a place for each frame",
    )
    patch_frames: PositiveInt = Field(
        description="frames of a training example; a shorter recording is filled up with silence"
    )
    crop: Crop = Field(
        "anywhere",
        description="where in a longer recording a training example begins",
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
    code_dropout: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="mean share of the codes read in training that are lost, missing or another one, so that the model "
        "can go on from mistakes of its own; every example draws its share from 0 to twice this one",
    )
    balance: str | None = Field(
        None,
        description="a condition whose rarer values are drawn more often in training, by the square root of how much "
        "rarer they are; default: all recordings are drawn alike",
    )
    temperatures: tuple[NonNegativeFloat, ...] | None = Field(
        None,
        min_length=1,
        description="a temperature for each codebook, such as a low one for a pitch, which must be exact; default: "
        "`temperature` for all",
    )
    guidances: tuple[NonNegativeFloat, ...] | None = Field(
        None,
        min_length=1,
        description="a guidance for each codebook, such as 1 for a pitch, which must not be exaggerated; default: "
        "`guidance` for all",
    )
    generate_frames: PositiveInt | None = Field(
        None, description="frames of a generated sound; default: patch_frames"
    )

    @model_validator(mode="after")
    def _pitch_is_a_condition(self) -> TokenGenerationConfig:
        if self.transpose_semitones:
            pitch_moves(self.conditions, self.pitch)
        return self

    @model_validator(mode="after")
    def _balance_is_a_condition(self) -> TokenGenerationConfig:
        if self.balance is not None and self.balance not in self.conditions:
            raise ValueError(
                f"'balance' is {self.balance}, which is not one of 'conditions'"
            )
        return self

    @property
    def transpositions(self) -> range:
        """By how many semitones each training recording is moved."""
        return range(-self.transpose_semitones, self.transpose_semitones + 1)

    @property
    def is_guided(self) -> bool:
        """Whether the codes of any codebook are drawn with guidance."""
        if self.guidances is None:
            return self.guidance != 1
        return any(guidance != 1 for guidance in self.guidances)

    def draws_at(self, place: int, pattern: Pattern) -> tuple[Draw, ...] | None:
        """How the codes of a place are drawn where codebooks differ: all of them, or the one whose turn it is."""
        if self.temperatures is None and self.guidances is None:
            return None
        levels = pattern.n_codebooks
        temperatures = self.temperatures or (self.temperature,) * levels
        guidances = self.guidances or (self.guidance,) * levels
        draws = tuple(map(Draw, temperatures, guidances))
        if pattern.codes_per_place == levels:
            return draws
        return (draws[place % levels],)

    @property
    def frames(self) -> int:
        """Frames of a generated sound."""
        return self.generate_frames or self.patch_frames
