"""Recurrent layers over (B, T, D)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from ...registry import BlockConfig, TorchLayer, from_axis, register
from ..bounds import Layers, Width

LSTM_SOURCE = "Hochreiter & Schmidhuber, Neural Computation 1997"
RNN_SOURCE = "Elman, Cognitive Science 1990"


class RecurrentConfig(BlockConfig):
    """Fields of the recurrent layers, torch's names and defaults."""

    input_size: int = from_axis("D")
    hidden_size: Width = Field(description="size of the state, per direction")
    num_layers: Layers = Field(1, description="layers on top of one another")
    bidirectional: bool = Field(
        False, description="whether a second layer reads from the end"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout between layers")
    bias: bool = Field(True, description="whether biases are added")

    @property
    def width(self) -> int:
        """Size of the output: hidden_size per direction."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    @model_validator(mode="after")
    def _dropout_acts(self) -> RecurrentConfig:
        if self.dropout and self.num_layers == 1:
            raise ValueError(
                "'dropout' acts between layers, and there is one: give 'num_layers', or a Dropout after it"
            )
        return self


class RNNConfig(RecurrentConfig):
    """Fields of the plain recurrent layer."""

    nonlinearity: Literal["tanh", "relu"] = Field(
        "tanh", description="what the new state goes through"
    )


class OneList(nn.RNNBase):
    """Torch's recurrent layers keep a second list of their weights, which torch.export takes for a state that changes.
    Here it is made when it is asked for.
    """

    @property
    def _flat_weights(self) -> list[nn.Parameter | None]:
        return [getattr(self, name) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, _: list[nn.Parameter | None]) -> None:
        """Nothing to keep."""


@dataclass
class RecurrentCache:
    """The state of a recurrent layer after the frames that came; None before the first."""

    state: Any = None


class _Recurrent(TorchLayer, OneList):
    """Torch's recurrent layers, the batch first."""

    fixed: ClassVar = {"batch_first": True}


class _EveryFrame(_Recurrent):
    """A recurrent layer that gives the state at every frame, and so can be run frame by frame."""

    def new_cache(self, max_places: int, batch_size: int) -> RecurrentCache:  # noqa: ARG002  # a state has one size
        """The state before the first frame, for `step`."""
        return RecurrentCache()

    def step(self, x: Tensor, cache: RecurrentCache) -> Tensor:
        """The next frames, (B, n, D) -> (B, n, hidden_size), as forward would give them after those that came.

        Raises ValueError for two directions: the second begins at the end.
        """
        if self.bidirectional:
            raise ValueError("a bidirectional layer cannot be run frame by frame")
        y: Tensor
        # Torch's own forward: that of the block leaves the state out.
        y, cache.state = super().forward(x, cache.state)
        return y


@register(
    "RNN",
    shape="B T D -> B T {width}",
    source=RNN_SOURCE,
    examples=[
        ((2, 5, 3), {"hidden_size": 4}),
        ((2, 5, 3), {"hidden_size": 4, "nonlinearity": "relu"}),
    ],
)
class RNN(_EveryFrame, nn.RNN):
    """Plain recurrent layer, h(t) = tanh(W x(t) + U h(t - 1) + b): the state of the last layer at every frame.

    Shape:   (B, T, D) -> (B, T, hidden_size · directions)
    Source:  Elman, "Finding Structure in Time", Cognitive Science 1990; torch.nn.RNN
    """

    Config = RNNConfig

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one output, torch's has the state too
        y: Tensor = super().forward(one_frame(x))[0]
        if x.is_meta:
            return y.expand(-1, x.shape[1], -1)
        return y


@register(
    "RNNLast",
    shape="B T D -> B {width}",
    source=RNN_SOURCE,
    examples=[((2, 5, 3), {"hidden_size": 4, "bidirectional": True})],
)
class RNNLast(_Recurrent, nn.RNN):
    """Plain recurrent layer, the last state: many to one.

    Shape:   (B, T, D) -> (B, hidden_size · directions)
    Source:  Elman, "Finding Structure in Time", Cognitive Science 1990; torch.nn.RNN. Of two directions, each gives the
             state after its own last frame.
    """

    Config = RNNConfig

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one output, torch's has the state too
        last: Tensor = super().forward(one_frame(x))[1]
        return last_states(last, self.bidirectional)


@register(
    "LSTM",
    shape="B T D -> B T {width}",
    source=LSTM_SOURCE,
    examples=[
        ((2, 5, 3), {"hidden_size": 4}),
        ((2, 5, 3), {"hidden_size": 4, "bidirectional": True, "num_layers": 2}),
    ],
)
class LSTM(_EveryFrame, nn.LSTM):
    """Long short-term memory, the state of the last layer at every frame.

    Shape:   (B, T, D) -> (B, T, hidden_size · directions)
    Source:  Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; torch.nn.LSTM
    """

    Config = RecurrentConfig

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one output, torch's has the state too
        y: Tensor = super().forward(one_frame(x))[0]
        if x.is_meta:
            return y.expand(-1, x.shape[1], -1)
        return y


@register(
    "LSTMLast",
    shape="B T D -> B {width}",
    source=LSTM_SOURCE,
    examples=[((2, 5, 3), {"hidden_size": 4, "bidirectional": True})],
)
class LSTMLast(_Recurrent, nn.LSTM):
    """Long short-term memory, the last state: many to one.

    Shape:   (B, T, D) -> (B, hidden_size · directions)
    Source:  Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; torch.nn.LSTM. Of two directions, each gives
             the state after its own last frame.
    """

    Config = RecurrentConfig

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one output, torch's has the state too
        last: Tensor = super().forward(one_frame(x))[1][0]
        return last_states(last, self.bidirectional)


@register(
    "GRU",
    shape="B T D -> B T {width}",
    source="arXiv:1406.1078",
    examples=[((2, 5, 3), {"hidden_size": 4})],
)
class GRU(_EveryFrame, nn.GRU):
    """Gated recurrent unit, the state of the last layer at every frame.

    Shape:   (B, T, D) -> (B, T, hidden_size · directions)
    Source:  Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014; torch.nn.GRU
    """

    Config = RecurrentConfig

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one output, torch's has the state too
        y: Tensor = super().forward(one_frame(x))[0]
        if x.is_meta:
            return y.expand(-1, x.shape[1], -1)
        return y


@register(
    "GRULast",
    shape="B T D -> B {width}",
    source="arXiv:1406.1078",
    examples=[((2, 5, 3), {"hidden_size": 4})],
)
class GRULast(_Recurrent, nn.GRU):
    """Gated recurrent unit, the last state: many to one.

    Shape:   (B, T, D) -> (B, hidden_size · directions)
    Source:  Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014; torch.nn.GRU. Of two
             directions, each gives the state after its own last frame.
    """

    Config = RecurrentConfig

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a block has one output, torch's has the state too
        last: Tensor = super().forward(one_frame(x))[1]
        return last_states(last, self.bidirectional)


def last_states(states: Tensor, bidirectional: bool) -> Tensor:
    """The states of the last layer, (layers · directions, B, H) -> (B, H · directions)."""
    if bidirectional:
        # Of the last layer: what the forward direction knew at the end, and the backward one at the beginning.
        return states[-2:].transpose(0, 1).flatten(1)
    return states[-1]


def one_frame(x: Tensor) -> Tensor:
    """The first frame on the meta device, where torch would unroll thousands of frames to find the same sizes."""
    if x.is_meta:
        return x[:, :1]
    return x
