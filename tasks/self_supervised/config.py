"""Settings of the task self_supervised."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from ...augment.chain import AugmentStep
from ..base import TaskConfig
from ..labels import Labelling


class SelfSupervisedConfig(TaskConfig):
    """The section `task: {type: self_supervised}`."""

    type: Literal["self_supervised"] = Field(
        "self_supervised", description="name of the task"
    )
    patch_frames: PositiveInt = Field(
        description="frames of a chunk; samples where the feature is the waveform"
    )
    hop_frames: PositiveInt | None = Field(
        None,
        description="frames from one chunk to the next in evaluation; default: half a chunk",
    )
    embedding: str | None = Field(
        None,
        description="the layer whose output is the representation; default: the graph's output",
    )
    loss: Literal["nt_xent", "vicreg", "barlow_twins"] = Field(
        "nt_xent", description="what two views are held to"
    )
    temperature: PositiveFloat = Field(0.1, description="of nt_xent")
    augment: tuple[AugmentStep, ...] = Field(
        (), description="augmentations of each view, one after another"
    )
    mix: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="greatest share of the energy of another recording in a view; for the log-mel",
    )
    annotation: str = Field(
        "tag",
        description="the global annotation that the probes read; training does not see it",
    )
    labels: Literal["one", "several"] = Field(
        "one",
        description="of a recording, for the probes: exactly one label, or any number",
    )
    mix_stems: bool = Field(
        False,
        description="whether every combination of a piece's stems is a recording, for the probes with the labels of "
        "its stems; of a corpus without stems the recordings are taken as they are",
    )
    neighbours: PositiveInt = Field(5, description="k of the k-NN probe")

    @model_validator(mode="after")
    def _hop_within_chunk(self) -> SelfSupervisedConfig:
        if self.hop_frames is not None and self.hop_frames > self.patch_frames:
            raise ValueError(
                f"'hop_frames' {self.hop_frames} would leave gaps between chunks of {self.patch_frames}"
            )
        return self

    @model_validator(mode="after")
    def _several_in_mixes(self) -> SelfSupervisedConfig:
        if self.mix_stems and self.labels == "one":
            raise ValueError(
                "'mix_stems' makes recordings with several labels, and 'labels' is one"
            )
        return self

    @property
    def hop(self) -> int:
        """Frames from one chunk to the next in evaluation."""
        return self.hop_frames or max(1, self.patch_frames // 2)

    @property
    def labelling(self) -> Labelling:
        """How the labels of recordings are read."""
        return Labelling(self.annotation, several=self.labels == "several")
