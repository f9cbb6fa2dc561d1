"""Settings of the task covers."""

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

from ...settings import Settings
from ..base import TaskConfig
from .matching import Alike


class ViewsConfig(Settings):
    """How a training patch is made another version of the same music; everything is off unless set."""

    transpose: Literal["none", "chroma", "bins"] = Field(
        "none",
        description="chroma: every 12 numbers rotate; bins: a constant-Q transform moves up and down",
    )
    max_semitones: PositiveInt = Field(
        6, le=11, description="greatest transposition up or down"
    )
    bins_per_semitone: PositiveInt = Field(1, description="of transpose bins")
    max_tempo: float = Field(
        1.0,
        ge=1,
        le=4,
        description="greatest factor of the tempo, up or down; 1: unchanged",
    )
    structure: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the patches whose sections are moved about",
    )
    max_sections: int = Field(
        6, ge=3, description="most sections that are cut, left out, repeated or swapped"
    )
    noise: NonNegativeFloat = Field(
        0.0,
        description="deviation of noise on every number, over the recording's level",
    )
    frame_masks: NonNegativeInt = Field(
        0, description="stretches of a patch that become 0"
    )
    max_mask_frames: PositiveInt = Field(20, description="longest of them in frames")
    gain_db: NonNegativeFloat = Field(
        0.0, description="greatest change of the level in dB, up or down"
    )
    colour: NonNegativeFloat = Field(
        0.0, description="deviation of the logarithm of a gain of each bin, all along"
    )
    leak: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="greatest share of each pitch class in its fifth, in half the views",
    )
    jitter_frames: NonNegativeInt = Field(
        0, description="of learn_from moments: how far views of one lie apart"
    )


class CoversConfig(TaskConfig):
    """The section `task: {type: covers}`."""

    type: Literal["covers"] = Field("covers", description="name of the task")
    annotation: str = Field(
        "work-id", description="the global annotation that holds the work"
    )
    singles: bool = Field(
        False,
        description="whether works with one recording train too, its views standing for versions; recordings without "
        "the annotation are then works of their own",
    )
    learn_from: Literal["works", "moments"] = Field(
        "works",
        description="works: the versions of a work belong together; moments: views of one place in a recording do, in "
        "one key, and every other place is another work: no work is needed to train",
    )
    patch_frames: PositiveInt = Field(
        description="frames of a training patch; shorter recordings are padded to them"
    )
    versions_per_work: int = Field(
        2, ge=2, description="K: a batch has train.batch_size / K works, or moments"
    )

    power: PositiveFloat = Field(
        1.0, description="exponent of the feature's values; 0.5: their root"
    )
    compression: PositiveFloat | None = Field(
        None,
        description="c of log(1 + c x / p), p the 90th percentile of the frames' norms; default: no logarithm",
    )
    unit_frames: bool = Field(
        False, description="whether each frame is divided by its norm"
    )
    repeat_octave: bool = Field(
        False,
        description="n bins become 2 n - 1, the octave once more: 23 of 12 for MOVE",
    )
    views: ViewsConfig = Field(
        ViewsConfig(), description="changes of the training patches"
    )

    loss: Literal["triplet", "nt_xent", "proxy_anchor", "barlow_twins", "vicreg"] = (
        Field(
            "triplet",
            description="what is minimised; the last two of pairs of views, without negatives",
        )
    )
    mining: Literal["random", "semi-hard", "hard"] = Field(
        "semi-hard", description="which triplets of a batch learn"
    )
    distance: Literal["unit", "squared_per_dim"] = Field(
        "unit",
        description="of the triplets, and what ranks go by: unit: between vectors of unit length, which ranks as "
        "their cosine does; squared_per_dim: mean of squared differences of the vectors as they are, as MOVE has it",
    )
    margin: PositiveFloat = Field(
        0.3, description="of the triplets, in the unit of their distance"
    )
    temperature: PositiveFloat = Field(0.1, description="of nt_xent")
    proxy_lr: PositiveFloat = Field(
        100.0, description="learning rate of the proxies over train.lr"
    )

    chunk_frames: PositiveInt | None = Field(
        None,
        description="frames at once in evaluation; default: a recording whole, or the graph's own number",
    )
    hop_frames: PositiveInt | None = Field(
        None, description="from one chunk to the next; default: half a chunk"
    )
    vectors: Literal["mean", "chunks"] = Field(
        "mean",
        description="mean: one vector per recording; chunks: one per chunk, and the score is the mean over those of "
        "the query of the greatest over those of the reference",
    )
    both_ways: bool = Field(
        False,
        description="of vectors chunks: whether the score is the mean of that and of the same with query and reference "
        "exchanged",
    )
    rotations: bool = Field(
        False,
        description="whether the best of 12 transpositions of each reference counts",
    )
    whitening: Literal["training", "collection"] = Field(
        "training",
        description="of the graph's layers Whitening: whose statistics they use where recordings are compared; "
        "collection: those of the references themselves, without labels",
    )
    normalise: Literal["none", "references"] = Field(
        "none",
        description="references: scores of a reference less their mean, over their deviation",
    )

    @model_validator(mode="after")
    def _hop_within_chunk(self) -> CoversConfig:
        if self.hop_frames and self.hop_frames > (
            self.chunk_frames or self.patch_frames
        ):
            least = self.chunk_frames or self.patch_frames
            raise ValueError(
                f"'hop_frames' {self.hop_frames} would leave gaps between chunks of {least}"
            )
        if self.learn_from == "moments" and self.loss == "proxy_anchor":
            raise ValueError(
                "'proxy_anchor' needs works: moments have no proxies; take nt_xent or triplet"
            )
        if self.loss in ("barlow_twins", "vicreg") and self.versions_per_work != 2:
            raise ValueError(f"'{self.loss}' compares pairs: 'versions_per_work' is 2")
        return self

    @property
    def alike_by(self) -> Alike:
        """What ranks recordings: what was trained. Other losses than triplets compare directions."""
        if self.loss == "triplet" and self.distance == "squared_per_dim":
            return "squared_per_dim"
        return "cosine"

    @property
    def unlabelled(self) -> bool:
        """Whether recordings without a cover, or without a work, train too."""
        return self.singles or self.learn_from == "moments"
