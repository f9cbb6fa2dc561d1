"""The vector quantizer of the VQ-VAE."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import BlockConfig, from_axis, register
from ..bounds import Entries
from .bottleneck import Bottleneck
from .codebooks import (
    follow,
    from_frames,
    k_means,
    nearest_codes,
    new_codebooks,
    perplexity_of,
    random_frames,
    statistics_of,
    straight_through,
    to_frames,
    usage_of,
)


@register(
    "VectorQuantizer",
    shape="B D ... -> B D ...",
    source="arXiv:1711.00937",
    examples=[
        ((2, 4, 9), {"n_codes": 8}),
        ((2, 3, 5, 4), {"n_codes": 16, "learning": "loss"}),
        ((3, 4), {"n_codes": 8, "dead_below": 0.0}),
    ],
    unreached=("codebook",),
)
class VectorQuantizer(Bottleneck):
    """Each frame becomes the nearest of n_codes learned vectors; the gradient passes straight through.

    Shape:   (B, D, ...) -> (B, D, ...); codes (B, ...), int64
    Source:  van den Oord, Vinyals & Kavukcuoglu, "Neural Discrete Representation Learning" (VQ-VAE), NIPS 2017, eq. 3
             and appendix A.1. Losses are means over frames and features, where the paper has sums.
    Reading: `encode`, `decode`, `perplexity`, `usage`; `losses`, in training: "commitment", already times its weight,
             and "codebook" where the codebook learns by loss. Distances are computed in float32 or finer.
    Learning: in training, the running means move in forward; under torch.distributed, alike in all processes. A code
             that is hardly chosen starts again at a frame of the batch, so the first batch also places the codes;
             `fit` does it with k-means.
    """

    class Config(BlockConfig):
        dim: int = from_axis("D", "features of a frame, size of axis D")
        n_codes: Entries = Field(512, ge=2, description="vectors in the codebook")
        learning: Literal["ema", "loss"] = Field(
            "ema", description="codebook by running means, or by its own loss"
        )
        decay: float = Field(
            0.99, ge=0, lt=1, description="of the running counts and means, for a batch"
        )
        commitment_weight: float = Field(
            0.25, ge=0, description="β: weight of the commitment loss"
        )
        dead_below: float = Field(
            0.1,
            ge=0,
            lt=1,
            description="share of the mean count that revives a code; 0: never",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.decay = config.decay
        self.dead_below = config.dead_below
        self.by_means = config.learning == "ema"
        self.commitment_weight = config.commitment_weight
        codebook = new_codebooks(1, config.n_codes, config.dim)[0]
        self.codebook: Tensor
        if self.by_means:
            # Running means move the codes, so no optimizer may hold them.
            self.register_buffer("codebook", codebook)
        else:
            self.codebook = nn.Parameter(codebook)
        self.counts: Tensor
        self.register_buffer("counts", torch.zeros(config.n_codes))

    def forward(self, x: Tensor) -> Tensor:
        frames = to_frames(x, self.codebook)
        codes = nearest_codes(frames, self.codebook[None])[:, 0]
        # eq. 2: z_q = e_k with k = argmin_j |z_e - e_j|.
        chosen = functional.embedding(codes, self.codebook)
        if self.training:
            self.losses = self._losses(frames, chosen)
            self._follow(frames, codes)
        return straight_through(x, from_frames(chosen, x))

    def _losses(self, frames: Tensor, chosen: Tensor) -> dict[str, Tensor]:
        chosen = chosen.to(frames.dtype)
        # eq. 3, its last term: β |z_e(x) - sg[e]|² draws the encoder to the codes.
        commitment = functional.mse_loss(frames, chosen.detach())
        losses = {"commitment": self.commitment_weight * commitment}
        if self.by_means:
            return losses

        # eq. 3, its second term: |sg[z_e(x)] - e|² draws the codes to the encoder.
        return {**losses, "codebook": functional.mse_loss(chosen, frames.detach())}

    def _follow(self, frames: Tensor, codes: Tensor) -> None:
        picks = random_frames(len(frames), len(self.codebook), frames.device)
        statistics = statistics_of(frames, codes, picks)[None]
        # `follow` takes several codebooks, and moves these views in place.
        books = self.codebook.detach()[None]
        counts = self.counts[None]
        follow(
            books,
            counts,
            statistics,
            decay=self.decay,
            dead_below=self.dead_below,
            to_means=self.by_means,
        )

    def encode(self, x: Tensor) -> Tensor:
        """Codes of (B, D, ...): (B, ...), int64."""
        codes = nearest_codes(to_frames(x, self.codebook), self.codebook[None])
        # One code per vector: the axis of channels is gone.
        return codes.view(x.shape[0], *x.shape[2:])

    def decode(self, codes: Tensor) -> Tensor:
        """The vectors of codes (B, ...): (B, D, ...)."""
        return functional.embedding(codes, self.codebook).movedim(-1, 1)

    def perplexity(self, codes: Tensor) -> Tensor:
        """exp of the entropy of codes of any shape: a scalar, n_codes where all occur alike."""
        return perplexity_of(codes)

    def usage(self, codes: Tensor) -> Tensor:
        """Share of the codebook that occurs in codes of any shape: a scalar."""
        return usage_of(codes, len(self.codebook))

    @torch.no_grad()
    def fit(self, x: Tensor, n_iterations: int = 10) -> None:
        """Place the codes by k-means on (B, D, ...), such as the first batches that reach the block."""
        frames = to_frames(x, self.codebook)
        k_means(
            frames,
            self.codebook[None],
            self.counts[None],
            n_iterations,
            self.dead_below,
        )
