"""A graph one place at a time gives what it gives at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mirbricks.compiler.compile import compile_graph
from mirbricks.compiler.stepping import Steps

N = 13


def embedded(**settings: Any) -> dict[str, Any]:
    return {
        "CodebookEmbedding": {
            "num_embeddings": 9,
            "embedding_dim": 8,
            **settings,
        }
    }


def decoder(**settings: Any) -> dict[str, Any]:
    return {"TransformerDecoder": {"num_heads": 2, "num_layers": 2, **settings}}


HEAD = {"Linear": {"out_features": 7}}
SUM = embedded(pattern="sum")
CONDITIONED = {
    "input": {"label": "B", "codes": "B Q=3 T"},
    "layers": [
        {"TokenEmbedding": {"num_embeddings": 4, "embedding_dim": 8}},
        "ReLU",
        {"UnSqueeze": {"dim": 1}},
        {"StoreAs": "condition"},
        {"StartFrom": "codes"},
        SUM,
        {"AddWith": "condition"},
        decoder(positions="rotary"),
        HEAD,
    ],
}
PREFIX = {
    "input": {"label": "B", "codes": "B Q=3 T"},
    "layers": [
        {"StartFrom": "codes"},
        SUM,
        {"StoreAs": "sequence"},
        {"StartFrom": "label"},
        {"TokenEmbedding": {"num_embeddings": 4, "embedding_dim": 8}},
        {"UnSqueeze": {"dim": 1}},
        {"CatWith": "sequence"},
        decoder(positions="learned", max_frames=40),
        HEAD,
    ],
}
CROSS = {
    "input": {"codes": "B Q=3 T", "text": "B S D=5"},
    "layers": [
        {"StartFrom": "text"},
        {"Linear": {"out_features": 6}},
        {"StoreAs": "seen"},
        {"StartFrom": "codes"},
        SUM,
        {
            "TransformerCrossDecoder": {
                "num_heads": 2,
                "num_layers": 1,
                "with": "seen",
            }
        },
        HEAD,
    ],
}
SKIPS = {
    "input": {"codes": "B Q=3 T"},
    "layers": [
        SUM,
        {"StoreAs": "first"},
        {
            "repeat": 2,
            "share": True,
            "layers": [decoder(positions="sinusoidal", num_layers=1)],
        },
        {"GRU": {"hidden_size": 8, "num_layers": 2}},
        {"AddWith": "first"},
        {"StoreAs": "second"},
        {"LSTM": {"hidden_size": 8}},
        {"MulWith": "second"},
        "SinusoidalPositions",
        {"RNN": {"hidden_size": 5}},
        {"LayerNorm": {"normalized_shape": [5]}},
        HEAD,
    ],
}
GRAPHS: dict[str, dict[str, Any]] = {
    name: {"input": {"codes": "B Q=3 T"}, "layers": [SUM, decoder(**settings), HEAD]}
    for name, settings in {
        "no positions": {},
        "sinusoidal": {"positions": "sinusoidal"},
        "learned": {"positions": "learned", "max_frames": 20},
        "rotary": {"positions": "rotary"},
        "alibi": {"positions": "alibi"},
        "t5": {"positions": "t5"},
        "gated rms": {"gated": True, "norm": "rms", "dropout": 0.1},
    }.items()
}
GRAPHS |= {
    "conditioned": CONDITIONED,
    "prefix": PREFIX,
    "cross": CROSS,
    "skips": SKIPS,
    "tables of their own": {
        "input": {"codes": "B Q=3 T"},
        "layers": [embedded(pattern="sum", shared=False), decoder(), HEAD],
    },
}


def compiled(graph: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    model = compile_graph(graph).eval()
    # Weights that begin at zero, such as those of a last layer, would hide a mistake.
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def others_of(model: Any, batch: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    given = {
        "label": torch.randint(4, (batch,), generator=generator),
        "text": torch.randn(batch, 6, 5, generator=generator),
    }
    return {name: given[name] for name in model.input_shapes if name in given}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("batch", [1, 3])
def test_cached_is_uncached(name: str, batch: int) -> None:
    model = compiled(GRAPHS[name])
    others = others_of(model, batch)
    codes = torch.randint(9, (batch, 3, N))
    with torch.inference_mode():
        whole = model(codes=codes, **others)
        steps = Steps(model, "codes", others, batch_size=batch, max_places=N + 1)
        found = [steps(codes[..., :0])]
        found += [steps(codes[..., [place]]) for place in range(N - 1)]
    each = torch.cat(found, dim=1)
    assert each.shape == whole.shape
    torch.testing.assert_close(each, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"shared": False}, {"levels": False}])
@pytest.mark.parametrize("start", [True, "zeros"])
def test_flattened_codes_come_one_by_one(settings: dict[str, Any], start: Any) -> None:
    layers = [embedded(start=start, **settings), decoder(positions="rotary"), HEAD]
    model = compiled({"input": {"codes": "B Q=3 T"}, "layers": layers})
    codes = torch.randint(9, (2, 3, 5))
    in_order = codes.transpose(1, 2).reshape(2, 1, 15)
    with torch.inference_mode():
        whole = model(codes)
        steps = Steps(model, "codes", {}, batch_size=2, max_places=15)
        # Some come together: a prompt may, and what follows is the same.
        parts = [in_order[..., :4], *in_order[..., 4:14].split(1, dim=2)]
        each = torch.cat([steps(part) for part in parts], dim=1)
    torch.testing.assert_close(each, whole, atol=1e-5, rtol=1e-5)


def test_what_does_not_move_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiled(CONDITIONED)
    calls = []
    embedding = model.get_submodule(model.nodes[0].name)
    real = type(embedding).forward
    monkeypatch.setattr(
        type(embedding), "forward", lambda *given: calls.append(0) or real(*given)
    )
    others = others_of(model, 2)
    steps = Steps(model, "codes", others, batch_size=2, max_places=4)
    for place in range(4):
        steps(torch.zeros(2, 3, int(place > 0), dtype=torch.long))
    assert len(calls) == 1


def test_a_full_cache_is_refused() -> None:
    model = compiled(GRAPHS["rotary"])
    steps = Steps(model, "codes", {}, batch_size=1, max_places=2)
    codes = torch.zeros(1, 3, 1, dtype=torch.long)
    steps(codes[..., :0])
    steps(codes)
    with pytest.raises(ValueError, match="room for 2 frames, but 3 came"):
        steps(codes)


def test_two_directions_cannot_be_stepped() -> None:
    layers = [SUM, {"GRU": {"hidden_size": 3, "bidirectional": True}}]
    model = compiled({"input": {"codes": "B Q=3 T"}, "layers": layers})
    steps = Steps(model, "codes", {}, batch_size=1, max_places=2)
    with pytest.raises(ValueError, match="cannot be run frame by frame"):
        steps(torch.zeros(1, 3, 0, dtype=torch.long))
