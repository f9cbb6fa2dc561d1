"""Transformers against their equations, from the weights; causality; what they say of fields that do not fit."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import mirbricks as mb
from mirbricks import registry
from mirbricks.blocks.sequence.transformer_parts import x_transformers
from mirbricks.errors import GraphError
from mirbricks.registry import Block

W = dict[str, Tensor]
KINDS: list[dict[str, Any]] = [
    {},
    {"positions": "sinusoidal"},
    {"positions": "learned", "max_frames": 12},
    {"positions": "rotary"},
    {"positions": "alibi"},
    {"positions": "t5", "num_buckets": 8, "max_distance": 6},
    {
        "positions": "rotary",
        "gated": True,
        "norm": "rms",
        "dim_feedforward": 10,
        "dim_head": 6,
    },
    {"bias": True, "eps": 1e-2},
    {"norm": "rms", "eps": 1e-2, "bias": True},
    {"positions": "rotary", "rotary_dim": 4, "dim_head": 6},
]
every_kind = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())) or "plain"
)
SIZES = {"num_heads": 2, "num_layers": 2}
X, CONTEXT = (2, 9, 8), (2, 5, 12)


def built(name: str, shapes: Sequence[tuple[int, ...]], **config: Any) -> Block:
    """In float64, its gains and biases drawn at random."""
    spec = registry.get(name)
    block = (
        registry.build(
            spec, spec.cls.Config(**config).resolve(spec.contract.bind(list(shapes)))
        )
        .double()
        .eval()
    )
    for parameter in block.parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, -0.5, 0.5)
    return block


def norm(w: W, key: str, x: Tensor, kind: dict[str, Any]) -> Tensor:
    """x-transformers keeps the gains less 1."""
    if kind.get("norm") == "rms":
        square = x.pow(2).mean(-1, keepdim=True) + kind.get("eps", 0)
        return x / square.sqrt() * (1 + w[f"{key}.g"])
    centred = x - x.mean(-1, keepdim=True)
    variance = centred.pow(2).mean(-1, keepdim=True) + kind.get("eps", 1e-5)
    y = centred / variance.sqrt() * (1 + w[f"{key}.gamma"])
    if kind.get("bias"):
        return y + w[f"{key}.beta"]
    return y


def turned(x: Tensor, dim: int | None) -> Tensor:
    """(B, heads, T, D): pairs of features as complex numbers, times e^(j t 10000^(-2i / D)); the first `dim` only."""
    if dim is not None:
        return torch.cat((turned(x[..., :dim], None), x[..., dim:]), dim=-1)
    rates = 10000 ** (-torch.arange(0, x.shape[-1], 2, dtype=x.dtype) / x.shape[-1])
    angle = torch.arange(x.shape[2], dtype=x.dtype)[:, None] * rates
    z = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(
        torch.ones_like(angle), angle
    )
    return torch.view_as_real(z).flatten(-2)


def attention(
    w: W,
    key: str,
    x: Tensor,
    other: Tensor,
    heads: int,
    added: Tensor,
    kind: dict[str, Any],
) -> Tensor:
    def linear(name: str, y: Tensor) -> Tensor:
        bias = w[f"{key}.to_{name}.bias"] if kind.get("bias") else 0
        return y @ w[f"{key}.to_{name}.weight"].T + bias

    q, k, v = (
        linear(name, y).unflatten(-1, (heads, -1)).transpose(1, 2)
        for name, y in (("q", x), ("k", other), ("v", other))
    )
    if kind.get("positions") == "rotary":
        q, k = (turned(y, kind.get("rotary_dim")) for y in (q, k))
    scores = torch.einsum("bhtd,bhsd->bhts", q, k) / math.sqrt(q.shape[-1]) + added
    weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
    y = torch.einsum("bhts,bhsd->bhtd", weights, v)
    return linear("out", y.transpose(1, 2).flatten(2))


def feed_forward(w: W, key: str, x: Tensor, gated: bool) -> Tensor:
    first = "ff.0.proj" if gated else "ff.0.0"
    y = x @ w[f"{key}.{first}.weight"].T + w[f"{key}.{first}.bias"]
    if gated:
        value, gate = y.chunk(2, dim=-1)
        y = value * gelu(gate)
    else:
        y = gelu(y)
    return y @ w[f"{key}.ff.2.weight"].T + w[f"{key}.ff.2.bias"]


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def by_hand(
    stack: nn.Module,
    x: Tensor,
    kind: dict[str, Any],
    causal: bool,
    context: Tensor | None = None,
) -> Tensor:
    """The norm before each branch and once at the end; positions are those of test_positions, rotary ones apart."""
    w, heads, n = stack.state_dict(), 2, x.shape[1]
    x = x if stack.absolute is None else stack.absolute(x).detach()
    added = (
        torch.zeros(n, n, dtype=x.dtype)
        if stack.bias is None
        else stack.bias(n).detach()
    )
    if causal:
        added = added + torch.full((n, n), -torch.inf, dtype=x.dtype).triu(1)
    branches = ["a", "f"] if context is None else ["a", "c", "f"]
    for i, branch in enumerate(branches * 2):
        key = f"layers.layers.{i}"
        y = norm(w, f"{key}.0.0", x, kind)
        if branch == "a":
            y = attention(w, f"{key}.1", y, y, heads, added, kind)
        elif branch == "c":
            y = attention(
                w,
                f"{key}.1",
                y,
                context,
                heads,
                torch.zeros(1, dtype=x.dtype),
                {**kind, "positions": "none"},
            )
        else:
            y = feed_forward(w, f"{key}.1", y, kind.get("gated", False))
        x = x + y
    return norm(w, "layers.final_norm", x, kind)


@every_kind
@pytest.mark.parametrize("name", ["TransformerEncoder", "TransformerDecoder"])
def test_by_its_equations(name: str, kind: dict[str, Any]) -> None:
    x, block = torch.randn(X, dtype=torch.float64), built(name, [X], **SIZES, **kind)
    expected = by_hand(block.stack, x, kind, causal=name == "TransformerDecoder")
    for training in (True, False):
        torch.testing.assert_close(block.train(training)(x).detach(), expected)


@every_kind
def test_a_decoder_that_looks_at_another_sequence_by_its_equations(
    kind: dict[str, Any],
) -> None:
    x, context = (
        torch.randn(X, dtype=torch.float64),
        torch.randn(CONTEXT, dtype=torch.float64),
    )
    block = built("TransformerCrossDecoder", [X, CONTEXT], **SIZES, **kind)
    torch.testing.assert_close(
        block(x, context).detach(), by_hand(block.stack, x, kind, True, context)
    )


@every_kind
def test_encoder_and_decoder_by_their_equations(kind: dict[str, Any]) -> None:
    x, source = (
        torch.randn(X, dtype=torch.float64),
        torch.randn(CONTEXT, dtype=torch.float64),
    )
    block = built(
        "TransformerEncoderDecoder",
        [X, CONTEXT],
        num_heads=2,
        num_encoder_layers=2,
        num_decoder_layers=2,
        **kind,
    )
    context = by_hand(block.encoder.stack, source, kind, causal=False)
    expected = by_hand(block.decoder.stack, x, kind, causal=True, context=context)
    torch.testing.assert_close(block(x, source).detach(), expected)


def test_is_torchs_transformer_with_the_same_weights() -> None:
    """torch.nn.TransformerEncoder, the norm first, with GELU and biases of 0 where x-transformers has none."""
    block, x = (
        built("TransformerDecoder", [X], **SIZES),
        torch.randn(X, dtype=torch.float64),
    )
    layer = nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True
    )
    peer = nn.TransformerEncoder(
        layer, 2, nn.LayerNorm(8), enable_nested_tensor=False
    ).double()
    branches = block.stack.layers.layers
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.zero_()
        peer.norm.weight.copy_(1 + block.stack.layers.final_norm.gamma)
        for own, (attend, feed) in zip(
            peer.layers, zip(branches[::2], branches[1::2], strict=True), strict=True
        ):
            q, k, v, out = (
                getattr(attend[1], f"to_{name}").weight
                for name in ("q", "k", "v", "out")
            )
            own.self_attn.in_proj_weight.copy_(torch.cat((q, k, v)))
            own.self_attn.out_proj.weight.copy_(out)
            own.norm1.weight.copy_(1 + attend[0][0].gamma)
            own.norm2.weight.copy_(1 + feed[0][0].gamma)
            own.linear1.load_state_dict(feed[1].ff[0][0].state_dict())
            own.linear2.load_state_dict(feed[1].ff[2].state_dict())
    mask = nn.Transformer.generate_square_subsequent_mask(9, dtype=torch.float64)
    torch.testing.assert_close(block(x), peer(x, mask=mask, is_causal=True))


def test_is_x_transformers_own_decoder_with_equal_weights() -> None:
    """The tutorial's: x-transformers turns 32 of 64 features by default, in angles of its own."""
    library = x_transformers()
    peer = library.Decoder(dim=128, depth=2, heads=2, rotary_pos_emb=True)
    block = built(
        "TransformerDecoder",
        [(2, 50, 128)],
        num_heads=2,
        dim_head=64,
        num_layers=2,
        positions="rotary",
        rotary_dim=32,
    )
    peer = peer.double().eval()
    unmatched = peer.load_state_dict(block.stack.layers.state_dict(), strict=False)
    assert not unmatched.unexpected_keys
    assert unmatched.missing_keys == ["rotary_pos_emb.inv_freq"]
    x = torch.randn(2, 50, 128, dtype=torch.float64)
    # The library keeps its angles in float32, at most 50 radians: 4e-6 of a radian.
    torch.testing.assert_close(block(x), peer(x), rtol=0, atol=1e-5)
    whole = built(
        "TransformerDecoder",
        [(2, 50, 128)],
        num_heads=2,
        num_layers=2,
        positions="rotary",
    )
    whole.load_state_dict(block.state_dict())
    assert not torch.allclose(whole(x), peer(x), atol=1e-2)


@pytest.mark.parametrize("eps", [1e-6, 1e-2])
def test_is_torchs_encoder_layer_with_all_its_biases(eps: float) -> None:
    """The layer of ViT, AST and PaSST: norms first, biases everywhere, an eps of its own."""
    block = built("TransformerEncoder", [X], **SIZES, bias=True, eps=eps)
    layer = nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True, layer_norm_eps=eps
    )
    last = nn.LayerNorm(8, eps=eps)
    peer = nn.TransformerEncoder(layer, 2, last, enable_nested_tensor=False).double()
    w = block.stack.layers.state_dict()
    names = {"norm1": "0.0.0", "norm2": "1.0.0"}
    given = {
        "norm.weight": 1 + w["final_norm.gamma"],
        "norm.bias": w["final_norm.beta"],
    }
    for i in range(2):
        own = f"layers.{i}"
        attend, feed = f"layers.{2 * i}.1", f"layers.{2 * i + 1}.1.ff"
        for kind in ("weight", "bias"):
            parts = [w[f"{attend}.to_{name}.{kind}"] for name in ("q", "k", "v")]
            given[f"{own}.self_attn.in_proj_{kind}"] = torch.cat(parts)
            given[f"{own}.self_attn.out_proj.{kind}"] = w[f"{attend}.to_out.{kind}"]
            given[f"{own}.linear1.{kind}"] = w[f"{feed}.0.0.{kind}"]
            given[f"{own}.linear2.{kind}"] = w[f"{feed}.2.{kind}"]
        for name, place in names.items():
            step, _, rest = place.partition(".")
            key = f"layers.{2 * i + int(step)}.{rest}"
            given[f"{own}.{name}.weight"] = 1 + w[f"{key}.gamma"]
            given[f"{own}.{name}.bias"] = w[f"{key}.beta"]
    peer.load_state_dict(given)
    x = torch.randn(X, dtype=torch.float64)
    torch.testing.assert_close(block(x), peer(x))


@every_kind
@pytest.mark.parametrize("frame", [0, 4, 8])
def test_outputs_of_a_decoder_before_a_change_do_not_move(
    kind: dict[str, Any], frame: int
) -> None:
    x, context = (
        torch.randn(X, dtype=torch.float64),
        torch.randn(CONTEXT, dtype=torch.float64),
    )
    changed, other = x.clone(), context.clone()
    changed[:, frame, 0] += 1
    other[:, 0, 0] += 1
    plain = built("TransformerDecoder", [X], **SIZES, **kind)
    crossed = built("TransformerCrossDecoder", [X, CONTEXT], **SIZES, **kind)
    for before, after in (
        (plain(x), plain(changed)),
        (crossed(x, context), crossed(changed, context)),
    ):
        assert (before != after).any(2).any(0).tolist() == [
            t >= frame for t in range(9)
        ]
    assert bool(
        (crossed(x, context) != crossed(x, other)).any(2).all()
    )  # all frames see the other sequence


@every_kind
def test_every_frame_of_an_encoder_sees_all(kind: dict[str, Any]) -> None:
    x = torch.randn(X, dtype=torch.float64)
    block, changed = built("TransformerEncoder", [X], **SIZES, **kind), x.clone()
    changed[:, 8, 0] += 1
    assert bool((block(x) != block(changed)).any(2).all())


@pytest.mark.parametrize("kind", KINDS[1:6], ids=lambda kind: kind["positions"])
def test_positions_tell_an_order(kind: dict[str, Any]) -> None:
    x, order = torch.randn(X, dtype=torch.float64), torch.randperm(9)
    block = built("TransformerEncoder", [X], **SIZES, **kind)
    assert not torch.allclose(block(x[:, order]), block(x)[:, order], atol=1e-4)
    plain = built("TransformerEncoder", [X], **SIZES)
    torch.testing.assert_close(plain(x[:, order]), plain(x)[:, order])


def test_dropout_acts_in_training_only() -> None:
    x, block = (
        torch.randn(X, dtype=torch.float64),
        built("TransformerEncoder", [X], **SIZES, dropout=0.5),
    )
    assert torch.equal(block(x), block(x))
    assert not torch.equal(block.train()(x), block(x))


def test_a_decoder_goes_through_pickle_and_keeps_no_tensor_of_a_call() -> None:
    block, x = (
        built("TransformerDecoder", [X], **SIZES, positions="rotary"),
        torch.randn(X, dtype=torch.float64),
    )
    before = len(pickle.dumps(block))
    y = block(x)
    assert len(pickle.dumps(block)) == before
    assert torch.equal(pickle.loads(pickle.dumps(block))(x), y)


def test_positions_without_max_frames_take_any_length() -> None:
    for positions in ("sinusoidal", "rotary", "alibi", "t5"):
        block = built("TransformerDecoder", [X], **SIZES, positions=positions)
        long = torch.randn(1, 200, 8, dtype=torch.float64)
        torch.testing.assert_close(block(long)[:, :9], block(long[:, :9]))


def test_attention_is_torchs_fused_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], functional.scaled_dot_product_attention

    def counted(*given: Any, **named: Any) -> Tensor:
        calls.append(1)
        return real(*given, **named)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", counted)
    built("TransformerDecoder", [X], **SIZES, positions="t5")(
        torch.randn(X, dtype=torch.float64)
    )
    assert len(calls) == 2


def refusal(name: str, **config: Any) -> str:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph(
            {"input": "B T D=6", "layers": [{name: {"num_layers": 1, **config}}]}
        )
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"num_heads": 2, "positions": "learned"},
            "learned positions need 'max_frames', the longest sequence in frames",
        ),
        (
            {"num_heads": 2, "positions": "t5", "max_distance": 16},
            "'max_distance' must be at least 17 with 32 buckets, got 16",
        ),
        (
            {"num_heads": 2, "positions": "rotary", "dim_head": 3},
            "rotary positions turn pairs of features, but 'dim_head' is 3",
        ),
        (
            {"num_heads": 2, "rotary_dim": 2},
            "'rotary_dim' is for rotary positions: write `positions: rotary`",
        ),
        (
            {"num_heads": 1, "positions": "rotary", "rotary_dim": 3},
            "rotary positions turn pairs of features, but 'rotary_dim' is 3",
        ),
        (
            {"num_heads": 1, "positions": "rotary", "rotary_dim": 6, "dim_head": 4},
            "'rotary_dim' is 6, but a head has 4 features",
        ),
    ],
)
def test_fields_that_do_not_fit_are_refused(config: dict[str, Any], words: str) -> None:
    assert refusal("TransformerDecoder", **config) == (
        f"<dict>:3:3: TransformerDecoder: {words}\n"
        "    3 | - TransformerDecoder:\n"
        "      |   ^^^^^^^^^^^^^^^^^^\n"
        "  [E106]"
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"num_heads": 4},
            "d_model 6 is not a multiple of num_heads 4: give 'dim_head'",
        ),
        (
            {"num_heads": 2, "positions": "rotary"},
            "rotary positions turn pairs of features, but a head has 3: give an even 'dim_head'",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(config: dict[str, Any], words: str) -> None:
    assert refusal("TransformerEncoder", **config) == (
        "<dict>:3:3: TransformerEncoder cannot run on this tensor\n"
        "    3 | - TransformerEncoder:\n"
        "      |   ^^^^^^^^^^^^^^^^^^\n"
        "  here   (B, 64, 6)   the input\n"
        f"  torch  {words}\n"
        "  sizes  tried with T=64\n"
        "  help: change its config or the sizes     [E204]"
    )


def test_learned_positions_are_refused_only_where_the_frames_are_fixed() -> None:
    layer = {"num_layers": 1, "num_heads": 2, "positions": "learned", "max_frames": 8}
    layers = [{"TransformerEncoder": layer}]
    mb.compile_graph({"input": "B T=8 D=6", "layers": layers})
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": "B T=9 D=6", "layers": layers})
    assert "torch  LearnedPositions has max_frames 8, but 9 frames came" in str(
        caught.value
    )
    assert caught.value.code == "E204"


def test_more_turned_features_than_a_head_has_are_refused_where_the_width_is_known() -> (
    None
):
    message = refusal(
        "TransformerDecoder", num_heads=1, positions="rotary", rotary_dim=8
    )
    assert "'rotary_dim' is 8, but a head has 6 features" in message
