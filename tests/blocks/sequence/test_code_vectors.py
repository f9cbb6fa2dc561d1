"""Layers that begin with a codec's vectors: their rows, code by code as the whole, what is alike before training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.blocks.sequence.code_vectors import CodeVectors
from mirbricks.compiler.stepping import Steps
from mirbricks.errors import MirbricksError

CODES = 4
DIM = 3


def model_of(pattern: str = "sum", vector_dim: int = DIM) -> mb.GraphModule:
    """A small transformer over three codebooks."""
    torch.manual_seed(0)
    embedding = {
        "name": "embedding",
        "num_embeddings": CODES + 1,
        "embedding_dim": 8,
        "pattern": pattern,
        "shared": False,
        "vector_dim": vector_dim,
    }
    layers: list[Any] = [
        {"CodebookEmbedding": embedding},
        {"TransformerDecoder": {"num_heads": 2, "num_layers": 1, "norm": "rms"}},
    ]
    if pattern == "sum":
        logits = {"name": "logits", "num_codes": CODES, "vector_dim": vector_dim}
        layers.append({"CopyLogits": {**logits, "with": "codes"}})
    return mb.compile_graph({"input": {"codes": "B Q=3 T"}, "layers": layers})


def filled(model: mb.GraphModule, vectors: Tensor) -> mb.GraphModule:
    for layer in model.modules():
        if isinstance(layer, CodeVectors):
            layer.fill(vectors)
    return model.eval()


@pytest.mark.parametrize("pattern", ["sum", "flatten"])
def test_a_row_is_its_table_and_the_map_of_its_vector(pattern: str) -> None:
    vectors = torch.randn(3, CODES, DIM)
    model = filled(model_of(pattern), vectors)
    layer = model.get_submodule("embedding")
    torch.nn.init.normal_(layer.tables)
    codes = torch.randint(CODES, (2, 3, 5))
    embedded = layer.embed(codes).view(2, 5, -1, 8)
    expected = torch.zeros(2, 5, 3, 8)
    for batch in range(2):
        for frame in range(5):
            for book in range(3):
                code = codes[batch, book, frame]
                row = layer.tables[book, code]
                mapped = vectors[book, code] @ layer.from_codec.maps[book]
                expected[batch, frame, book] = row + mapped
    if pattern == "sum":
        expected = expected.sum(2, keepdim=True)
    torch.testing.assert_close(embedded, expected)


def test_the_code_that_is_none_keeps_the_row_of_its_table() -> None:
    model = filled(model_of(), torch.randn(3, CODES, DIM))
    layer = model.get_submodule("embedding")
    assert torch.equal(layer.rows()[:, CODES], layer.tables[:, CODES])
    assert not torch.equal(layer.rows()[:, :CODES], layer.tables[:, :CODES])


@pytest.mark.parametrize("pattern", ["sum", "flatten"])
def test_code_by_code_is_as_the_whole(pattern: str) -> None:
    model = filled(model_of(pattern), torch.randn(3, CODES, DIM))
    torch.nn.init.normal_(model.get_submodule("embedding").tables)
    codes = torch.randint(CODES, (2, 3, 6))
    whole = model(codes=codes)
    columns = codes
    if pattern == "flatten":
        columns = codes.transpose(1, 2).reshape(2, 1, -1)
    with torch.inference_mode():
        steps = Steps(model, "codes", {}, batch_size=2, max_places=columns.shape[-1])
        found = [steps(columns[..., :0])]
        for place in range(columns.shape[-1] - 1):
            found.append(steps(columns[..., place : place + 1]))
    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-5, rtol=0)


def test_codes_with_one_vector_begin_alike_and_learn_to_differ() -> None:
    vectors = torch.randn(3, CODES, DIM)
    vectors[:, 1] = vectors[:, 0]
    model = filled(model_of(), vectors)
    codes = torch.zeros(1, 3, 6, dtype=torch.int64)
    other = codes.clone()
    other[:, 1, 2] = 1
    # The gates that copy are zero before the training, so that nothing else tells codes apart.
    torch.testing.assert_close(model(codes=codes), model(codes=other))
    logits = model(codes=codes).view(1, 6, 3, CODES)
    torch.testing.assert_close(logits[..., 0], logits[..., 1])

    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    loss = torch.nn.functional.cross_entropy(
        model(codes=codes).view(-1, CODES), codes.transpose(1, 2).flatten()
    )
    loss.backward()
    optimizer.step()
    assert not torch.allclose(model(codes=codes), model(codes=other))


def test_vectors_stay_with_the_weights_and_are_not_trained() -> None:
    vectors = torch.randn(3, CODES, DIM)
    model = filled(model_of(), vectors)
    other = model_of()
    other.load_state_dict(model.state_dict())
    stored = other.get_submodule("embedding").from_codec.vectors
    assert torch.equal(stored[:, :CODES], vectors)
    names = [name for name, _ in model.named_parameters()]
    assert not any(name.endswith("vectors") for name in names)


def test_codebooks_that_share_a_table_have_no_vectors() -> None:
    embedding = {"num_embeddings": 5, "embedding_dim": 8, "vector_dim": 2}
    graph = {
        "input": {"codes": "B Q=3 T"},
        "layers": [{"CodebookEmbedding": embedding}],
    }
    with pytest.raises(MirbricksError, match="'vector_dim' needs 'shared: false'"):
        mb.compile_graph(graph)
