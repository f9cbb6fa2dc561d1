"""Conditions as vectors: the time of a diffusion, a class."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Width

SINUSOIDS = "arXiv:1706.03762"
ADM = "arXiv:2105.05233"


class SinusoidalEmbeddingConfig(BlockConfig):
    """Fields of SinusoidalEmbedding."""

    dim: Width = Field(
        description="features, half of them sines and half cosines: even", multiple_of=2
    )
    max_period: PositiveFloat = Field(
        10000.0, description="2π of it is the longest period, in units of scale · t"
    )
    scale: PositiveFloat = Field(
        1.0, description="t is multiplied by it: 1000 where t goes from 0 to 1"
    )


@register(
    "SinusoidalEmbedding",
    shape="B -> B {dim}",
    source=SINUSOIDS,
    examples=[
        ((3,), {"dim": 6}),
        ((3,), {"dim": 4, "max_period": 100.0, "scale": 1000.0}),
    ],
)
class SinusoidalEmbedding(Block):
    """A number, such as the time of a diffusion, as sines and cosines of it at frequencies from 1 down to 1/max_period.

    Shape:   (B,) -> (B, dim): sin(ω_i t) for i < dim / 2, then cos(ω_i t), ω_i = max_period^(-2i / dim)
    Source:  Vaswani et al., "Attention Is All You Need", 2017, section 3.5, sines and cosines in two halves; Ho et al.,
             "Denoising Diffusion Probabilistic Models", NeurIPS 2020, appendix B. No weights. Integers become floats;
             angles are never computed in less than float32.
    """

    Config = SinusoidalEmbeddingConfig

    def __init__(self, config: SinusoidalEmbeddingConfig) -> None:
        super().__init__()
        self.count = config.dim // 2
        self.scale = config.scale
        self.decay = math.log(config.max_period)

    def forward(self, t: Tensor) -> Tensor:
        if t.is_floating_point():
            dtype = t.dtype
        else:
            dtype = torch.get_default_dtype()
        # Half precision would round the angles of large t to whole turns.
        wide = torch.promote_types(dtype, torch.float32)
        steps = torch.arange(self.count, device=t.device, dtype=wide)
        # exp(-ln(period) i / n): from 1 down to almost 1 / period.
        frequencies = torch.exp(-self.decay / self.count * steps)
        angles = (self.scale * t.to(wide))[:, None] * frequencies
        # All sines, then all cosines, as in the diffusion models' code; transformers alternate them.
        return torch.cat((angles.sin(), angles.cos()), dim=1).to(dtype)


@register(
    "TimeEmbedding",
    shape="B -> B {out_features}",
    source="arXiv:2006.11239",
    examples=[
        ((3,), {"out_features": 5}),
        ((3,), {"out_features": 4, "dim": 8, "hidden_features": 7}),
    ],
)
class TimeEmbedding(Block):
    """The time of a diffusion as a condition: sines and cosines, then two linear layers with SiLU between.

    Shape:   (B,) -> (B, out_features)
    Source:  Ho et al., "Denoising Diffusion Probabilistic Models", NeurIPS 2020, appendix B. For a rectified flow,
             whose t goes from 0 to 1, `scale: 1000`.
    """

    class Config(BlockConfig):
        out_features: Width = Field(description="features of the condition")
        dim: Width = Field(
            128, description="features of the sinusoidal embedding: even", multiple_of=2
        )
        hidden_features: Width | None = Field(
            None, description="width of the hidden layer; default: out_features"
        )
        max_period: PositiveFloat = Field(
            10000.0, description="2π of it is the longest period, in units of scale · t"
        )
        scale: PositiveFloat = Field(
            1.0, description="t is multiplied by it: 1000 where t goes from 0 to 1"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        hidden = config.hidden_features or config.out_features
        self.embed = SinusoidalEmbedding(
            SinusoidalEmbeddingConfig(dim=c.dim, max_period=c.max_period, scale=c.scale)
        )
        self.expand = nn.Linear(c.dim, hidden)
        self.project = nn.Linear(hidden, c.out_features)

    def forward(self, t: Tensor) -> Tensor:
        # Integers come out of the embedding in torch's default type, not that of the weights.
        sinusoids = self.embed(t).to(self.expand.weight.dtype)
        y: Tensor = self.project(functional.silu(self.expand(sinusoids)))
        return y


@register(
    "ClassEmbedding",
    shape="B K -> B {embedding_dim}",
    source=ADM,
    examples=[
        ((3, 4), {"embedding_dim": 5}),
        ((3, 4), {"embedding_dim": 5, "drop": 0.5}),
    ],
)
class ClassEmbedding(Block):
    """A learned vector for each class, and their weighted sum where an item has several; no class gives zeros.

    Shape:   (B, K) one-hot, multi-hot or probabilities -> (B, embedding_dim). From numbers of classes:
             torch.nn.functional.one_hot(classes, K).float(), or the block Embedding.
    Source:  Dhariwal & Nichol, "Diffusion Models Beat GANs on Image Synthesis", NeurIPS 2021, section 3.1. `drop`: Ho &
             Salimans, "Classifier-Free Diffusion Guidance", 2022, algorithm 1; the null class is the vector of zeros.
    """

    class Config(BlockConfig):
        num_classes: int = from_axis("K")
        embedding_dim: Width = Field(description="features of an embedding")
        drop: float = Field(
            0.0,
            ge=0,
            lt=1,
            description="probability in training that an item loses its classes",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.empty(config.num_classes, config.embedding_dim)
        )
        nn.init.normal_(self.weight)
        self.drop = config.drop

    def forward(self, x: Tensor) -> Tensor:
        # One-hot times the table is a look-up; mixtures of classes come out as mixtures of vectors.
        y = x @ self.weight
        if self.training and self.drop:
            draws = torch.rand(len(y), 1, device=y.device, dtype=y.dtype)
            # The zero vector is no class: classifier-free guidance (arXiv:2207.12598) needs a model of both.
            y = y * (draws >= self.drop)
        return y
