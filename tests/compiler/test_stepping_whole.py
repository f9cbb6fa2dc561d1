"""A graph with a layer that cannot be stepped is computed as a whole, and the warning names the layer and the cost."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from mirbricks.compiler.compile import compile_graph
from mirbricks.compiler.stepping import Steps, Whole, stepper_of
from mirbricks.errors import GraphWarning

N = 6


@dataclass(frozen=True)
class Frames:
    """Frames (B, T, D) as they come: an output is of the frame that came last."""

    places_axis: int = 1

    def tried(self, generator: torch.Generator) -> Tensor:
        return torch.randn(1, 5, 4, generator=generator)

    def columns(self, x: Tensor) -> Sequence[Tensor]:
        return [x[:, place : place + 1] for place in range(x.shape[1])]

    def completed(self, columns: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(columns), dim=1)


TURN = {"Permute": {"dims": [0, 2, 1]}}
SLOW: dict[str, list[Any]] = {
    "ConvTranspose1d": [
        TURN,
        {
            "ConvTranspose1d": {
                "name": "slow",
                "out_channels": 4,
                "kernel_size": 3,
                "padding": "causal",
            }
        },
        TURN,
    ],
    # Its kernel is larger than a single place, which it cannot run on.
    "AvgPool1d": [
        TURN,
        {"AvgPool1d": {"name": "slow", "kernel_size": 3, "stride": 1}},
        TURN,
    ],
    "TransformerEncoder": [
        {"TransformerEncoder": {"name": "slow", "num_heads": 2, "num_layers": 1}}
    ],
    "GRU": [{"GRU": {"name": "slow", "hidden_size": 2, "bidirectional": True}}],
}
FAST: dict[str, list[Any]] = {
    "Linear": [{"Linear": {"out_features": 3}}],
    "shared": [
        {
            "repeat": 2,
            "share": True,
            "layers": [{"Linear": {"out_features": 4}}, "ReLU"],
        },
        {"TransformerDecoder": {"num_heads": 2, "num_layers": 1}},
    ],
    "convolutions": [
        TURN,
        {"Conv1d": {"out_channels": 4, "kernel_size": 2, "padding": "causal"}},
        {"TCN": {"channels": [4, 4]}},
        TURN,
    ],
}


def compiled(layers: list[Any], before: Sequence[Any] = ()) -> Any:
    torch.manual_seed(0)
    graph = {"name": "g", "input": {"x": "B T D=4"}, "layers": [*before, *layers]}
    model = compile_graph(graph).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.5 * torch.randn_like(weight))
    return model


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("decoder", [False, True])
def test_the_layer_that_makes_it_slow_is_named(name: str, decoder: bool) -> None:
    before: list[Any] = [{"LayerNorm": {"normalized_shape": [4]}}]
    if decoder:
        before.append({"TransformerDecoder": {"num_heads": 2, "num_layers": 1}})
    model = compiled([*SLOW[name], {"Linear": {"out_features": 5}}], before)

    with pytest.warns(GraphWarning) as told:
        step = stepper_of(model, "x", {}, Frames(), batch_size=2, max_places=40)

    assert isinstance(step, Whole)
    warning = told[0].message
    assert len(told) == 1
    assert isinstance(warning, GraphWarning)
    assert warning.message == (
        f"generation is slow: 'slow' ({name}) cannot compute one place after another, so that the whole graph is "
        "computed again for each of 40 places, about 20 times the work"
    )
    assert warning.where is not None
    assert str(warning).endswith("[W106]")


@pytest.mark.parametrize("name", FAST)
def test_no_warning_where_steps_are_as_good(name: str) -> None:
    model = compiled(FAST[name])
    x = torch.randn(2, N, 4)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("error")
        step = stepper_of(model, "x", {}, Frames(), batch_size=2, max_places=N)
        assert isinstance(step, Steps)
        each = [step(x[:, [place]]) for place in range(N)]
        torch.testing.assert_close(torch.cat(each, 1), model(x), atol=1e-5, rtol=1e-5)


def test_the_whole_graph_gives_the_same_places() -> None:
    model = compiled(SLOW["ConvTranspose1d"])
    x = torch.randn(2, N, 4)
    with torch.inference_mode():
        whole = Whole(model, "x", {}, Frames())
        each = [whole(x[:, [place]]) for place in range(N)]
        torch.testing.assert_close(torch.cat(each, 1), model(x))
