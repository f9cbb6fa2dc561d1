"""Residual vector quantizers side by side, each of its own channels."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ...errors import DataError
from ...registry import Block, BlockConfig, register
from ..bounds import Entries, Layers, Width
from .rvq import ResidualVectorQuantizer


class GroupedResidualVectorQuantizerConfig(BlockConfig):
    """Fields of GroupedResidualVectorQuantizer."""

    channels: tuple[Width, ...] = Field(
        min_length=1, description="features of each group, in their order"
    )
    n_codebooks: tuple[Layers, ...] = Field(description="stages of each group")
    n_codes: Entries = Field(1024, ge=2, description="vectors in each codebook")
    decay: float = Field(
        0.99, ge=0, lt=1, description="of the running counts and means, for a batch"
    )
    commitment_weight: float = Field(
        0.25, ge=0, description="weight of each group's commitment loss"
    )
    dead_below: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the mean count that revives a code; 0: never",
    )

    @model_validator(mode="after")
    def _groups_fit(self) -> GroupedResidualVectorQuantizerConfig:
        if len(self.channels) != len(self.n_codebooks):
            raise ValueError(
                f"'channels' has {len(self.channels)} groups and 'n_codebooks' {len(self.n_codebooks)}"
            )
        return self

    @property
    def features(self) -> int:
        """Features of all groups."""
        return sum(self.channels)

    def of_group(self, group: int) -> ResidualVectorQuantizer.Config:
        """The settings of one group's quantizer."""
        return ResidualVectorQuantizer.Config(
            dim=self.channels[group],
            n_codebooks=self.n_codebooks[group],
            n_codes=self.n_codes,
            decay=self.decay,
            commitment_weight=self.commitment_weight,
            dead_below=self.dead_below,
        )


@register(
    "GroupedResidualVectorQuantizer",
    shape="B {features} ... -> B {features} ...",
    source="arXiv:2305.02765",
    examples=[
        ((2, 4, 9), {"channels": [1, 3], "n_codebooks": [1, 2], "n_codes": 8}),
        ((2, 5, 3, 4), {"channels": [5], "n_codebooks": [2], "n_codes": 8}),
        (
            (2, 4, 9),
            {"channels": [2, 2], "n_codebooks": [2, 1], "n_codes": 8, "dead_below": 0},
        ),
    ],
)
class GroupedResidualVectorQuantizer(Block):
    """A ResidualVectorQuantizer for each group of channels: a pitch and a timbre do not share codes.

    Shape:   (B, D, ...) -> (B, D, ...); codes (B, sum of n_codebooks, ...), int64, group after group
    Source:  Yang et al., "HiFi-Codec: Group-residual Vector Quantization for High Fidelity Audio Codec", 2023,
             section 3.2. Differs from it: groups may differ in channels and stages.
    Reading: `encode`, `decode`; in training each group has the losses of a ResidualVectorQuantizer, in `groups`.
    Learning: as ResidualVectorQuantizer, each group by itself; so is `fit`.
    """

    Config = GroupedResidualVectorQuantizerConfig

    def __init__(self, config: GroupedResidualVectorQuantizerConfig) -> None:
        super().__init__()
        self.config = config
        self.channels = list(config.channels)
        self.stages = list(config.n_codebooks)
        self.n_codebooks = sum(self.stages)
        self.n_codes = config.n_codes
        self.groups = nn.ModuleList()
        for group in range(len(self.channels)):
            self.groups.append(ResidualVectorQuantizer(config.of_group(group)))

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, self.channels, dim=1)
        quantised = []
        for group, part in zip(self.groups, parts, strict=True):
            quantised.append(group(part))
        return torch.cat(quantised, dim=1)

    def encode(self, x: Tensor) -> Tensor:
        """Codes of (B, D, ...), group after group: (B, n_codebooks, ...), int64."""
        parts = torch.split(x, self.channels, dim=1)
        codes = []
        for group, part in zip(self._quantizers(), parts, strict=True):
            codes.append(group.encode(part))
        return torch.cat(codes, dim=1)

    @property
    def least_codebooks(self) -> int:
        """The first codebooks that can be decoded: without one of its groups a frame has no value."""
        return self.n_codebooks - self.stages[-1] + 1

    def decode(self, codes: Tensor) -> Tensor:
        """The vectors of the codes (B, n, ...), least_codebooks ≤ n ≤ n_codebooks: (B, D, ...).

        The last group may lack its last stages. Raises `DataError` if codes are of more or fewer stages.
        """
        n = codes.shape[1]
        if not self.least_codebooks <= n <= self.n_codebooks:
            message = (
                f"decode got the codes of {n} codebooks, and the GroupedResidualVectorQuantizer has "
                f"{self.n_codebooks}, of which each group needs its first"
            )
            raise DataError(
                message,
                code="E460",
                help=f"give the codes of {self.least_codebooks} to {self.n_codebooks}",
            )
        missing = self.n_codebooks - n
        stages = [*self.stages[:-1], self.stages[-1] - missing]
        parts = torch.split(codes, stages, dim=1)
        vectors = []
        for group, part in zip(self._quantizers(), parts, strict=True):
            vectors.append(group.decode(part))
        return torch.cat(vectors, dim=1)

    @torch.no_grad()
    def fit(self, x: Tensor, n_iterations: int = 10) -> None:
        """Place the codes of every group by k-means on (B, D, ...)."""
        parts = torch.split(x, self.channels, dim=1)
        for group, part in zip(self._quantizers(), parts, strict=True):
            group.fit(part, n_iterations)

    def _quantizers(self) -> list[ResidualVectorQuantizer]:
        """The groups with their own type."""
        found = []
        for group in self.groups:
            assert isinstance(group, ResidualVectorQuantizer)  # made in __init__
            found.append(group)
        return found
