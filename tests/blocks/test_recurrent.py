"""Recurrent layers against their equations, step by step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (3, 6, 4)


def lstm_steps(x: Tensor, w: dict[str, Tensor], suffix: str) -> Tensor:
    """States of one direction of one layer: (B, T, D) -> (B, T, H)."""
    hidden = w[f"weight_hh_{suffix}"].shape[1]
    h = c = torch.zeros(len(x), hidden, dtype=x.dtype)
    states = []
    for frame in x.unbind(1):
        gates = frame @ w[f"weight_ih_{suffix}"].T + w[f"bias_ih_{suffix}"]
        gates = gates + h @ w[f"weight_hh_{suffix}"].T + w[f"bias_hh_{suffix}"]
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states, 1)


def gru_steps(x: Tensor, w: dict[str, Tensor], suffix: str) -> Tensor:
    hidden = w[f"weight_hh_{suffix}"].shape[1]
    h = torch.zeros(len(x), hidden, dtype=x.dtype)
    states = []
    for frame in x.unbind(1):
        r, z, n = (frame @ w[f"weight_ih_{suffix}"].T + w[f"bias_ih_{suffix}"]).chunk(3, dim=1)
        hr, hz, hn = (h @ w[f"weight_hh_{suffix}"].T + w[f"bias_hh_{suffix}"]).chunk(3, dim=1)
        r, z = (r + hr).sigmoid(), (z + hz).sigmoid()
        h = (1 - z) * (n + r * hn).tanh() + z * h
        states.append(h)
    return torch.stack(states, 1)


def layers(x: Tensor, w: dict[str, Tensor], count: int, bidirectional: bool, steps: Callable[..., Tensor]) -> Tensor:
    for layer in range(count):
        y = steps(x, w, f"l{layer}")
        if bidirectional:
            y = torch.cat((y, steps(x.flip(1), w, f"l{layer}_reverse").flip(1)), dim=2)
        x = y
    return x


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("name", "steps"), [("LSTM", lstm_steps), ("GRU", gru_steps)])
def test_by_its_equations(
    make: Make, name: str, steps: Callable[..., Tensor], num_layers: int, bidirectional: bool
) -> None:
    config = {"hidden_size": 5, "num_layers": num_layers, "bidirectional": bidirectional}
    block, last = make(name, SHAPE, **config), make(f"{name}Last", SHAPE, **config)
    x, state = torch.randn(SHAPE, dtype=torch.float64), block.state_dict()
    last.load_state_dict(state)
    states = layers(x, state, num_layers, bidirectional, steps)
    torch.testing.assert_close(block(x), states)
    ends = torch.cat((states[:, -1, :5], states[:, 0, 5:]), dim=1)  # each direction after its own last frame
    torch.testing.assert_close(last(x), ends)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_has_torchs_keys(make: Make, name: str) -> None:
    torchs = getattr(torch.nn, name)(4, 5, 2, bidirectional=True, batch_first=True)
    block = make(name, SHAPE, hidden_size=5, num_layers=2, bidirectional=True).float()
    block.load_state_dict(torchs.state_dict())
    x = torch.randn(SHAPE)
    torch.testing.assert_close(block(x), torchs(x)[0])


def test_exports_without_a_warning(make: Make) -> None:
    block, x = make("LSTM", SHAPE, hidden_size=5).eval(), torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(torch.export.export(block, (x,)).module()(x), block(x))
