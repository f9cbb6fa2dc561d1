"""Shapes that are remembered are those that torch finds: for each function, and for graphs as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import mirbricks as mb
from mirbricks.compiler.given_shapes import read_shape
from mirbricks.compiler.inference import operations_seen
from mirbricks.compiler.inference.operations_seen import OperationsSeen
from mirbricks.compiler.inference.probe import probe

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
# Between them these have every kind of block that asks for many shapes.
QUICK = {"mpe_resnet", "vae", "chord_circular", "samplernn", "wavenet"}

Call = Callable[[Tensor], Any]
CALLS: dict[str, Call] = {
    "pointwise": lambda x: functional.elu(x) * 2 + x.square(),
    "broadcast": lambda x: x + x.mean(-1, keepdim=True),
    "transposed": lambda x: functional.relu(x.transpose(1, 2)),
    "integer and float": lambda x: x.to(torch.int64) / 2,
    "scalar kinds": lambda x: x.to(torch.int64) + 1.0,
    "layer norm": lambda x: functional.layer_norm(x, x.shape[-1:]),
    "batch norm": lambda x: functional.batch_norm(
        x, torch.zeros(4), torch.ones(4), None, None, False, 0.1, 1e-5
    ),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "several": lambda x: torch.where(x > 0)[0] if not x.is_meta else x,
    "interpolated": lambda x: functional.interpolate(x, scale_factor=1.5),
    "interpolated by neighbours": lambda x: functional.interpolate(
        x, scale_factor=1.5, mode="linear"
    ),
    "an image by neighbours": lambda x: functional.interpolate(
        x[None], scale_factor=2.0, mode="bilinear", align_corners=True
    ),
    "an image on its side": lambda x: functional.interpolate(
        x[None].mT, size=(7, 5), mode="bilinear"
    ),
    "group norm": lambda x: functional.group_norm(
        x, 2, torch.ones(4), torch.zeros(4), 1e-5
    ),
    "layer norm with weights": lambda x: functional.layer_norm(
        x, x.shape[1:], torch.ones(x.shape[1:])
    ),
    "linear": lambda x: functional.linear(x, torch.ones(3, x.shape[-1])),
    "linear, transposed": lambda x: functional.linear(x.mT, torch.ones(3, 4)),
    "a chunk": lambda x: functional.relu(x.chunk(2, 1)[1]) + 1,
    "reversed axes": lambda x: x.permute(2, 1, 0) * x.permute(2, 1, 0).contiguous(),
    "an axis for all": lambda x: torch.zeros(4, 1) + x[:, :, :1].expand_as(x),
    "spread both ways": lambda x: x[:, :1] - x[..., :1],
    "a rank more": lambda x: torch.maximum(x, torch.zeros(3, 1, 1, 1)),
    "numbers": lambda x: x.clamp(0, 1) + x.clamp(-2.5, 2.5),
    "integers and numbers": lambda x: x.to(torch.int64) * 2 - x.to(torch.int64) * 2.0,
    "powers": lambda x: x.to(torch.int64).pow(2) + 2**x,
    "softmax": lambda x: x.softmax(-1) + x.mT.softmax(1).mT,
    "normalised": lambda x: functional.normalize(x, dim=1),
    "compared": lambda x: (x > 0) & (x.mean(1, keepdim=True) < x),
    "like": lambda x: torch.full_like(x.mT, 3) + torch.zeros_like(x.mT),
    "stacked": lambda x: torch.stack([x, x], dim=2),
    "into a tensor": lambda x: torch.add(x, 1, out=torch.empty(0)),
    "over a batch": lambda x: torch.vmap(lambda row: torch.add(row, row[0]))(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_function_asked_again_answers_as_torch_does(name: str) -> None:
    seen = OperationsSeen()
    for shape in ((2, 4, 8), (3, 4, 9), (1, 4, 1), (2, 4, 8), (3, 4, 9), (1, 4, 1)):
        with torch.no_grad(), torch.device("meta"):
            expected = CALLS[name](torch.empty(shape))
            with seen:
                made = CALLS[name](torch.empty(shape))
        kinds = [(y.shape, y.stride(), y.dtype, y.device) for y in (made, expected)]
        assert kinds[0] == kinds[1]


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: functional.batch_norm(
            x, torch.zeros(n), torch.ones(n), None, None, False, 0.1, 1e-5
        ),
        lambda x, n: x + torch.zeros(n, 1),
        lambda x, n: functional.linear(x.mT, torch.zeros(2, n)),
    ],
)
def test_what_torch_refuses_is_refused_after_it_was_asked_for_what_fits(
    call: Callable[[Tensor, int], Tensor],
) -> None:
    with torch.no_grad(), torch.device("meta"), OperationsSeen():
        call(torch.empty(2, 4, 8), 4)
        with pytest.raises(RuntimeError):
            call(torch.empty(2, 5, 8), 4)


REFUSED: dict[str, tuple[Call, Call]] = {
    "linear": (
        lambda x: functional.linear(x, torch.zeros(2, 8)),
        lambda x: functional.linear(x, torch.zeros(2, 9)),
    ),
    "groups": (
        lambda x: functional.group_norm(x, 2),
        lambda x: functional.group_norm(x, 3),
    ),
    "a single value": (
        lambda x: functional.group_norm(x, 4),
        lambda x: functional.group_norm(x[:1, :, :1], 4),
    ),
    "layer norm": (
        lambda x: functional.layer_norm(x, (8,)),
        lambda x: functional.layer_norm(x, (4,)),
    ),
    "statistics of as many channels as frames": (
        lambda x: functional.batch_norm(x, torch.zeros(4), torch.ones(4)),
        lambda x: functional.batch_norm(x.mT, torch.zeros(4), torch.ones(4)),
    ),
    "an image as a line": (
        lambda x: functional.interpolate(x, 3, mode="linear"),
        lambda x: functional.interpolate(x[None], 3, mode="linear"),
    ),
    "no spread": (lambda x: x + x[:, :1], lambda x: x + x[:, :2]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_refuses_is_refused_whatever_was_asked_before(name: str) -> None:
    fits, refused = REFUSED[name]
    x = torch.empty(2, 4, 8, device="meta")
    with torch.no_grad(), torch.device("meta"), OperationsSeen():
        for _ in range(2):
            fits(x)
        for _ in range(2):
            with pytest.raises((RuntimeError, ValueError, NotImplementedError)):
                refused(x)


AXES = st.lists(st.integers(1, 3), min_size=1, max_size=3)
MOVES: dict[str, Call] = {
    "as it is": lambda x: x,
    "turned": lambda x: x.permute(*reversed(range(x.ndim))),
    "the first of each": lambda x: torch.cat([x, x], -1)[..., : x.shape[-1]],
    "every second": lambda x: torch.cat([x, x], 0)[::2],
    "spread": lambda x: x[:1].expand(x.shape),
}


@given(
    st.lists(st.tuples(AXES, st.sampled_from(sorted(MOVES))), min_size=2, max_size=6),
    st.sampled_from(["mul", "lt", "where", "clamp"]),
)
def test_tensors_spread_over_one_another_as_torch_spreads_them(
    shapes: list[tuple[list[int], str]], name: str
) -> None:
    calls: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "mul": torch.mul,
        "lt": torch.lt,
        "where": lambda x, y: torch.where(x > 0, x, y),
        "clamp": lambda x, y: x.clamp(min=y),
    }

    def made(one: Tensor, other: Tensor) -> object:
        try:
            y = calls[name](one, other)
        except RuntimeError:
            return "refused"
        # The stride of a single value says nothing.
        pairs = zip(y.shape, y.stride(), strict=True)
        return y.shape, y.dtype, [stride for size, stride in pairs if size > 1]

    with torch.no_grad(), torch.device("meta"):
        tensors = [MOVES[move](torch.empty(shape)) for shape, move in shapes]
        seen = OperationsSeen()
        for one, other in itertools.product(tensors, tensors):
            expected = made(one, other)
            with seen:
                assert made(one, other) == expected


def test_gradients_and_real_tensors_are_left_to_torch() -> None:
    with OperationsSeen():
        for _ in range(2):
            x = torch.ones(2, requires_grad=True)
            assert (x * 3).sum().backward() is None
            assert x.grad is not None
            with torch.no_grad():
                assert (x * 3).tolist() == [3.0, 3.0]


def _check_sizes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = mb.load_graph(path)
    inputs = read_shape(graph, None)
    remembered, choices = probe(graph, inputs)
    monkeypatch.setattr(operations_seen, "FUNCTIONS", frozenset())
    computed, same_choices = probe(graph, inputs)
    assert choices == same_choices
    for one, other in zip(remembered, computed, strict=True):
        assert one.outputs == other.outputs
        assert [(step.came, step.went, step.config) for step in one.steps] == [
            (step.came, step.went, step.config) for step in other.steps
        ]


@pytest.mark.parametrize("name", sorted(QUICK))
def test_sizes_of_a_graph_are_those_without_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check_sizes(GRAPHS[0].with_name(f"{name}.yaml"), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_sizes_of_every_graph_are_those_without_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check_sizes(path, monkeypatch)


def test_equal_layers_ask_once_and_a_batch_norm_at_any_length() -> None:
    operations_seen.forget()
    with torch.no_grad(), torch.device("meta"), OperationsSeen():
        layers = [nn.LayerNorm(8), nn.LayerNorm(8)]
        norm = nn.BatchNorm1d(3).eval()
        for layer in layers:
            layer(torch.empty(2, 3, 8))
        for frames in (5, 6):
            norm(torch.empty(2, 3, frames))
    assert len(operations_seen._ANSWERS) == 2
