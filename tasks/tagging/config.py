"""Settings of the task tagging."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from ...augment.chain import AugmentStep
from ..base import TaskConfig
from ..labels import Labelling


class TaggingConfig(TaskConfig):
    """The section `task: {type: tagging}`."""

    type: Literal["tagging"] = Field("tagging", description="name of the task")
    annotation: str = Field(
        "tag", description="the global annotation that holds the labels"
    )
    labels: Literal["one", "several"] = Field(
        "several",
        description="one: each recording has exactly one label (softmax); several: any number (sigmoid)",
    )
    mix_stems: bool = Field(
        False,
        description="whether every combination of a piece's stems is a recording, with the labels of its stems; of a "
        "corpus without stems the recordings are taken as they are",
    )
    patch_frames: PositiveInt = Field(
        description="frames of a patch; samples where the feature is the waveform"
    )
    hop_frames: PositiveInt | None = Field(
        None,
        description="frames from one patch to the next in evaluation; default: half a patch",
    )
    turns: PositiveInt = Field(
        1,
        description="how often a patch is judged, each time turned round in time by an even share more, as `Roll` does "
        "in training; its scores are the mean",
    )
    balanced: bool = Field(
        False,
        description="whether every label is drawn as often as any other in training",
    )
    mixup_alpha: float = Field(
        0.0,
        ge=0,
        description="of the Beta distribution that mixes two examples; 0: no mixup",
    )
    mixup_steps: PositiveInt | None = Field(
        None,
        description="steps with mixup; the last ones then see recordings as they are, as the test does; default: all",
    )
    mixup_of: Literal["feature", "energies", "sounds"] = Field(
        "feature",
        description="what is mixed: the feature's values, the energies of a log-mel spectrogram, or sounds: these "
        "energies, brought to one level first",
    )
    remix: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the examples that are put together from recordings with one label each",
    )
    remix_gain_db: float = Field(
        6.0, ge=0, le=60, description="greatest gain or cut of each of them, in dB"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a target that is spread over all labels"
    )
    augment: tuple[AugmentStep, ...] = Field(
        (), description="augmentations of the patches, one after another"
    )

    @model_validator(mode="after")
    def _hop_within_patch(self) -> TaggingConfig:
        if self.hop_frames is not None and self.hop_frames > self.patch_frames:
            raise ValueError(
                f"'hop_frames' {self.hop_frames} would leave gaps between patches of {self.patch_frames}"
            )
        return self

    @model_validator(mode="after")
    def _several_in_mixes(self) -> TaggingConfig:
        for name in ("mix_stems", "remix"):
            if getattr(self, name) and self.labels == "one":
                raise ValueError(
                    f"'{name}' makes recordings with several labels, and 'labels' is one"
                )
        return self

    @property
    def labelling(self) -> Labelling:
        """How the labels of recordings are read."""
        return Labelling(self.annotation, several=self.labels == "several")

    @property
    def hop(self) -> int:
        """Frames from one patch to the next in evaluation."""
        return self.hop_frames or max(1, self.patch_frames // 2)
