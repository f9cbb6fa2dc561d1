"""TransformerDecoder beside torch's transformer and x-transformers' cache, in the same process, runs alternating.

    python bench/bench_attention.py                                a Markdown table
    python bench/bench_attention.py --write docs/performance.md    the same, put between the markers in the file

Training: torch.nn.TransformerEncoder with a causal mask, the norm first, GELU. Generating: 250 tokens, the most likely
one each time, of a model with rotary positions; x-transformers by its own AutoregressiveWrapper, with its cache and
without. All have the same weights, and say the same.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_s, in_turns
from torch import Tensor, nn

from mirbricks.blocks.sequence.transformer import TransformerDecoder
from mirbricks.blocks.sequence.transformer_parts import x_transformers

WIDTH, HEADS, LAYERS, TOKENS, NEW_TOKENS = 256, 8, 6, 1024, 250
TRAINED = [(8, 250), (2, 1000), (16, 64)]  # items, frames
GENERATED = [1, 8]  # items
SLOWEST_RUNS = 3  # of a generation without a cache


def decoder(**config: Any) -> TransformerDecoder:
    return TransformerDecoder(
        TransformerDecoder.Config(
            d_model=WIDTH, nhead=HEADS, num_layers=LAYERS, **config
        )
    )


def torchs(like: TransformerDecoder) -> nn.TransformerEncoder:
    """Torch's own, with the weights of `like`, and biases of 0 where x-transformers has none."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True
    )
    peer = nn.TransformerEncoder(
        layer, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False
    )
    branches = like.stack.layers.layers
    with torch.no_grad():
        for own, attend, feed in zip(
            peer.layers, branches[::2], branches[1::2], strict=True
        ):
            q, k, v, out = (
                getattr(attend[1], f"to_{name}").weight
                for name in ("q", "k", "v", "out")
            )
            own.self_attn.in_proj_weight.copy_(torch.cat((q, k, v)))
            own.self_attn.out_proj.weight.copy_(out)
            own.linear1.load_state_dict(feed[1].ff[0][0].state_dict())
            own.linear2.load_state_dict(feed[1].ff[2].state_dict())
    return peer


def train_step(module: nn.Module, x: Tensor, **given: Any) -> None:
    module.zero_grad()
    module(x, **given).square().mean().backward()


def training(n_runs: int) -> list[str]:
    table = [
        "| items × frames | torch.nn.TransformerEncoder | mirbricks TransformerDecoder | time over torch's |",
        "|---|---|---|---|",
    ]
    ours = decoder()
    peer = torchs(ours)
    for items, frames in TRAINED:
        x = torch.randn(items, frames, WIDTH)
        causal = {
            "mask": nn.Transformer.generate_square_subsequent_mask(frames),
            "is_causal": True,
        }
        assert torch.allclose(ours(x), peer(x, **causal), atol=1e-4), (
            "the two transformers differ"
        )
        steps = [
            functools.partial(train_step, peer, x, **causal),
            functools.partial(train_step, ours, x),
        ]
        theirs, mine = in_turns(steps, n_runs)
        table.append(
            f"| {items} × {frames} | {in_ms(theirs, 0)} | {in_ms(mine, 0)} | {Ratio.of(mine, theirs)} |"
        )
    return table


def language_model() -> nn.Module:
    """x-transformers' own model of tokens, rotary positions on all features of a head."""
    library = x_transformers()
    layers = library.Decoder(
        dim=WIDTH, depth=LAYERS, heads=HEADS, attn_dim_head=WIDTH // HEADS, attn_flash=True, rotary_pos_emb=True,
        rotary_emb_dim=WIDTH // HEADS,
    )  # fmt: skip
    model: nn.Module = library.TransformerWrapper(
        num_tokens=TOKENS,
        max_seq_len=NEW_TOKENS + 1,
        use_abs_pos_emb=False,
        attn_layers=layers,
    )
    return model.eval()


def generate(block: TransformerDecoder, model: Any, first: Tensor) -> Tensor:
    """Tokens by our static cache, with the library's embedding and logits."""
    cache, drawn = block.new_cache(NEW_TOKENS, first.shape[0]), [first]
    for _ in range(NEW_TOKENS):
        y = block.step(model.token_emb(drawn[-1]), cache)
        drawn.append(model.to_logits(y).argmax(-1))
    return torch.cat(drawn[1:], dim=1)


def generating(n_runs: int) -> list[str]:
    table = [
        "| items | no cache | x-transformers' cache | mirbricks' cache | time over x-transformers' "
        "| time over no cache |",
        "|---|---|---|---|---|---|",
    ]
    model: Any = language_model()
    wrapped = x_transformers().AutoregressiveWrapper(model)
    block = decoder(positions="rotary").eval()
    block.stack.layers.load_state_dict(
        {
            key: value
            for key, value in model.attn_layers.state_dict().items()
            if not key.startswith("rotary")
        }
    )
    for items in GENERATED:
        first = torch.randint(TOKENS, (items, 1))
        greedy = functools.partial(wrapped.generate, first, NEW_TOKENS, temperature=0.0)
        calls: list[Callable[[], Tensor]] = [
            functools.partial(greedy, cache_kv=False),
            functools.partial(greedy, cache_kv=True),
            functools.partial(generate, block, model, first),
        ]
        with torch.inference_mode():
            told = [call() for call in calls[1:]]
            assert torch.equal(*told), "the two say different tokens"
            none = in_turns(calls[:1], min(n_runs, SLOWEST_RUNS), warm_up=0)[0]
            theirs, mine = in_turns(calls[1:], n_runs)
        table.append(
            f"| {items} | {in_s(none)} | {in_s(theirs)} | {in_s(mine)} | {Ratio.of(mine, theirs)} "
            f"| {Ratio.of(mine[: len(none)], none)} |"
        )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    note = (
        f"{LAYERS} layers of {WIDTH}, {HEADS} heads; above forward and backward, below {NEW_TOKENS} tokens. Median of "
        f"{arguments.runs} runs, taken in turns, one thread; without a cache of {SLOWEST_RUNS} at most. "
        f"torch {torch.__version__}, x-transformers {version('x-transformers')}, {os.cpu_count()} cores."
    )
    parts = [
        "\n".join(training(arguments.runs)),
        "\n".join(generating(arguments.runs)),
        note,
    ]
    publish("\n\n".join(parts), arguments, "attention")


if __name__ == "__main__":
    main()
