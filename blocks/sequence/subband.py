"""Recurrence along the time of a spectrum, each bin by itself."""

from __future__ import annotations

from torch import Tensor

from ...registry import Block, from_axis, register
from .recurrent import LSTM, RecurrentConfig


class SubbandConfig(RecurrentConfig):
    """Fields of the layer: torch's, with the channels as input."""

    input_size: int = from_axis("C")


@register(
    "SubbandLSTM",
    shape="B C F T -> B {width} F T",
    source="arXiv:2010.15508",
    examples=[
        ((2, 3, 4, 5), {"hidden_size": 4}),
        ((2, 3, 4, 5), {"hidden_size": 4, "bidirectional": True}),
    ],
)
class SubbandLSTM(Block):
    """An LSTM over the frames of each bin of a spectrum; all bins share its weights and none sees another.

    On a spectrum with a bin for each key it is the pitch-wise LSTM of Kwon et al., "Polyphonic Piano Transcription
    Using Autoregressive Multi-State Note Model", ISMIR 2020.

    Shape:   (B, C, F, T) -> (B, hidden_size · directions, F, T)
    Source:  Hao et al., "FullSubNet", ICASSP 2021, section 2.2, without the neighbouring bins, which convolutions give
    """

    Config = SubbandConfig

    def __init__(self, config: SubbandConfig) -> None:
        super().__init__()
        self.lstm = LSTM(config)

    def forward(self, x: Tensor) -> Tensor:
        # (B, C, F, T) to (B · F, T, C): bins go into the batch, so each is a sequence by itself, with the same weights.
        y: Tensor = self.lstm(x.permute(0, 2, 3, 1).flatten(0, 1))
        # And back, with the features of the LSTM as channels.
        return y.reshape(x.shape[0], *x.shape[2:], -1).permute(0, 3, 1, 2)
