"""Settings of the task codec."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from ...augment.chain import AugmentStep
from ...settings import Settings
from ..base import TaskConfig
from ..turns import OptimizerConfig


class LossWeights(Settings):
    """The section `losses:` of the task: what the output is held to, and how much each counts."""

    l1: NonNegativeFloat = Field(
        0.0, description="mean absolute difference, of samples or of the spectrum"
    )
    l2: NonNegativeFloat = Field(
        0.0,
        description="squared differences, summed over an item: beside a VAE's divergence",
    )
    snr: NonNegativeFloat = Field(
        0.0, description="per dB of the noise relative to the signal; waveforms"
    )
    si_sdr: NonNegativeFloat = Field(
        0.0, description="per dB of scale-invariant distortion; waveforms"
    )
    stft: NonNegativeFloat = Field(
        0.0, description="spectra at several resolutions; waveforms"
    )
    mel: NonNegativeFloat = Field(
        0.0, description="log-mel spectra at several scales; waveforms"
    )
    feature_matching: NonNegativeFloat = Field(
        2.0, description="outputs of the adversary's layers; with an adversary"
    )
    adversary: NonNegativeFloat = Field(
        1.0, description="scores of the adversary; with an adversary"
    )

    @property
    def of_output(self) -> dict[str, float]:
        """The weights above 0 of what needs no adversary, by name."""
        names = ("l1", "l2", "snr", "si_sdr", "stft", "mel")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


class CodecConfig(TaskConfig):
    """The section `task: {type: codec}`."""

    type: Literal["codec"] = Field("codec", description="name of the task")
    patch_frames: PositiveInt = Field(
        description="frames of a training example; samples where the feature is the waveform"
    )
    bottleneck: str | None = Field(
        None,
        description="the layer that codes or latents leave; default: the graph's quantizer or VAEBottleneck",
    )
    losses: LossWeights = Field(
        LossWeights(l1=1.0), description="what the output is held to"
    )
    quantize_from: NonNegativeInt = Field(
        0,
        description="first step with the quantizer; k-means places its codes there, before it is passed by",
    )
    encoder_rests: bool = Field(
        False,
        description="from quantize_from on, what comes before the quantizer stays as it is; the codes settle, and what "
        "comes behind it goes on to learn",
    )
    restart_until: PositiveInt | None = Field(
        None,
        description="step after which codes that are hardly chosen stay where they are; default: they always move",
    )
    transpose_semitones: NonNegativeFloat = Field(
        0.0,
        description="examples are played up to so many semitones higher and lower; waveforms",
    )
    augment: tuple[AugmentStep, ...] = Field(
        (), description="augmentations of each example, one after another"
    )
    watch: Literal["si_sdr_db", "loss"] | None = Field(
        None,
        description="validation figure by which the best weights are chosen: loss for a codec without phases, whose "
        "SI-SDR means nothing; default: si_sdr_db of waveforms, loss of spectra",
    )
    few_codebooks: PositiveInt | None = Field(
        None,
        description="first codebooks of a residual quantizer that are judged alone too",
    )
    adversary: str | None = Field(
        None,
        description="a graph that tells decoded and recorded sound apart and trains beside, such as "
        "parts/discriminator.yaml",
    )
    adversary_from: NonNegativeInt = Field(0, description="first step of the adversary")
    adversary_optimizer: OptimizerConfig | None = Field(
        None, description="how the adversary's weights move; default: as `train:` says"
    )

    @model_validator(mode="after")
    def _has_learned_before(self) -> CodecConfig:
        if self.encoder_rests and not self.quantize_from:
            raise ValueError(
                "'encoder_rests' needs 'quantize_from' above 0: the encoder would never learn"
            )
        return self

    @model_validator(mode="after")
    def _holds_the_output(self) -> CodecConfig:
        if not self.losses.of_output:
            raise ValueError(
                "'losses' hold the output to nothing: give one of l1, l2, snr, si_sdr, stft, mel a weight above 0"
            )
        return self
