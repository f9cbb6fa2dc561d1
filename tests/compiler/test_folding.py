"""Batch norms folded into convolutions: the same outputs, fewer passes, and nothing that looks as if it could learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import mirbricks as mb
from mirbricks.compiler.folding import FoldedGraph
from mirbricks.compiler.inference.trial import run, tensors, trial_inputs
from mirbricks.compiler.module import GraphModule

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
FOLDED = [path for path in GRAPHS if "BatchNorm" in path.read_text()]
CONV = {"Conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}


def _as_if_trained(model: GraphModule) -> GraphModule:
    """Batch norms with statistics, gains and shifts of their own, some gains negative."""
    generator = torch.Generator().manual_seed(0)
    for norm in model.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            for values, least in ((norm.running_var, 0.5), (norm.running_mean, -0.5)):
                values.copy_(torch.rand(values.shape, generator=generator) + least)
            if norm.affine:
                gains = 0.5 + torch.rand(norm.weight.shape, generator=generator)
                gains[::3] *= -1
                norm.weight.data = gains
                norm.bias.data = torch.randn(norm.bias.shape, generator=generator)
    return model.eval()


def _norms(model: nn.Module) -> int:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    return sum(isinstance(module, kinds) for module in model.modules())


def _check(source: Any) -> tuple[int, int]:
    plain = _as_if_trained(mb.compile_graph(source))
    folded = mb.compile_graph(source, optimize=True)
    folded.load_state_dict(plain.state_dict())
    inputs = trial_inputs(plain, plain.free_sizes)
    for a, b in zip(
        tensors(run(folded, inputs)), tensors(run(plain, inputs)), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert folded.state_dict().keys() == plain.state_dict().keys()
    return _norms(plain), _norms(folded)


@pytest.mark.parametrize("kind", ["behind", "between", "both", "transposed", "grouped"])
def test_a_chain_loses_its_batch_norms(kind: str) -> None:
    transposed = {"ConvTranspose1d": {"out_channels": 4, "kernel_size": 4, "stride": 2}}
    grouped = {"Conv1d": {"out_channels": 4, "kernel_size": 3, "groups": 2}}
    layers = {
        "behind": [CONV, "BatchNorm1d", "ReLU", CONV],
        "between": [CONV, "ReLU", "BatchNorm1d", CONV],
        "both": [CONV, "BatchNorm1d", "ReLU", "BatchNorm1d", CONV, "BatchNorm1d"],
        "transposed": [transposed, "BatchNorm1d", "ReLU"],
        "grouped": [grouped, "BatchNorm1d"],
    }[kind]
    before, after = _check({"input": "B C=4 T", "layers": layers})
    assert (before > 0, after) == (True, 0)


@pytest.mark.parametrize(
    "layers",
    [
        # what the convolution makes is asked for again
        [CONV, {"StoreAs": "a"}, "BatchNorm1d", {"AddWith": "a"}],
        [CONV, "ReLU", {"StoreAs": "a"}, "BatchNorm1d", CONV, {"AddWith": "a"}],
        # a convolution that runs twice
        [{"Conv1d": {**CONV["Conv1d"], "name": "c"}}, "BatchNorm1d", {"Reuse": "c"}],
        # nothing is before it
        ["BatchNorm1d", CONV],
    ],
)
def test_where_folding_would_change_the_outputs_the_batch_norm_stays(
    layers: list[Any],
) -> None:
    assert _check({"input": "B C=4 T", "layers": layers}) == (1, 1)


def test_a_gain_next_to_zero_is_left_as_it_is() -> None:
    graph = {"input": "B C=4 T", "layers": [CONV, "ReLU", "BatchNorm1d", CONV]}
    plain = _as_if_trained(mb.compile_graph(graph))
    norm = next(
        module
        for module in plain.modules()
        if _norms(module) == 1 and not list(module.children())
    )
    norm.weight.data[0] = 0.0
    folded = mb.compile_graph(graph, optimize=True)
    folded.load_state_dict(plain.state_dict())
    assert _norms(folded) == 1
    x = torch.randn(2, 4, 50)
    torch.testing.assert_close(folded(x), plain(x), rtol=1e-5, atol=1e-5)


def test_an_optimized_graph_refuses_training() -> None:
    model = mb.compile_graph({"input": "B C=4 T", "layers": [CONV]}, optimize=True)
    assert not model.training
    assert model.eval() is model
    with pytest.raises(mb.MirbricksError, match="cannot be trained") as caught:
        model.train()
    assert str(caught.value) == (
        "a graph compiled with optimize=True cannot be trained: its batch norms keep the statistics they have\n"
        "  help: compile it without optimize=True, train it, and load the weights into an optimized one     [E212]"
    )


def test_the_draws_of_the_weights_are_the_same() -> None:
    models = []
    for optimize in (False, True):
        torch.manual_seed(3)
        models.append(mb.compile_graph(FOLDED[0], optimize=optimize))
    plain, folded = (model.state_dict() for model in models)
    assert all(torch.equal(plain[name], folded[name]) for name in plain)


def test_mpe_bittner_keeps_the_batch_norm_of_its_input_only() -> None:
    path = next(path for path in GRAPHS if path.stem == "mpe_bittner")
    assert _check(path) == (6, 1)


@pytest.mark.slow
@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_graph_gives_the_same_outputs(path: Path) -> None:
    _check(path)


def test_a_folded_graph_is_one_module_of_its_own() -> None:
    model = mb.compile_graph(FOLDED[0], optimize=True)
    assert isinstance(model, FoldedGraph)
    assert not any(name.startswith("_plain") for name, _ in model.named_modules())
