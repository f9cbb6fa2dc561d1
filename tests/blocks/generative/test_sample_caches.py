"""WaveNet and SampleRNN sample by sample give what they give at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mirbricks.compiler.compile import compile_graph
from mirbricks.compiler.stepping import Steps

N = 45
STACK = {"residual_channels": 6, "skip_channels": 5, "dilations": [1, 2, 4]}
HEAD = ["ReLU", {"Conv1d": {"out_channels": 8, "kernel_size": 1}}]
AHEAD: dict[str, list[Any]] = {
    "wavenet": [{"WaveNet": {**STACK, "stacks": 2}}, *HEAD],
    "three taps": [{"WaveNet": {**STACK, "kernel_size": 3, "bias": False}}, *HEAD],
    "one tap": [{"WaveNet": {**STACK, "kernel_size": 1}}, *HEAD],
    "gates": [
        {"GatedConv1d": {"out_channels": 4, "dilation": 3}},
        {"WaveNetResidualBlock": {"dilation": 5, "kernel_size": 3}},
        *HEAD,
    ],
}
INTO = {"MuLawOneHot": {"quantization_channels": 16}}


def random(model: Any) -> Any:
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.3 * torch.randn_like(weight))
    return model.eval()


def stepped(model: Any, x: Tensor, others: dict[str, Tensor], first: int) -> Tensor:
    """Outputs one after another; `first` is 0 for graphs that predict a sample from those before it."""
    steps = Steps(model, "x", others, batch_size=len(x), max_places=x.shape[2])
    found = []
    if not first:
        found.append(steps(x[..., :0]))
    last = x.shape[2] - (not first)
    found += [steps(x[..., place : place + 1]) for place in range(last)]
    return torch.cat(found, dim=2)


@pytest.mark.parametrize("name", AHEAD)
@pytest.mark.parametrize("batch", [1, 3])
def test_wavenet(name: str, batch: int) -> None:
    graph = {"input": {"x": "B C=1 T"}, "layers": [INTO, *AHEAD[name]]}
    model = random(compile_graph(graph))
    x = torch.rand(batch, 1, N) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(
            stepped(model, x, {}, 1), model(x), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("shape", ["B D=3", "B D=3 S"])
@pytest.mark.parametrize(
    "block", ["ConditionedWaveNet", "ConditionedWaveNetResidualBlock"]
)
def test_conditioned_wavenet(block: str, shape: str) -> None:
    settings = STACK if block == "ConditionedWaveNet" else {"dilation": 2}
    layers = [INTO, {block: {**settings, "with": "cond"}}, *HEAD]
    graph = {"input": {"x": "B C=1 T", "cond": shape}, "layers": layers}
    model = random(compile_graph(graph))
    x = torch.rand(2, 1, N) * 2 - 1
    cond = torch.randn(2, 3, 7)
    if "S" not in shape:
        cond = cond[..., 0]
    with torch.inference_mode():
        found = stepped(model, x, {"cond": cond}, 1)
        torch.testing.assert_close(found, model(x, cond), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_samplernn(layers: int) -> None:
    graph = {
        "input": {"x": "B C=1 T"},
        "layers": [
            {
                "SampleRNNTier": {
                    "hidden_size": 6,
                    "frame_size": 8,
                    "ratio": 4,
                    "num_layers": layers,
                }
            },
            {"StoreAs": "slow"},
            {"StartFrom": "x"},
            {
                "ConditionedSampleRNNTier": {
                    "hidden_size": 6,
                    "frame_size": 2,
                    "with": "slow",
                }
            },
            {"StoreAs": "fast"},
            {"StartFrom": "x"},
            {"LinearOneHot": {"quantization_channels": 16}},
            {
                "SampleRNNSampleTier": {
                    "frame_size": 3,
                    "embedding_dim": 5,
                    "out_channels": 16,
                    "with": "fast",
                }
            },
        ],
    }
    model = random(compile_graph(graph))
    x = torch.rand(2, 1, N) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(
            stepped(model, x, {}, 0), model(x), atol=1e-5, rtol=1e-5
        )
        steps = Steps(model, "x", {}, batch_size=2, max_places=4)
        with pytest.raises(ValueError, match="steps by one sample, but 2 came"):
            steps(x[..., :2])


def test_several_samples_at_once() -> None:
    """A WaveNet takes a prompt as it comes."""
    graph = {"input": {"x": "B C=1 T"}, "layers": [INTO, *AHEAD["wavenet"]]}
    model = random(compile_graph(graph))
    x = torch.rand(2, 1, N) * 2 - 1
    with torch.inference_mode():
        steps = Steps(model, "x", {}, batch_size=2, max_places=N)
        parts = [x[..., :20], x[..., 20:21], x[..., 21:]]
        found = torch.cat([steps(part) for part in parts], dim=2)
        torch.testing.assert_close(found, model(x), atol=1e-5, rtol=1e-5)
