"""Recurrent layers against their equations, step by step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (3, 6, 4)
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
Sizes = Callable[[Block], dict[str, tuple[int, ...]]]


def rnn_steps(
    x: Tensor,
    w: dict[str, Tensor],
    suffix: str,
    act: Callable[[Tensor], Tensor] = torch.tanh,
) -> Tensor:
    """States of one direction of one layer: (B, T, D) -> (B, T, H)."""
    h, states = torch.zeros(1, dtype=x.dtype), []
    for frame in x.unbind(1):
        before = h @ w[f"weight_hh_{suffix}"].T if states else h
        h = act(
            frame @ w[f"weight_ih_{suffix}"].T
            + before
            + bias(w, "ih", suffix)
            + bias(w, "hh", suffix)
        )
        states.append(h)
    return torch.stack(states, 1)


def lstm_steps(x: Tensor, w: dict[str, Tensor], suffix: str) -> Tensor:
    hidden = w[f"weight_hh_{suffix}"].shape[1]
    h = c = torch.zeros(len(x), hidden, dtype=x.dtype)
    states = []
    for frame in x.unbind(1):
        gates = frame @ w[f"weight_ih_{suffix}"].T + bias(w, "ih", suffix)
        gates = gates + h @ w[f"weight_hh_{suffix}"].T + bias(w, "hh", suffix)
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
        r, z, n = (frame @ w[f"weight_ih_{suffix}"].T + bias(w, "ih", suffix)).chunk(
            3, dim=1
        )
        hr, hz, hn = (h @ w[f"weight_hh_{suffix}"].T + bias(w, "hh", suffix)).chunk(
            3, dim=1
        )
        r, z = (r + hr).sigmoid(), (z + hz).sigmoid()
        h = (1 - z) * (n + r * hn).tanh() + z * h
        states.append(h)
    return torch.stack(states, 1)


def bias(w: dict[str, Tensor], which: str, suffix: str) -> Tensor:
    return w.get(f"bias_{which}_{suffix}", torch.zeros(1, dtype=torch.float64))


def recurrent_sizes(
    gates: int, num_layers: int, with_bias: bool, bidirectional: bool
) -> dict[str, tuple[int, ...]]:
    """The sizes of 4 features into 5 states."""
    found: dict[str, tuple[int, ...]] = {}
    for layer in range(num_layers):
        came = 4
        if layer:
            came = 10 if bidirectional else 5
        for direction in ("", "_reverse") if bidirectional else ("",):
            found[f"weight_ih_l{layer}{direction}"] = (5 * gates, came)
            found[f"weight_hh_l{layer}{direction}"] = (5 * gates, 5)
            if with_bias:
                found[f"bias_ih_l{layer}{direction}"] = (5 * gates,)
                found[f"bias_hh_l{layer}{direction}"] = (5 * gates,)
    return found


def layers(
    x: Tensor,
    w: dict[str, Tensor],
    count: int,
    bidirectional: bool,
    steps: Callable[..., Tensor],
) -> Tensor:
    for layer in range(count):
        y = steps(x, w, f"l{layer}")
        if bidirectional:
            y = torch.cat((y, steps(x.flip(1), w, f"l{layer}_reverse").flip(1)), dim=2)
        x = y
    return x


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("num_layers", "with_bias"), [(1, True), (2, True), (2, False)]
)
@pytest.mark.parametrize(
    ("name", "steps", "given"),
    [
        ("RNN", rnn_steps, {}),
        ("RNN", partial(rnn_steps, act=torch.relu), {"nonlinearity": "relu"}),
        ("LSTM", lstm_steps, {}),
        ("GRU", gru_steps, {}),
    ],
    ids=["RNN", "RNN-relu", "LSTM", "GRU"],
)
def test_by_its_equations(
    make: Make,
    sizes_of: Sizes,
    name: str,
    steps: Callable[..., Tensor],
    given: dict[str, str],
    num_layers: int,
    with_bias: bool,
    bidirectional: bool,
) -> None:
    config = {
        "hidden_size": 5,
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "bias": with_bias,
        **given,
    }
    block, last = make(name, SHAPE, **config), make(f"{name}Last", SHAPE, **config)
    x, state = torch.randn(SHAPE, dtype=torch.float64), block.state_dict()
    last.load_state_dict(state)
    # By hand, since the equations read their sizes from the weights.
    assert sizes_of(block) == sizes_of(last)
    expected = recurrent_sizes(GATES[name], num_layers, with_bias, bidirectional)
    assert sizes_of(block) == expected
    states = layers(x, state, num_layers, bidirectional, steps)
    torch.testing.assert_close(block(x), states)
    ends = torch.cat(
        (states[:, -1, :5], states[:, 0, 5:]), dim=1
    )  # each direction after its own last frame
    torch.testing.assert_close(last(x), ends)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_has_torchs_keys(make: Make, name: str) -> None:
    torchs = getattr(torch.nn, name)(4, 5, 2, bidirectional=True, batch_first=True)
    block = make(name, SHAPE, hidden_size=5, num_layers=2, bidirectional=True).float()
    block.load_state_dict(torchs.state_dict())
    x = torch.randn(SHAPE)
    torch.testing.assert_close(block(x), torchs(x)[0])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_one_direction_does_not_look_ahead_and_two_do(make: Make, name: str) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    changed = x.clone()
    changed[:, 3] += 1
    for bidirectional in (False, True):
        block = make(
            name, SHAPE, hidden_size=5, num_layers=2, bidirectional=bidirectional
        )
        moved = (block(changed) != block(x)).any(2).any(0).tolist()
        assert moved == [bidirectional or t >= 3 for t in range(6)]


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_dropout_acts_between_layers_in_training(make: Make, name: str) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    block = make(name, SHAPE, hidden_size=50, num_layers=2, dropout=0.5)
    assert not torch.equal(block(x), block(x))
    assert torch.equal(block.eval()(x), block(x))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_exports_without_a_warning(make: Make, name: str) -> None:
    block, x = (
        make(name, SHAPE, hidden_size=5).eval(),
        torch.randn(SHAPE, dtype=torch.float64),
    )
    torch.testing.assert_close(torch.export.export(block, (x,)).module()(x), block(x))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_sizes_of_a_long_sequence_are_known_at_once(make: Make, name: str) -> None:
    block = make(name, SHAPE, hidden_size=5, bidirectional=True).float().to("meta")
    assert block(torch.empty(2, 10_000_000, 4, device="meta")).shape == (
        2,
        10_000_000,
        10,
    )


@pytest.mark.parametrize(
    "name", ["RNN", "RNNLast", "LSTM", "LSTMLast", "GRU", "GRULast"]
)
def test_dropout_that_would_do_nothing_is_refused(name: str) -> None:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph(
            {"input": "B T D=6", "layers": [{name: {"hidden_size": 2, "dropout": 0.1}}]}
        )
    assert str(caught.value) == (
        f"<dict>:3:3: {name}: 'dropout' acts between layers, and there is one: "
        "give 'num_layers', or a Dropout after it\n"
        f"    3 | - {name}:\n"
        f"      |   {'^' * len(name)}\n"
        "  [E106]"
    )
