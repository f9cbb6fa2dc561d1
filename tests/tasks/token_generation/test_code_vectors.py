"""Graphs that begin with the codec's vectors of its codes: which they are given, and which codecs have none."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from toy_codes import CODES, Peaks, graph_of, task_of

import mirbricks as mb
from mirbricks.errors import TaskError
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.codec.graph_codec import GraphCodec
from mirbricks.tasks.token_generation.vectors import standardized

DIM = 2  # the one latent of Peaks, and the squared length


class WithVectors(Peaks):
    """Peaks, which says how much a code adds to the peak."""

    def code_vectors(self) -> Tensor:
        steps = torch.arange(CODES).float() - (CODES - 1) / 2
        return torch.stack((steps / CODES, steps / CODES**2))[..., None]


def graph_with(vector_dim: int) -> dict[str, Any]:
    graph = graph_of("delay")
    layer = next(one for one in graph["layers"] if "CodebookEmbedding" in one)
    layer["CodebookEmbedding"] |= {
        "name": "embedding",
        "shared": False,
        "vector_dim": vector_dim,
    }
    return graph


def test_layers_are_given_the_vectors_of_the_codec() -> None:
    task, model = task_of("delay", graph=graph_with(DIM), codec=WithVectors())
    layer = model.get_submodule("embedding").from_codec
    assert layer.vectors.all()
    task.prepare(model)
    steps = torch.arange(CODES).float() - (CODES - 1) / 2
    scaled = steps / steps.square().mean().sqrt()
    # Both codebooks have their own deviation, and the empty place has no vector.
    for book in range(2):
        torch.testing.assert_close(layer.vectors[book, :CODES, 0], scaled)
    assert not layer.vectors[:, CODES].any()


def test_a_squared_length_makes_nearness_linear() -> None:
    vectors = torch.randn(2, 9, 3, dtype=torch.float64)
    vectors[1, :, 1] = 0
    found = standardized(vectors)
    assert found.shape == (2, 9, 4)
    for book in range(2):
        scaled, length = found[book, :, :3], found[book, :, 3]
        nearness = -(scaled - scaled[4]).square().sum(-1)
        # 2 m·v - |v|² is nearness but for what all codes have in common, and |v|² is linear in the feature.
        columns = torch.cat((scaled, length[:, None], torch.ones(9, 1).double()), dim=1)
        solved = torch.linalg.lstsq(columns, nearness[:, None], driver="gelsd")
        torch.testing.assert_close(
            (columns @ solved.solution)[:, 0], nearness, atol=1e-4, rtol=1e-4
        )
        assert not found[1, :, 1].any()


def test_a_graph_without_such_layers_asks_nothing_of_the_codec() -> None:
    task, model = task_of("delay", codec=Peaks())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    task.prepare(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    ("codec", "dim", "message"),
    [
        (
            Peaks(),
            DIM,
            "the graph wants the vectors of the codec's codes, and codec 'peaks' does not give them\n"
            "  help: leave `vector_dim` out, or take a codec that is a graph     [E575]",
        ),
        (
            WithVectors(),
            5,
            "'embedding' has vector_dim 5, and the codec has 1 latent channels\n"
            "  help: write vector_dim: 2: a feature for each channel, and one for the length     [E575]",
        ),
    ],
)
def test_messages(codec: Any, dim: int, message: str) -> None:
    task, model = task_of("delay", graph=graph_with(dim), codec=codec)
    with pytest.raises(TaskError) as error:
        task.prepare(model)
    # Between the message and the help stands the line of the graph.
    first, last = message.split("\n")
    assert first in str(error.value)
    assert "CodebookEmbedding" in str(error.value)
    assert str(error.value).endswith(last)


QUANTIZERS: list[tuple[str, dict[str, Any]]] = [
    ("VectorQuantizer", {"n_codes": 8}),
    ("ResidualVectorQuantizer", {"n_codes": 8, "n_codebooks": 3}),
    (
        "GroupedResidualVectorQuantizer",
        {"channels": [1, 3], "n_codebooks": [1, 2], "n_codes": 8},
    ),
]


@pytest.mark.parametrize(("block", "config"), QUANTIZERS)
def test_vectors_of_codes_add_up_to_latents(block: str, config: dict[str, Any]) -> None:
    torch.manual_seed(0)
    conv = {"kernel_size": 4, "stride": 4}
    graph = {
        "input": "B C=1 N",
        "layers": [
            {"Conv1d": {"out_channels": 4, **conv}},
            {block: {"name": "quantizer", **config}},
            {"ConvTranspose1d": {"out_channels": 1, **conv}},
        ],
    }
    model = mb.compile_graph(graph)
    # Running means and codebooks begin as zeros, or as the first batch: any will do.
    for name, value in model.state_dict().items():
        if "codebook" in name:
            value.normal_()
    codec = GraphCodec(model.eval(), WaveformFeatureConfig(sr_hz=8000))
    vectors = codec.code_vectors()
    assert vectors.shape == (codec.n_codebooks, 8, 4)
    torch.testing.assert_close(vectors.mean(1), torch.zeros(codec.n_codebooks, 4))

    codes = torch.randint(8, (1, codec.n_codebooks, 50))
    latents = codec._quantizer.decode(codec._stacked(codes))[0]
    added = torch.zeros(50, 4)
    for book in range(codec.n_codebooks):
        added += vectors[book, codes[0, book]]
    rest = latents.detach().T - added
    # What is left is the mean of all codebooks, the same in every frame.
    torch.testing.assert_close(rest, rest[:1].expand_as(rest), atol=1e-5, rtol=1e-5)
