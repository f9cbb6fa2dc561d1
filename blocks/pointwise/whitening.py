"""Whitening: directions in which the data vary, made alike."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from ...registry import Block, BlockConfig, from_axis, register
from ...shapes import Axes, ContractError
from ..bounds import Width
from ..frontends.spectrogram import exactly

LEAST = 1e-8  # of a variance, so that data that do not vary give finite numbers


@register(
    "Whitening",
    shape="B D -> B {out_features}",
    source="arXiv:1804.08450",
    examples=[
        ((6, 4), {"out_features": 3}),
        ((5, 3), {"out_features": 3, "shrinkage": 0.0, "affine": False}),
    ],
)
class Whitening(Block):
    """The first principal components of vectors, each divided by its deviation and scaled by a learned weight.

    Shape:   (B, D) -> (B, out_features): weight (x - mean) U / √(λ + shrinkage · mean of these λ), with λ and U the
             greatest eigenvalues and their eigenvectors of the covariance of all training batches so far. Mean and
             covariance come from the data alone: gradients reach the weight and the input only.
    Source:  Huang et al., "Decorrelated Batch Normalization", CVPR 2018, with the principal components kept instead
             of turned back; for retrieval, Jégou & Chum, "Negative Evidences and Co-occurrences in Image Retrieval:
             The Benefit of PCA and Whitening", ECCV 2012.
    """

    class Config(BlockConfig):
        num_features: int = from_axis("D")
        out_features: Width = Field(description="components that are kept, at most D")
        shrinkage: NonNegativeFloat = Field(
            0.1, description="share of their mean variance added to each variance"
        )
        affine: bool = Field(
            True, description="whether a learned weight of each component follows"
        )

        def resolve(self, axes: Axes) -> Whitening.Config:
            found = super().resolve(axes)
            assert isinstance(found, Whitening.Config)
            if 0 < found.num_features < found.out_features:
                raise ContractError(
                    f"{found.out_features} components of {found.num_features} numbers cannot be kept"
                )
            return found

    running_mean: Tensor
    running_square: Tensor
    projection: Tensor
    num_batches_tracked: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.shrinkage = config.shrinkage
        size = config.num_features
        kept = config.out_features
        self.weight = nn.Parameter(torch.ones(kept)) if config.affine else None
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_square", torch.zeros(size, size))
        self.register_buffer("projection", torch.eye(size, kept))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with exactly(x):  # a covariance needs more than 8 bits
                self._learn(x.detach())
        # Mean and directions are those of all batches so far, this one included, so that eval() computes alike.
        y = (x - self.running_mean) @ self.projection
        if self.weight is None:
            return y
        return y * self.weight

    def _learn(self, x: Tensor) -> None:
        """Take a batch into the mean of all, and find the components again; in float32 at least, as eigh needs it."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        self.num_batches_tracked += 1
        # Each batch counts alike: the n-th has the share 1 / n of the mean.
        share = 1 / self.num_batches_tracked.to(wide.dtype)
        mean = torch.lerp(self.running_mean.to(wide.dtype), wide.mean(0), share)
        squares = wide.T @ wide / wide.shape[0]
        square = torch.lerp(self.running_square.to(wide.dtype), squares, share)

        covariance = square - torch.outer(mean, mean)
        self.running_mean.copy_(mean)
        self.running_square.copy_(square)
        self.projection.copy_(self.projection_by(covariance))

    @property
    def covariance(self) -> Tensor:
        """That of all training batches so far, (D, D)."""
        return self.running_square - torch.outer(self.running_mean, self.running_mean)

    def projection_by(self, covariance: Tensor) -> Tensor:
        """(D, out_features): the components of a covariance (D, D) with the most variance, each over its deviation."""
        # eigh raises for NaN. The mean keeps it, so that the loss is NaN, which the training reports.
        finite = torch.where(covariance.isfinite(), covariance, 0.0)
        # It sorts upwards.
        values, vectors = torch.linalg.eigh(finite)
        kept = self.projection.shape[1]
        # Rounding may leave tiny negative variances.
        values = values.flip(0)[:kept].clamp_min(0)
        # Shrinkage towards their mean keeps directions of hardly any variance from being blown up to noise.
        variances = values + self.shrinkage * values.mean() + LEAST
        projection: Tensor = vectors.flip(1)[:, :kept] / variances.sqrt()
        return projection
