"""Logits that copy: against a loop, code by code as the whole, and learned in a few steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import mirbricks as mb
from mirbricks.compiler.stepping import Steps
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPES = [(2, 6, 5), (2, 3, 6)]
NUM_CODES = 4


def block_of(make: Make, taps: int) -> Block:
    block = make("CopyLogits", SHAPES, num_codes=NUM_CODES, taps=taps)
    # Gates begin at zero, where nothing would be seen of them.
    torch.nn.init.normal_(block.gates.weight)
    torch.nn.init.normal_(block.gates.bias)
    return block


def codes_of(*shape: int) -> Tensor:
    """Codes, among them places without one."""
    return torch.randint(NUM_CODES + 1, shape)


@pytest.mark.parametrize("taps", [1, 2, 9])
def test_the_last_codes_are_raised_by_their_gates(make: Make, taps: int) -> None:
    block = block_of(make, taps)
    x = torch.randn(SHAPES[0], dtype=torch.float64)
    codes = codes_of(*SHAPES[1])
    expected = block.linear(x).clone()
    gates = block.gates(x).view(2, 6, 3, taps)
    for batch in range(2):
        for place in range(6):
            for book in range(3):
                for tap in range(taps):
                    before = place - taps + tap
                    if before < 0 or codes[batch, book, before] == NUM_CODES:
                        continue
                    row = book * NUM_CODES + int(codes[batch, book, before])
                    expected[batch, place, row] += gates[batch, place, book, tap]
    torch.testing.assert_close(block(x, codes), expected)


def test_new_gates_copy_nothing(make: Make) -> None:
    block = make("CopyLogits", SHAPES, num_codes=NUM_CODES)
    x = torch.randn(SHAPES[0], dtype=torch.float64)
    torch.testing.assert_close(block(x, codes_of(*SHAPES[1])), block.linear(x))


def model_of(taps: int) -> mb.GraphModule:
    torch.manual_seed(0)
    embedding = {"num_embeddings": 5, "embedding_dim": 8, "pattern": "sum"}
    layers = [
        {"CodebookEmbedding": embedding},
        {"TransformerDecoder": {"num_heads": 2, "num_layers": 1, "norm": "rms"}},
        {
            "CopyLogits": {
                "name": "logits",
                "num_codes": NUM_CODES,
                "taps": taps,
                "with": "codes",
            }
        },
    ]
    return mb.compile_graph({"input": {"codes": "B Q=3 T"}, "layers": layers})


@pytest.mark.parametrize("taps", [1, 3, 12])
def test_code_by_code_is_as_the_whole(taps: int) -> None:
    model = model_of(taps).eval()
    torch.nn.init.normal_(model.get_submodule("logits").gates.weight)
    codes = codes_of(2, 3, 9)
    whole = model(codes)
    steps = Steps(model, "codes", {}, batch_size=2, max_places=9)
    each = [steps(codes[..., :0])]
    for place in range(8):
        each.append(steps(codes[..., place : place + 1]))
    torch.testing.assert_close(torch.cat(each, dim=1), whole, atol=1e-5, rtol=0)
    # Several codes at once are what a prompt is.
    steps = Steps(model, "codes", {}, batch_size=2, max_places=9)
    torch.testing.assert_close(steps(codes[..., :8]), whole, atol=1e-5, rtol=0)


def test_codes_that_stay_are_learned_in_a_few_steps() -> None:
    model = model_of(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = nats(model, lasting(16)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # The first place has nothing to copy, all others have.
    found = nats(model, lasting(64)).mean((0, 2))
    assert found[0] > 1.2
    assert found[1:].max() < 0.2


def lasting(batch: int) -> Tensor:
    """A code for each codebook that stays what it is."""
    return torch.randint(NUM_CODES, (batch, 3, 1)).expand(-1, -1, 6)


def nats(model: mb.GraphModule, codes: Tensor) -> Tensor:
    logits = model(codes).view(len(codes), -1, 3, NUM_CODES)
    wanted = codes.transpose(1, 2)
    return functional.cross_entropy(logits.movedim(-1, 1), wanted, reduction="none")
