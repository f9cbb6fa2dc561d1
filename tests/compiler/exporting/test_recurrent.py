"""Recurrent layers as a loop give torch's own numbers, and export with free frames."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import mirbricks as mb
from mirbricks.compiler.exporting.export import export
from mirbricks.compiler.exporting.recurrent import SCANNED, loop_over_frames

KINDS = {
    "RNN": (nn.RNN, {}),
    "RNN with relu": (nn.RNN, {"nonlinearity": "relu"}),
    "GRU": (nn.GRU, {}),
    "LSTM": (nn.LSTM, {}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fields",
    [
        {"batch_first": True},
        {"num_layers": 2, "bidirectional": True},
        {"bias": False, "bidirectional": True, "batch_first": True},
    ],
    ids=["plain", "deep", "without bias"],
)
def test_the_loop_gives_the_numbers_of_torch(kind: str, fields: dict[str, Any]) -> None:
    torch.manual_seed(0)
    cls, more = KINDS[kind]
    layer = cls(3, 4, **fields, **more).eval()
    looped = nn.Sequential(copy.deepcopy(layer))
    loop_over_frames(looped)
    assert type(looped[0]) in SCANNED.values()
    x = torch.randn(5, 6, 3)
    n_states = fields.get("num_layers", 1) * (1 + fields.get("bidirectional", False))
    batch = 5 if fields.get("batch_first") else 6
    begin = tuple(torch.randn(n_states, batch, 4) for _ in range(2))
    hx = begin if cls is nn.LSTM else begin[0]
    with torch.no_grad():
        for args in ((x,), (x, hx)):
            wanted = layer(*args)
            found = looped[0](*args)
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_layers_that_torch_runs_otherwise_stay() -> None:
    model = nn.Sequential(nn.LSTM(3, 4, proj_size=2), nn.Linear(2, 2))
    loop_over_frames(model)
    assert [type(one) for one in model] == [nn.LSTM, nn.Linear]


@pytest.mark.parametrize(
    "block",
    [
        "GRU",
        pytest.param("LSTMLast", marks=pytest.mark.slow),
        pytest.param("RNN", marks=pytest.mark.slow),
    ],
)
def test_recurrent_blocks_export_with_free_frames(block: str) -> None:
    fields = {"hidden_size": 4, "bidirectional": True}
    graph = {"input": "B T D=3", "layers": [{block: {"name": "r", **fields}}]}
    model = mb.compile_graph(graph)
    exported = export(model, "torch-export")
    assert exported.sizes == ("any B", "any T")
    assert max(difference for _, difference in exported.differences) <= 1e-6
    # The model itself stays as it was.
    assert type(model.get_submodule("r")).__mro__[1].__name__ != "_GRU"


# Torch warns of its own layers' list of weights before it comes to the frames.
@pytest.mark.filterwarnings("ignore:The tensor attributes self._flat_weights")
@pytest.mark.slow
@pytest.mark.parametrize("cls", [nn.RNN, nn.GRU, nn.LSTM])
def test_torch_itself_fixes_the_frames(cls: type[nn.Module]) -> None:
    """Once this fails, compiler/exporting/recurrent.py is not needed any more."""
    frames = {1: torch.export.Dim.DYNAMIC}
    x = torch.randn(2, 8, 3)
    with pytest.raises(Exception, match="specialized it to be a constant"):
        torch.export.export(
            cls(3, 4, batch_first=True).eval(), (x,), dynamic_shapes=(frames,)
        )
