"""Finite scalar quantization."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ...registry import Block, BlockConfig, register
from .codebooks import perplexity_of, straight_through, usage_of

MOST_CODES = 2**62  # codes are int64


@register(
    "FiniteScalarQuantizer",
    shape="B {dim} ... -> B {dim} ...",
    source="arXiv:2309.15505",
    examples=[
        ((2, 3, 9), {"levels": [3, 4, 5]}),
        ((2, 4, 3, 5), {"levels": [8, 5, 5, 5]}),
    ],
)
class FiniteScalarQuantizer(Block):
    """Each channel is bounded and rounded to its levels: a codebook that is a grid, with nothing to learn.

    Shape:   (B, len(levels), ...) -> the same, in -1 … 1; codes (B, ...), int64, below n_codes = the product of levels
    Source:  Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", ICLR 2024, section 3 and appendix A.1;
             its levels for about 2^8, 2^10, 2^12, 2^14 and 2^16 codes: [8, 6, 5], [8, 5, 5, 5], [7, 5, 5, 5, 5],
             [8, 8, 8, 6, 5], [8, 8, 8, 5, 5, 5]. Differs: the bound is exactly the outer levels, so that each of many
             levels is reached, and its shift by atanh (there tan) takes 0 to 0. Rounding passes the gradient straight
             through, the bound gives its own.
    Reading: `encode`, `decode`, `perplexity`, `usage`
    """

    class Config(BlockConfig):
        levels: tuple[Annotated[int, Field(ge=3, le=2**16)], ...] = Field(
            min_length=1,
            description="values of each channel; the paper advises at least 5",
        )

        @property
        def dim(self) -> int:
            """Channels of the input."""
            return len(self.levels)

        @model_validator(mode="after")
        def _numbered(self) -> FiniteScalarQuantizer.Config:
            if math.prod(self.levels) > MOST_CODES:
                raise ValueError(
                    "the product of levels must be at most 2^62, for codes to be int64"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_codes = math.prod(config.levels)
        self.levels: Tensor
        self.strides: Tensor
        # Both follow from the config, so they are not in the weights.
        self.register_buffer("levels", torch.tensor(config.levels), persistent=False)
        self.register_buffer(
            "strides",
            torch.tensor([math.prod(config.levels[:i]) for i in range(config.dim)]),
            persistent=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        bounded = self._bounded(x)
        rounded = straight_through(bounded, bounded.round())
        # Half of the levels is the largest magnitude, so the outermost value is -1.
        return (rounded / self._half).movedim(-1, 1).to(x.dtype)

    @property
    def _half(self) -> Tensor:
        """Levels below zero of each channel."""
        return self.levels // 2

    def _bounded(self, x: Tensor) -> Tensor:
        """(B, dim, ...) -> (B, ..., dim), from -(levels // 2) to (levels - 1) // 2."""
        frames = x.movedim(1, -1).to(torch.promote_types(x.dtype, torch.float32))
        reach = (self.levels.to(frames.dtype) - 1) / 2
        # 1/2 for even levels, which have one more below zero than above.
        offset = self._half - reach
        # The shift by atanh takes 0 to 0: without it even levels would begin between two of them.
        return (frames + (offset / reach).atanh()).tanh() * reach - offset

    def encode(self, x: Tensor) -> Tensor:
        """Codes of (B, dim, ...): (B, ...), int64; the first channel counts fastest."""
        # A mixed-radix number: channel i counts in steps of the product of the levels before it.
        return ((self._bounded(x).round().long() + self._half) * self.strides).sum(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """The values, in -1 … 1, of codes (B, ...): (B, dim, ...), in torch's default type."""
        # The digits of that number, shifted back to be centred on 0.
        values = codes[..., None] // self.strides % self.levels - self._half
        return (values.to(torch.get_default_dtype()) / self._half).movedim(-1, 1)

    def perplexity(self, codes: Tensor) -> Tensor:
        """exp of the entropy of codes of any shape: a scalar, n_codes where all occur alike."""
        return perplexity_of(codes)

    def usage(self, codes: Tensor) -> Tensor:
        """Share of the n_codes codes that occur in codes of any shape: a scalar."""
        return usage_of(codes, self.n_codes)
