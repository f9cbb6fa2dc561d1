"""Decoding frame by frame gives what the whole sequence at once gives, and computes nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks import registry
from mirbricks.registry import Block

KINDS: list[dict[str, Any]] = [
    {},
    {"positions": "sinusoidal"},
    {"positions": "learned", "max_frames": 40},
    {"positions": "rotary"},
    {"positions": "rotary", "rotary_dim": 2, "bias": True, "eps": 1e-3},
    {"positions": "alibi"},
    {"positions": "t5", "num_buckets": 8, "max_distance": 20},
    {
        "positions": "rotary",
        "gated": True,
        "norm": "rms",
        "dim_head": 6,
        "dropout": 0.2,
    },
]
every_kind = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())) or "plain"
)
parts_of_the_sequence = pytest.mark.parametrize(
    "parts",
    [[1] * 40, [40], [25, *[1] * 15], [1, 7, 1, 30, 1]],
    ids=["one by one", "at once", "prefill", "mixed"],
)
X, CONTEXT = (3, 40, 16), (3, 11, 24)


def built(name: str, shapes: Sequence[tuple[int, ...]], **config: Any) -> Block:
    spec = registry.get(name)
    sizes = (
        {"num_heads": 4}
        if name == "TransformerEncoderDecoder"
        else {"num_heads": 4, "num_layers": 3}
    )
    return registry.build(
        spec,
        spec.cls.Config(**sizes, **config).resolve(spec.contract.bind(list(shapes))),
    ).eval()


def stepped(decoder: Any, x: Tensor, cache: Any, parts: Sequence[int]) -> Tensor:
    return torch.cat(
        [decoder.step(part, cache) for part in x.split(list(parts), dim=1)], dim=1
    )


def assert_same_logits(one: Tensor, other: Tensor) -> None:
    logits = nn.Linear(X[2], 100)
    assert one.abs().mean() > 0.1
    torch.testing.assert_close(logits(one), logits(other), rtol=0, atol=1e-5)


@every_kind
@parts_of_the_sequence
def test_cached_and_uncached_logits_agree(
    kind: dict[str, Any], parts: list[int]
) -> None:
    block, x = built("TransformerDecoder", [X], **kind), torch.randn(X)
    cache = block.new_cache(40, batch_size=3)
    y = stepped(block, x, cache, parts)
    assert cache.frames == 40
    assert not y.requires_grad
    assert_same_logits(y, block(x))


@every_kind
@parts_of_the_sequence
def test_with_another_sequence_they_agree_too(
    kind: dict[str, Any], parts: list[int]
) -> None:
    block, x, context = (
        built("TransformerCrossDecoder", [X, CONTEXT], **kind),
        torch.randn(X),
        torch.randn(CONTEXT),
    )
    assert_same_logits(
        stepped(block, x, block.new_cache(50, context), parts), block(x, context)
    )


@every_kind
def test_behind_an_encoder_they_agree_too(kind: dict[str, Any]) -> None:
    block, x, source = (
        built("TransformerEncoderDecoder", [X, CONTEXT], **kind),
        torch.randn(X),
        torch.randn(CONTEXT),
    )
    cache = block.decoder.new_cache(40, block.encoder(source))
    assert_same_logits(
        stepped(block.decoder, x, cache, [10, *[1] * 30]), block(x, source)
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_cache_has_the_type_of_the_weights(dtype: torch.dtype) -> None:
    block, x = (
        built("TransformerDecoder", [X], positions="rotary").to(dtype),
        torch.randn(X).to(dtype),
    )
    cache = block.new_cache(40, 3)
    y = stepped(block, x, cache, [20, *[1] * 20])
    assert {y.dtype, *(kept.dtype for kept in (*cache.keys, *cache.values))} == {dtype}
    exact = torch.finfo(dtype).eps * 100
    torch.testing.assert_close(y, block(x), rtol=exact, atol=exact)


def test_the_cache_stays_where_it_is_and_holds_what_came() -> None:
    block, x = built("TransformerDecoder", [X], positions="alibi"), torch.randn(X)
    cache = block.new_cache(50, 3)
    assert [tuple(kept.shape) for kept in (*cache.keys, *cache.values)] == [
        (3, 4, 50, 4)
    ] * 6
    places = [kept.data_ptr() for kept in (*cache.keys, *cache.values)]
    stepped(block, x, cache, [3, *[1] * 37])
    assert [kept.data_ptr() for kept in (*cache.keys, *cache.values)] == places
    first = block.stack.layers.layers[0]
    keys = first[1].to_k(first[0][0](x)).unflatten(2, (4, 4)).transpose(1, 2)
    torch.testing.assert_close(cache.keys[0][:, :, :40], keys)
    assert not cache.keys[0][:, :, 40:].any()


def test_each_step_computes_one_frame_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    block, x, context = (
        built("TransformerCrossDecoder", [X, CONTEXT]),
        torch.randn(X),
        torch.randn(CONTEXT),
    )
    cache, frames, real = block.new_cache(40, context), [], nn.functional.linear

    def watched(x: Tensor, *given: Any) -> Tensor:
        frames.append(x.shape[1])
        return real(x, *given)

    monkeypatch.setattr(nn.functional, "linear", watched)
    stepped(block, x[:, :5], cache, [1] * 5)
    assert set(frames) == {1}
    assert len(frames) == 5 * 3 * (
        4 + 2 + 2
    )  # keys and values of the context are there already


def test_a_full_cache_raises_and_stays_as_it_is() -> None:
    block, x = built("TransformerDecoder", [X], positions="rotary"), torch.randn(X)
    cache = block.new_cache(8, 3)
    block.step(x[:, :7], cache)
    kept = cache.keys[0].clone()
    with pytest.raises(
        ValueError, match=r"^the cache has room for 8 frames, but 9 came$"
    ):
        block.step(x[:, 7:9], cache)
    assert cache.frames == 7
    assert torch.equal(cache.keys[0], kept)
    torch.testing.assert_close(block.step(x[:, 7:8], cache), block(x[:, :8])[:, 7:])
    with pytest.raises(
        ValueError, match=r"^the cache has room for 8 frames, but 9 came$"
    ):
        block.step(x[:, 8:9], cache)


def test_learned_positions_end_before_the_cache_does() -> None:
    block, x = (
        built("TransformerDecoder", [X], positions="learned", max_frames=40),
        torch.randn(3, 41, 16),
    )
    cache = block.new_cache(100, 3)
    block.step(x[:, :40], cache)
    with pytest.raises(
        ValueError, match=r"^LearnedPositions has max_frames 40, but 41 frames came$"
    ):
        block.step(x[:, 40:], cache)


def test_codes_are_generated_as_the_whole_graph_would_say_them() -> None:
    """The most likely code at each place of graphs/ar_transformer.yaml, drawn one by one, of a smaller one."""
    graph = Path(mb.__file__).parent / "graphs" / "ar_transformer.yaml"
    model = mb.compile_graph(
        mb.load_graph(graph, ["vars.codes=50", "vars.width=32"])
    ).eval()
    embedding, decoder, logits = model.codes, model.decoder, model.logits
    cache, x, drawn = decoder.new_cache(24, 2), embedding.start_of(2), []
    with torch.no_grad():
        for place in range(24):
            drawn.append(logits(decoder.step(x, cache))[:, 0].argmax(1))
            x = embedding.embed_one(drawn[-1], place % 2)
        codes = torch.stack(drawn, 1).unflatten(1, (12, 2)).transpose(1, 2)
        assert torch.equal(model(codes).argmax(2), embedding.in_order(codes))
    assert len(codes.unique()) > 3
