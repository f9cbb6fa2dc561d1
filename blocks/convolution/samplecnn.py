"""The block of SampleCNN."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Taps, Width


@register(
    "SampleCNNBlock",
    shape="B C T -> B {out_channels} T'",
    source="arXiv:1703.01789",
    examples=[
        ((3, 2, 20), {"out_channels": 4}),
        (
            (3, 2, 21),
            {"out_channels": 4, "kernel_size": 3, "stride": 3, "pool_size": 1},
        ),
    ],
)
class SampleCNNBlock(Block):
    """Convolution over very few samples, batch norm, ReLU, max pooling: a stack of them goes from samples to clips.

    Shape:   (B, C, T) -> (B, out_channels, T'); T' = T // pool_size with stride 1
    Source:  Lee, Park, Kim & Nam, "Sample-level Deep Convolutional Neural Networks for Music Auto-tagging Using Raw
             Waveforms", SMC 2017, table 1 and fig. 1. Its first layer is this block with stride 3 and pool_size 1.
             The convolution has no bias: the norm would take it away.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        out_channels: Width = Field(description="channels of the output")
        kernel_size: Taps = Field(3, description="samples or frames a filter spans")
        stride: Taps = Field(
            1,
            description="frames between the outputs of the convolution; 1 pads to keep T",
        )
        pool_size: Taps = Field(3, description="frames of which the largest is kept")
        dropout: float = Field(
            0.0, ge=0, lt=1, description="dropout after the activation"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        # The first block of the network strides over whole frames, which needs no padding.
        padding = "same" if c.stride == 1 else 0
        self.conv = nn.Conv1d(
            c.in_channels, c.out_channels, c.kernel_size, c.stride, padding, bias=False
        )
        self.norm = nn.BatchNorm1d(c.out_channels)
        self.dropout = nn.Dropout(c.dropout)
        self.pool = nn.MaxPool1d(c.pool_size)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.dropout(functional.relu(self.norm(self.conv(x)))))
        return y
