"""Attention by itself, without the rest of a transformer: torch's own, one layer."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ...registry import INFER, Block, BlockConfig, from_axis, register
from ..bounds import Width
from .positions import TRANSFORMER


class AttentionConfig(BlockConfig):
    """Fields of attention, torch's names."""

    embed_dim: int = from_axis("D")
    num_heads: Width = Field(description="heads; they share out embed_dim")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout of attention weights")
    bias: bool = Field(True, description="whether biases are added")

    @model_validator(mode="after")
    def _shared_out(self) -> AttentionConfig:
        if self.embed_dim != INFER:
            refuse_rest(self.embed_dim, self.num_heads)
        return self


class SelfAttentionConfig(AttentionConfig):
    """Fields of self-attention."""

    causal: bool = Field(
        False, description="whether a frame attends to itself and those before it only"
    )


class CrossAttentionConfig(AttentionConfig):
    """Fields of attention to another sequence."""

    kdim: int = from_axis("E", "features of the other sequence")


def refuse_rest(embed_dim: int, num_heads: int) -> None:
    """Raises ValueError where the heads do not share out the features."""
    if embed_dim % num_heads:
        raise ValueError(
            f"{num_heads} heads cannot share out {embed_dim} features: one must divide the other"
        )


@register(
    "SelfAttention",
    shape="B T D -> B T D",
    source=TRANSFORMER,
    examples=[
        ((2, 5, 6), {"embed_dim": 6, "num_heads": 2}),
        ((2, 5, 4), {"num_heads": 1, "causal": True, "bias": False}),
    ],
)
class SelfAttention(nn.MultiheadAttention, Block):
    """Every frame as a mean of all frames, weighted by how its query meets their keys; no residual, no norm.

    Shape:   (B, T, D) -> (B, T, D)
    Source:  Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2; torch.nn.MultiheadAttention. It
             does not know positions: put SinusoidalPositions or LearnedPositions before it.
    """

    Config = SelfAttentionConfig
    sees_all_frames = True

    def __init__(self, config: SelfAttentionConfig) -> None:
        c = config
        refuse_rest(c.embed_dim, c.num_heads)
        super().__init__(
            c.embed_dim, c.num_heads, dropout=c.dropout, bias=c.bias, batch_first=True
        )
        self.causal = c.causal

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one input, torch's takes three
        y: Tensor = super().forward(
            x, x, x, need_weights=False, attn_mask=self._later(x), is_causal=self.causal
        )[0]
        return y

    def weights(self, x: Tensor) -> Tensor:
        """What each frame attends to, (B, T, D) -> (B, heads, T, T); rows sum to 1 in eval()."""
        found = super().forward(
            x, x, x, average_attn_weights=False, attn_mask=self._later(x)
        )[1]
        assert found is not None
        return found

    def _later(self, x: Tensor) -> Tensor | None:
        """True where a key comes after a query."""
        n = x.shape[1]
        if self.causal:
            # triu(1) leaves the diagonal out: a frame sees itself.
            return torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        return None


@register(
    "CrossAttention",
    shape="B T D, B S E -> B T D",
    source=TRANSFORMER,
    examples=[
        ([(2, 5, 6), (2, 4, 3)], {"embed_dim": 6, "num_heads": 2}),
        ([(2, 5, 4), (2, 3, 4)], {"num_heads": 1}),
    ],
)
class CrossAttention(nn.MultiheadAttention, Block):
    """Every frame as a mean of the frames of another sequence, weighted by how its query meets their keys.

    Shape:   (B, T, D), (B, S, E) -> (B, T, D); in a graph the other sequence comes by `with: [name]`
    Source:  Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.3; torch.nn.MultiheadAttention with
             kdim = vdim = E. No residual, no norm, no positions.
    """

    Config = CrossAttentionConfig
    sees_all_frames = True

    def __init__(self, config: CrossAttentionConfig) -> None:
        c = config
        refuse_rest(c.embed_dim, c.num_heads)
        super().__init__(
            c.embed_dim,
            c.num_heads,
            dropout=c.dropout,
            bias=c.bias,
            kdim=c.kdim,
            vdim=c.kdim,
            batch_first=True,
        )

    def forward(self, x: Tensor, context: Tensor) -> Tensor:  # type: ignore[override]  # torch's takes keys and values
        y: Tensor = super().forward(x, context, context, need_weights=False)[0]
        return y

    def weights(self, x: Tensor, context: Tensor) -> Tensor:
        """What each frame attends to, (B, T, D), (B, S, E) -> (B, heads, T, S); rows sum to 1 in eval()."""
        found = super().forward(x, context, context, average_attn_weights=False)[1]
        assert found is not None
        return found
