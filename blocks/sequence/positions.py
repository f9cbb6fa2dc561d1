"""Positions: what is added to a sequence (sinusoids, learned vectors), and what attention itself adds or turns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Entries

TRANSFORMER = "arXiv:1706.03762"
INIT_STD = 0.02  # of learned positions and tokens, as in BERT and ViT
ROTARY_PERIOD = 10000.0


@dataclass
class PlacesSoFar:
    """How many frames of a sequence came before those of a step."""

    frames: int = 0


class _Positions(Block):
    """Positions that are added to frames, whose forward takes the number of the first frame."""

    def new_cache(self, max_places: int, batch_size: int) -> PlacesSoFar:  # noqa: ARG002  # a number is all it keeps
        """What `step` needs before the first frame."""
        return PlacesSoFar()

    def step(self, x: Tensor, cache: PlacesSoFar) -> Tensor:
        """The next frames, (B, n, D) -> (B, n, D), with the positions that come after those before them."""
        y: Tensor = self(x, cache.frames)
        cache.frames += x.shape[1]
        return y


class SinusoidalPositionsConfig(BlockConfig):
    """Fields of SinusoidalPositions."""

    embedding_dim: int = from_axis("D")
    max_period: PositiveFloat = Field(
        10000.0, description="2π of it is the longest period, in frames"
    )


@register(
    "SinusoidalPositions",
    shape="B T D -> B T D",
    source=TRANSFORMER,
    examples=[((2, 5, 6), {}), ((2, 5, 7), {"max_period": 100.0})],
)
class SinusoidalPositions(_Positions):
    """Adds sines and cosines of the frame's number, at frequencies from 1 to 1/max_period: any length, no weights.

    Shape:   (B, T, D) -> (B, T, D): plus sin(t ω_i) in feature 2i, cos(t ω_i) in 2i + 1, ω_i = max_period^(-2i / D)
    Source:  Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5. The input is not scaled by √D.
    """

    Config = SinusoidalPositionsConfig

    def __init__(self, config: SinusoidalPositionsConfig) -> None:
        super().__init__()
        self.dim = config.embedding_dim
        self.decay = math.log(config.max_period)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """`start`: the number of the first frame, where a sequence comes in parts."""
        wide = torch.promote_types(x.dtype, torch.float32)
        # ω_i = period^(-2i / D), computed as exp(-ln(period) 2i / D).
        rates = torch.exp(
            torch.arange(0, self.dim, 2, device=x.device, dtype=wide)
            * (-self.decay / self.dim)
        )
        frames = torch.arange(start, start + x.shape[1], device=x.device, dtype=wide)
        angles = frames[:, None] * rates
        # PE(t, 2i) = sin(ω_i t), PE(t, 2i + 1) = cos(ω_i t): stacked behind one another they alternate.
        waves = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[
            :, : self.dim
        ]
        return x + waves.to(x.dtype)


class LearnedPositionsConfig(BlockConfig):
    """Fields of LearnedPositions."""

    embedding_dim: int = from_axis("D")
    max_frames: Entries = Field(
        description="frames that have a position: no longer sequence can come"
    )


@register(
    "LearnedPositions",
    shape="B T D -> B T D",
    source="arXiv:1810.04805",
    examples=[((2, 5, 4), {"max_frames": 8})],
)
class LearnedPositions(_Positions):
    """Adds a learned vector for each frame's number.

    Shape:   (B, T, D) -> (B, T, D), T ≤ max_frames; a longer one raises ValueError
    Source:  Devlin et al., "BERT", NAACL 2019, section 3.2; Dosovitskiy et al., "An Image Is Worth 16x16 Words" (ViT),
             ICLR 2021, eq. 1
    """

    Config = LearnedPositionsConfig

    def __init__(self, config: LearnedPositionsConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.max_frames, config.embedding_dim))
        nn.init.trunc_normal_(self.weight, std=INIT_STD)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """`start`: the number of the first frame, where a sequence comes in parts."""
        refuse_longer(
            "LearnedPositions", "max_frames", start + x.shape[1], len(self.weight)
        )
        return x + self.weight[start : start + x.shape[1]]


@register(
    "LearnedPositions2d",
    shape="B C F T -> B C F T",
    source="arXiv:2110.05069",
    examples=[((2, 4, 3, 5), {"max_frames": 8})],
)
class LearnedPositions2d(Block):
    """Adds a learned vector for each row and another for each column of a grid of patches.

    Shape:   (B, C, F, T) -> (B, C, F, T), T ≤ max_frames; a longer one raises ValueError
    Source:  Koutini et al., "Efficient Training of Audio Transformers with Patchout" (PaSST), Interspeech 2022, section
             2: positions of time and frequency apart, so that a shorter clip takes the first ones of time
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        num_rows: int = from_axis("F")
        max_frames: Entries = Field(
            description="columns that have a position: no longer clip can come"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(config.in_channels, config.num_rows, 1))
        self.columns = nn.Parameter(
            torch.empty(config.in_channels, 1, config.max_frames)
        )
        nn.init.trunc_normal_(self.rows, std=INIT_STD)
        nn.init.trunc_normal_(self.columns, std=INIT_STD)

    def forward(self, x: Tensor) -> Tensor:
        refuse_longer(
            "LearnedPositions2d", "max_frames", x.shape[3], self.columns.shape[2]
        )
        return x + self.rows + self.columns[..., : x.shape[3]]


def refuse_longer(name: str, field: str, frames: int, most: int) -> None:
    """Raises ValueError where a sequence has more frames than positions."""
    if frames > most:
        raise ValueError(f"{name} has {field} {most}, but {frames} frames came")


def rotary_angles(frames: int, dim: int, like: Tensor, start: int = 0) -> Tensor:
    """The angle of each frame and feature, (frames, dim), the two features of a pair alike; at least in float32."""
    wide = torch.promote_types(like.dtype, torch.float32)
    pairs = torch.arange(0, dim, 2, device=like.device, dtype=wide)
    # θ_i = 10000^(-2i / D): the first pairs turn fast, the last ones hardly at all.
    rates = ROTARY_PERIOD ** (-pairs / dim)
    numbers = torch.arange(start, start + frames, device=like.device, dtype=wide)
    return (numbers[:, None] * rates).repeat_interleave(2, dim=1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Each pair of features of x, (..., T, D), turned by its angle (arXiv:2104.09864, eq. 34).

    Where there are fewer angles than features, those behind them stay as they are.
    """
    # A pair (a, b) becomes (a cos - b sin, b cos + a sin).
    count = cos.shape[-1]
    wide = x[..., :count].to(cos.dtype)
    swapped = torch.stack((-wide[..., 1::2], wide[..., ::2]), dim=-1).flatten(-2)
    turned = (wide * cos + swapped * sin).to(x.dtype)
    if count == x.shape[-1]:
        return turned
    return torch.cat((turned, x[..., count:]), dim=-1)


def alibi_slopes(heads: int) -> list[float]:
    """One slope per head: 2^(-8 / n), its square, ... for n = 2^k heads; else those of 2^k < heads, then every second
    of 2^(k + 1) (arXiv:2108.12409, section 3 and its code).
    """
    # Slopes of 2^k heads are a geometric series from 2^(-8 / n) to 2^-8.
    whole = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / whole) for i in range(whole)]
    # Every second one of the next series lies between two of this one.
    return slopes + [2 ** (-4 * (2 * i + 1) / whole) for i in range(heads - whole)]


class Alibi(nn.Module):
    """Minus the distance of two frames, times a slope of the head's own: added to the scores of attention.

    Source:  Press et al., "Train Short, Test Long: Attention with Linear Biases", ICLR 2022; both ways by |distance|
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.slopes: Tensor
        self.register_buffer(
            "slopes", torch.tensor(alibi_slopes(heads))[:, None, None], persistent=False
        )

    def forward(self, queries: int, start: int = 0) -> Tensor:
        """(heads, queries, start + queries); the first query is frame `start`."""
        return offsets(queries, start, self.slopes.device).abs() * -self.slopes


class T5Bias(nn.Module):
    """A learned number for each head and bucket of distances: added to the scores of attention.

    Source:  Raffel et al., "Exploring the Limits of Transfer Learning" (T5), JMLR 2020, section 2.1: half of the
             buckets for single distances, the other half in logarithmic steps up to max_distance. One table for all
             layers. Here scores are divided by √dim_head, which T5 leaves to its initialisation.
    """

    def __init__(
        self, heads: int, num_buckets: int, max_distance: int, causal: bool
    ) -> None:
        super().__init__()
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.causal = causal
        self.weight = nn.Parameter(torch.empty(num_buckets, heads))
        nn.init.normal_(self.weight, std=INIT_STD)

    def forward(self, queries: int, start: int = 0) -> Tensor:
        """(heads, queries, start + queries); the first query is frame `start`."""
        buckets = self.buckets(offsets(queries, start, self.weight.device))
        return functional.embedding(buckets, self.weight).permute(2, 0, 1)

    def buckets(self, offset: Tensor) -> Tensor:
        """The bucket of each offset, key minus query, in frames."""
        # Where the future counts too, half of the buckets are for it.
        if self.causal:
            count = self.num_buckets
            distance = (-offset).clamp_min(0)
        else:
            count = self.num_buckets // 2
            distance = offset.abs()

        # Half of them hold one distance each, the others grow by a factor up to max_distance and hold all beyond it.
        single = count // 2
        span = math.log(self.max_distance / single)
        logs = (distance.clamp_min(1) / single).log()
        steps = logs / span * (count - single)
        # The clamp puts everything beyond max_distance into the last bucket.
        far = (single + steps.long()).clamp_max(count - 1)
        bucket = torch.where(distance < single, distance, far)
        if self.causal:
            return bucket
        return bucket + count * (offset > 0)


def offsets(queries: int, start: int, device: torch.device) -> Tensor:
    """Key minus query in frames, (queries, start + queries)."""
    keys = torch.arange(start + queries, device=device)
    # Rows are queries, which may begin later than the keys where frames come in parts.
    return keys - keys[start:, None]
