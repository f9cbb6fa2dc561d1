"""The class token as the answer of a whole sequence; ClassToken, which puts it there, is with the tokens."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ...registry import Block, BlockConfig, register
from ..bounds import Width

VIT = "arXiv:2010.11929"


@register(
    "ClassTokenPool",
    shape="B T D -> B D",
    source=VIT,
    examples=[((2, 5, 4), {}), ((2, 5, 4), {"num_tokens": 2})],
)
class ClassTokenPool(Block):
    """The class token of a sequence, as what is said of the whole: many to one.

    Shape:   (B, T, D) -> (B, D)
    Source:  ViT, ICLR 2021, eq. 4; of several tokens the mean, as in PaSST (arXiv:2110.05069)
    """

    class Config(BlockConfig):
        num_tokens: Width = Field(
            1, description="tokens at the beginning that ClassToken has put there"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.num_tokens = config.num_tokens

    def forward(self, x: Tensor) -> Tensor:
        # A slice would take what there is, and average patches in place of tokens.
        if x.shape[1] < self.num_tokens:
            raise ValueError(
                f"ClassTokenPool reads {self.num_tokens} tokens, but {x.shape[1]} came"
            )
        return x[:, : self.num_tokens].mean(1)
