"""Linear layers."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from ...registry import BlockConfig, TorchLayer, from_axis, register
from ..bounds import Width


@register(
    "Linear",
    shape="B ... D -> B ... {out_features}",
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html",
    examples=[
        ((2, 4), {"out_features": 3}),
        ((2, 5, 4), {"out_features": 3, "bias": False}),
    ],
)
class Linear(TorchLayer, nn.Linear):
    """A matrix and a bias on the last axis.

    Shape:   (B, ..., D) -> (B, ..., out_features)
    Source:  torch.nn.Linear
    """

    class Config(BlockConfig):
        in_features: int = from_axis("D")
        out_features: Width = Field(description="size of the last axis of the output")
        bias: bool = Field(True, description="whether a bias is added")
