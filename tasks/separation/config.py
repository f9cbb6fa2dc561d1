"""Settings of the task separation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    field_validator,
    model_validator,
)

from ...settings import Settings
from ..base import TaskConfig

Share = Annotated[float, Field(ge=0, le=1)]
PARTS = ("l1", "l2", "magnitude", "si_sdr", "snr", "cosine", "stft")


class SeparationLosses(Settings):
    """The section `losses:` of the task: what the estimates are held to, and how much each counts."""

    l1: NonNegativeFloat = Field(
        0.0, description="mean absolute difference of the samples"
    )
    l2: NonNegativeFloat = Field(
        0.0, description="mean squared difference of the samples"
    )
    magnitude: NonNegativeFloat = Field(
        0.0, description="mean absolute difference of compressed magnitudes"
    )
    magnitude_exponent: float = Field(
        0.3, gt=0, le=1, description="power that magnitudes are compressed by"
    )
    magnitude_n_fft: int = Field(
        2048, ge=16, description="window of the compressed magnitudes, in samples"
    )
    si_sdr: NonNegativeFloat = Field(
        0.0, description="per dB of scale-invariant distortion; leaves the level open"
    )
    snr: NonNegativeFloat = Field(
        0.0, description="per dB of noise relative to the signal; keeps the level"
    )
    cosine: NonNegativeFloat = Field(
        0.0, description="one minus the cosine of estimate and reference"
    )
    stft: NonNegativeFloat = Field(0.0, description="spectra at several resolutions")

    @property
    def weights(self) -> dict[str, float]:
        """The weights above 0, by name."""
        return {name: getattr(self, name) for name in PARTS if getattr(self, name)}


class RemixConfig(Settings):
    """The section `remix:` of the task: how stems become a new mix at every training step."""

    renamed: ClassVar[Mapping[str, str]] = {"semitones": "transpose_semitones"}

    other_pieces: Share = Field(
        0.5,
        description="share of the mixes whose stems come from different pieces and moments; the others keep to one",
    )
    gain_db: NonNegativeFloat = Field(
        6.0, description="each stem is up to so much louder or softer"
    )
    polarity: Share = Field(
        0.5, description="share of the stems that are turned upside down"
    )
    transpose_semitones: NonNegativeFloat = Field(
        0.0, description="stems are played up to so much higher or lower"
    )
    whole_semitones: bool = Field(
        False,
        description="only by whole semitones, so that notes stay in the tuning that they were recorded in",
    )
    each_by_itself: bool = Field(
        False,
        description="stems of one piece are transposed each by its own number, as those of different pieces always are",
    )
    swap_channels: Share = Field(
        0.5,
        description="share of the stems whose channels change places; two channels",
    )
    targets_in_turn: bool = Field(
        False,
        description="a conditioned graph is asked for its targets in turn, so that a batch has all of them",
    )
    silent: Share = Field(
        0.1,
        description="share of the examples that may have a silent target; in the others it sounds",
    )


class SeparationConfig(TaskConfig):
    """The section `task: {type: separation}`."""

    type: Literal["separation"] = Field("separation", description="name of the task")
    targets: tuple[str, ...] = Field(
        min_length=1,
        description="what is separated: values of the stems' annotation, such as [violin, bassoon]",
    )
    annotation: str = Field(
        "instrument", description="the annotation of a stem that says what it is"
    )
    patch_frames: PositiveInt = Field(
        description="length of a training example, in samples at the feature's rate"
    )
    losses: SeparationLosses = Field(
        SeparationLosses(l1=1.0), description="what the estimates are held to"
    )
    remix: RemixConfig = Field(
        RemixConfig(), description="how stems become a new mix at every step"
    )
    chunk_frames: PositiveInt = Field(
        1 << 18,
        description="samples that are separated at once, or more where a graph sees further than half of them",
    )
    overlap: float = Field(
        0.25, ge=0, lt=1, description="share of a chunk that the next one covers too"
    )
    one_pass_mb: NonNegativeInt = Field(
        800,
        description="memory for separating at once what does not come out the same in chunks, in MB; beyond it, chunks",
    )
    sum_to_mix: bool = Field(
        False,
        description="what the estimates lack of the mix is shared out among them; all targets together are the mix",
    )
    wiener: bool = Field(
        False,
        description="a Wiener filter made of the estimates is applied to the mix; all targets together are the mix",
    )

    bss_eval: bool = Field(
        True,
        description="SDR, ISR, SIR and SAR are among the figures: some seconds per minute of audio",
    )

    @field_validator("targets")
    @classmethod
    def _different(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(targets)) < len(targets):
            raise ValueError("expected different names")
        return targets

    @model_validator(mode="after")
    def _possible(self) -> SeparationConfig:
        if not self.losses.weights:
            raise ValueError(
                f"'losses' hold the estimates to nothing: give one of {', '.join(PARTS)} a weight above 0"
            )
        together = [name for name in ("sum_to_mix", "wiener") if getattr(self, name)]
        if together and len(self.targets) == 1:
            raise ValueError(
                f"'{together[0]}' needs targets that are the whole mix together, and there is one"
            )
        return self
