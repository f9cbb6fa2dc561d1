"""Learned pooling over time: means whose weights come from the values themselves. Many to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ...registry import INFER, Block, BlockConfig, from_axis, register
from ..bounds import Width


class _AutoPoolConfig(BlockConfig):
    num_channels: int = from_axis("C", "channels that are averaged")
    alpha_init: float = Field(
        0.0,
        allow_inf_nan=False,
        description="α at the start: 0 is the mean, 1 softmax weights, large the maximum",
    )
    per_channel: bool = Field(
        False, description="whether every channel has an α of its own"
    )


def _alpha(config: _AutoPoolConfig) -> nn.Parameter:
    """One number, or (C, 1, 1)."""
    # (C, 1, 1) holds for all bins and frames of its channel.
    shape = (config.num_channels, 1, 1) if config.per_channel else ()
    return nn.Parameter(torch.full(shape, config.alpha_init))


@register(
    "AutoPool",
    shape="B C F T -> B C F 1",
    source="arXiv:1804.10070",
    examples=[
        ((2, 3, 2, 5), {"alpha_init": 0.5}),
        ((2, 3, 2, 5), {"per_channel": True}),
    ],
)
class AutoPool(Block):
    """Mean over time, each frame weighted by its own value: softmax over t of α x(t), with α learned.

    Shape:   (B, C, F, T) -> (B, C, F, 1)
    Source:  McFee et al., "Adaptive Pooling Operators for Weakly Labeled Sound Event Detection", 2018, eq. 8:
             an α for each class (`per_channel`); MOVE has one for all channels.
    """

    Config = _AutoPoolConfig

    def __init__(self, config: _AutoPoolConfig) -> None:
        super().__init__()
        self.alpha = _alpha(config)

    def forward(self, x: Tensor) -> Tensor:
        # eq. 8: softmax over t of α x(t): α = 0 is the mean, α → ∞ the maximum.
        return weighted_mean(x, self.alpha * x)


@register(
    "AutoPoolSplit",
    shape="B C*2 F T -> B C F 1",
    source="arXiv:1910.12551",
    examples=[
        ((2, 6, 2, 5), {"alpha_init": 0.5}),
        ((2, 6, 2, 5), {"per_channel": True, "weights_first": True}),
    ],
)
class AutoPoolSplit(Block):
    """AutoPool whose weights come from channels of their own: one half of them weighs the other.

    Shape:   (B, 2 C, F, T) -> (B, C, F, 1)
    Source:  Yesiler et al., "Accurate and Scalable Version Identification Using Musically-Motivated Embeddings"
             (MOVE), ICASSP 2020, section 2.2. There and here, either half may weigh: the layer before learns which.
             The authors' code takes the first half for the weights, so their checkpoint needs `weights_first: true`.
    """

    class Config(_AutoPoolConfig):
        weights_first: bool = Field(
            False,
            description="whether the first half of the channels weighs the second, as in the authors' code",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.alpha = _alpha(config)
        self.weights_first = config.weights_first

    def forward(self, x: Tensor) -> Tensor:
        value, weight = x.chunk(2, dim=1)
        # A swap, not a flip of the channels: weights of the authors' checkpoint stay where they are.
        if self.weights_first:
            value, weight = weight, value
        return weighted_mean(value, self.alpha * weight)


@register(
    "SoftmaxPoolSplit",
    shape="B C*2 F T -> B C F 1",
    source="arXiv:1712.04382",
    examples=[((2, 6, 2, 5), {})],
)
class SoftmaxPoolSplit(Block):
    """Attention over time: a softmax of the second half of the channels weighs the first.

    Shape:   (B, 2 C, F, T) -> (B, C, F, 1)
    Source:  Chou et al., "Learning to Recognize Transient Sound Events Using Attentional Supervision", IJCAI 2018
    """

    def forward(self, x: Tensor) -> Tensor:
        value, weight = x.chunk(2, dim=1)
        return weighted_mean(value, weight)


@register(
    "SoftmaxPool",
    shape="B C F T -> B C F 1",
    source="arXiv:1810.09050",
    examples=[((2, 3, 2, 5), {})],
)
class SoftmaxPool(Block):
    """Mean over time, each frame weighted by its own value through a softmax: AutoPool with α = 1, nothing to learn.

    Shape:   (B, C, F, T) -> (B, C, F, 1)
    Source:  Wang et al., "A Comparison of Five Multiple Instance Learning Pooling Functions for Sound Event Detection
             with Weak Labeling", ICASSP 2019, section 2 ("exponential softmax")
    """

    def forward(self, x: Tensor) -> Tensor:
        return weighted_mean(x, x)


@register(
    "AttentionPool",
    shape="B C ... T -> B C ... 1",
    source="arXiv:1802.04712",
    examples=[
        ((2, 3, 5), {}),
        ((2, 3, 2, 5), {"in_channels": 3, "hidden_features": 4, "num_heads": 3}),
        ((2, 3, 5), {"gated": True}),
    ],
)
class AttentionPool(Block):
    """Mean over time whose weights a small network finds from all channels of a frame: wᵀ tanh(V x), then a softmax.

    Shape:   (B, C, ..., T) -> (B, C, ..., 1); of (B, C, F, T) every row F has weights of its own
    Source:  Ilse et al., "Attention-Based Deep Multiple Instance Learning", ICML 2018, eq. 8, and with `gated` eq. 9.
             `num_heads`: Lin et al., "A Structured Self-Attentive Sentence Embedding", ICLR 2017; each weighs its
             share of the channels.
    """

    class Config(BlockConfig):
        renamed: ClassVar[Mapping[str, str]] = {"heads": "num_heads"}
        in_channels: int = from_axis("C")
        hidden_features: Width = Field(128, description="width of the small network")
        num_heads: Width = Field(
            1, description="sets of weights, each for its share of the channels"
        )
        gated: bool = Field(
            False, description="whether tanh(V x) is multiplied by sigmoid(U x)"
        )

        @model_validator(mode="after")
        def _shared_out(self) -> AttentionPool.Config:
            if self.in_channels != INFER:
                self.refuse_rest()
            return self

        def refuse_rest(self) -> None:
            """Raises ValueError where the heads do not share out the channels."""
            if self.in_channels % self.num_heads:
                raise ValueError(
                    f"{self.num_heads} heads cannot share out {self.in_channels} channels"
                )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        c.refuse_rest()
        self.heads = c.num_heads
        self.hidden = nn.Linear(c.in_channels, c.hidden_features)
        self.gate = nn.Linear(c.in_channels, c.hidden_features) if c.gated else None
        self.score = nn.Linear(c.hidden_features, c.num_heads, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # Each head weighs its share of the channels, so its logits are repeated for all of them.
        logits = self.logits(x).repeat_interleave(x.shape[1] // self.heads, dim=1)
        return weighted_mean(x, logits)

    def logits(self, x: Tensor) -> Tensor:
        """What the softmax over time is taken of: (B, C, ..., T) -> (B, heads, ..., T)."""
        frames = x.movedim(1, -1)
        # eq. 8: wᵀ tanh(V h).
        hidden = self.hidden(frames).tanh()
        if self.gate is not None:
            # eq. 9: the gate σ(U h), since tanh is nearly linear around 0.
            hidden = hidden * self.gate(frames).sigmoid()
        scores: Tensor = self.score(hidden)
        return scores.movedim(-1, 1)


def weighted_mean(x: Tensor, logits: Tensor) -> Tensor:
    """Mean of x over its last axis with weights softmax(logits): (..., T) -> (..., 1)."""
    return (x * logits.softmax(dim=-1)).sum(dim=-1, keepdim=True)
