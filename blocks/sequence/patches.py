"""Patches of a spectrogram as tokens, and the class token that is put before them."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Count, Entries, Pair, Width
from .positions import INIT_STD

VIT = "arXiv:2010.11929"


@register(
    "PatchEmbed2d",
    shape="B C F T -> B T' {embed_dim}",
    source=VIT,
    examples=[
        ((2, 1, 6, 8), {"embed_dim": 4, "patch_size": 2}),
        (
            (2, 2, 8, 9),
            {
                "embed_dim": 4,
                "patch_size": [4, 3],
                "stride": [2, 3],
                "max_rows": 4,
                "max_columns": 5,
            },
        ),
    ],
)
class PatchEmbed2d(Block):
    """A spectrogram cut into patches, each a token: a linear map of its values, rows of patches one after another.

    Shape:   (B, C, F, T) -> (B, number of patches, embed_dim); bins and frames that fill no patch are left out. With
             positions, more rows or columns of patches than have one raise ValueError.
    Source:  Dosovitskiy et al., "An Image Is Worth 16x16 Words" (ViT), ICLR 2021, eq. 1. Overlapping patches, positions
             of rows and columns apart, and Patchout: Koutini et al., "Efficient Training of Audio Transformers with
             Patchout" (PaSST), Interspeech 2022, section 2. Patchout leaves out whole rows and columns, in training.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        embed_dim: Width = Field(description="features of a token")
        patch_size: Pair = Field(16, description="bins and frames of a patch")
        stride: Pair | None = Field(
            None,
            description="bins and frames between patches; default: patch_size, no overlap",
        )
        max_rows: Entries | None = Field(
            None,
            description="rows of patches that have a position; default: no positions",
        )
        max_columns: Entries | None = Field(
            None, description="columns of patches that have a position, likewise"
        )
        drop_rows: Count = Field(
            0,
            description="rows of patches that are left out in training, at random",
        )
        drop_columns: Count = Field(
            0,
            description="columns of patches that are left out in training, at random",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        # A convolution with the stride of its kernel is a linear map of each patch.
        self.proj = nn.Conv2d(
            c.in_channels, c.embed_dim, c.patch_size, stride=c.stride or c.patch_size
        )
        self.rows: nn.Parameter | None = None
        self.columns: nn.Parameter | None = None
        if c.max_rows:
            self.rows = nn.Parameter(torch.empty(c.embed_dim, c.max_rows, 1))
            nn.init.trunc_normal_(self.rows, std=INIT_STD)
        if c.max_columns:
            self.columns = nn.Parameter(torch.empty(c.embed_dim, 1, c.max_columns))
            nn.init.trunc_normal_(self.columns, std=INIT_STD)
        self.drop = (c.drop_rows, c.drop_columns)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.proj(x)

        # A smaller grid takes the first positions of each axis.
        for axis, weight in ((2, self.rows), (3, self.columns)):
            if weight is not None:
                refuse_more(axis, y.shape[axis], weight.shape[axis - 1])
                y = y + weight.narrow(axis - 1, 0, y.shape[axis])
        # Patchout: whole rows and columns, after they have their positions.
        if self.training:
            y = leave_out(y, 2, self.drop[0])
            y = leave_out(y, 3, self.drop[1])
        # (B, D, rows, columns) to (B, rows · columns, D): a token per patch.
        return y.flatten(2).mT


def refuse_more(axis: int, came: int, most: int) -> None:
    """Raises ValueError where a grid has more rows or columns of patches than positions."""
    if came > most:
        word = {2: "rows", 3: "columns"}[axis]
        raise ValueError(
            f"PatchEmbed2d has max_{word} {most}, but {came} {word} of patches came"
        )


def leave_out(x: Tensor, axis: int, count: int) -> Tensor:
    """x without `count` slices of an axis, drawn at random and alike for the batch; one is kept at least."""
    if not count:
        return x
    kept = max(1, x.shape[axis] - count)
    # Sorted, so that the patches that stay keep their order.
    chosen = torch.randperm(x.shape[axis], device=x.device)[:kept].sort().values
    return x.index_select(axis, chosen)


class ClassTokenConfig(BlockConfig):
    """Fields of ClassToken."""

    embed_dim: int = from_axis("D")
    num_tokens: Width = Field(
        1,
        description="tokens put first; 2: DeiT's and PaSST's class and distillation token",
    )


@register(
    "ClassToken",
    shape="B T D -> B T' D",
    source="arXiv:1810.04805",
    examples=[((2, 5, 4), {}), ((2, 5, 4), {"num_tokens": 2})],
)
class ClassToken(Block):
    """Puts learned tokens before a sequence, in which attention gathers what is said of the whole: see ClassTokenPool.

    Shape:   (B, T, D) -> (B, num_tokens + T, D)
    Source:  Devlin et al., "BERT", NAACL 2019, section 3; ViT, ICLR 2021, eq. 1
    """

    Config = ClassTokenConfig

    def __init__(self, config: ClassTokenConfig) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.empty(1, config.num_tokens, config.embed_dim))
        nn.init.trunc_normal_(self.tokens, std=INIT_STD)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.tokens.expand(x.shape[0], -1, -1), x), dim=1)
