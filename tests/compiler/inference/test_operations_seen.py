"""Shapes that are remembered are those that torch finds: for each function, and for graphs as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
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
