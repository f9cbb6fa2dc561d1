"""Recurrent layers whose number of frames stays free while they are traced.

torch.export traces nn.RNN, nn.GRU and nn.LSTM frame by frame, so that the program runs at one number of frames only.
Here the frames are a loop of torch's own, `scan`, which the program keeps as a loop. It has no public name yet in
torch; tests/compiler/exporting/test_recurrent.py fails once torch keeps the layers themselves, and this file can go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch.nn import functional

State = tuple[Tensor, ...]  # (h,), and of an LSTM (h, c)
Cell = Callable[[State, Tensor, Tensor], State]  # state, gates of x, gates of h


def _tanh(_: State, of_x: Tensor, of_h: Tensor) -> State:
    return (torch.tanh(of_x + of_h),)


def _relu(_: State, of_x: Tensor, of_h: Tensor) -> State:
    return (torch.relu(of_x + of_h),)


def _gru(state: State, of_x: Tensor, of_h: Tensor) -> State:
    x_r, x_z, x_n = of_x.chunk(3, -1)
    h_r, h_z, h_n = of_h.chunk(3, -1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (n + z * (state[0] - n),)


def _lstm(state: State, of_x: Tensor, of_h: Tensor) -> State:
    i, f, g, o = (of_x + of_h).chunk(4, -1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * torch.tanh(c), c)


CELLS: dict[str, Cell] = {
    "RNN_TANH": _tanh,
    "RNN_RELU": _relu,
    "GRU": _gru,
    "LSTM": _lstm,
}


class _Scanned(nn.RNNBase):
    """The forward of torch's recurrent layers in eval mode, as a loop."""

    n_states: ClassVar[int] = 1

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        # Frames first: (T, B, D).
        x = input.transpose(0, 1) if self.batch_first else input
        given = hx if isinstance(hx, tuple) else (hx,) * self.n_states
        directions = ("", "_reverse") if self.bidirectional else ("",)
        last: list[State] = []
        for layer in range(self.num_layers):
            made = []
            for direction in directions:
                # Torch orders states by layer, and in a layer by direction: just as the
                # loops come here.
                begin = tuple(self._state(x, state, len(last)) for state in given)
                end, y = self._loop(x, begin, f"l{layer}{direction}")
                made.append(y)
                last.append(end)
            x = torch.cat(made, -1)
        states = tuple(map(torch.stack, zip(*last, strict=True)))
        output = x.transpose(0, 1) if self.batch_first else x
        return output, states if self.n_states > 1 else states[0]

    def _state(self, x: Tensor, given: Tensor | None, i: int) -> Tensor:
        if given is None:
            return x.new_zeros(x.shape[1], self.hidden_size)
        return given[i]

    def _loop(self, x: Tensor, begin: State, name: str) -> tuple[State, Tensor]:
        """The state after the last frame of one layer and direction, and the output at every frame."""
        cell = CELLS[self.mode]
        weight = getattr(self, f"weight_hh_{name}")
        bias = getattr(self, f"bias_hh_{name}", None)
        bias_x = getattr(self, f"bias_ih_{name}", None)
        # What x adds to the gates does not depend on the state: all frames at once.
        of_x = functional.linear(x, getattr(self, f"weight_ih_{name}"), bias_x)

        def step(state: State, frame: Tensor) -> tuple[State, Tensor]:
            after = cell(state, frame, functional.linear(state[0], weight, bias))
            return after, after[0].clone()

        reverse = name.endswith("_reverse")
        end, y = scan(step, begin, of_x, dim=0, reverse=reverse)
        return tuple(end), y


class _RNN(_Scanned, nn.RNN):  # type: ignore[misc]  # torch's forward is overloaded
    pass


class _GRU(_Scanned, nn.GRU):  # type: ignore[misc]  # torch's forward is overloaded
    pass


class _LSTM(_Scanned, nn.LSTM):  # type: ignore[misc]  # torch's forward is overloaded
    n_states = 2


SCANNED: dict[type[nn.RNNBase], type[_Scanned]] = {
    nn.RNN: _RNN,
    nn.GRU: _GRU,
    nn.LSTM: _LSTM,
}


def loop_over_frames(model: nn.Module) -> None:
    """Let every recurrent layer of a model run as a loop, in place; those that torch itself runs otherwise stay."""
    for module in model.modules():
        if not isinstance(module, nn.RNNBase) or module.proj_size:
            continue
        for torch_class, scanned in SCANNED.items():
            cls = type(module)
            if cls is torch_class:
                module.__class__ = scanned
            elif isinstance(module, torch_class):
                # A block calls torch's forward by `super()`: the loop goes in between.
                module.__class__ = type(cls.__name__, (cls, scanned), {})
