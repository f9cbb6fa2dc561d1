"""Generation with the caches of compiled graphs: codes beside x-transformers' own, samples beside the receptive field.

    python bench/bench_generation.py                                a Markdown table
    python bench/bench_generation.py --write docs/performance.md    the same, put between the markers in the file

Codes: 250 places of a transformer of 6 layers, 256 features, rotary positions and 1,024 codes, the best code each time;
by the task's own `generated`, without a cache by the whole graph at each place, and by x-transformers'
AutoregressiveWrapper with its cache, with as many weights. Samples: graphs/wavenet.yaml by its queues, and by all that
it sees of the past, 3 x 1,023 + 2 samples, for each sample.
"""

from __future__ import annotations

import functools
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_s, in_turns
from torch import Tensor

import mirbricks as mb
from mirbricks.blocks.sequence.transformer_parts import x_transformers
from mirbricks.compiler.stepping import Steps
from mirbricks.tasks.autoregressive.config import SamplingConfig
from mirbricks.tasks.token_generation import generation
from mirbricks.tasks.token_generation.patterns import Pattern

WIDTH, HEADS, LAYERS, CODES, PLACES = 256, 4, 6, 1024, 250
ITEMS = [1, 8]
FIELD = 3 * 1023 + 2  # samples that an output of graphs/wavenet.yaml sees
SAMPLES = 200
WHOLE_SAMPLES = 3  # of which each takes as long as any other
SLOWEST_RUNS = 1  # of a generation without a cache
GRAPHS = Path(mb.__file__).parent / "graphs"


def codes_graph() -> Any:
    """A transformer of one codebook, in eval mode."""
    decoder = {
        "num_heads": HEADS,
        "dim_head": WIDTH // HEADS,
        "num_layers": LAYERS,
        "positions": "rotary",
    }
    layers = [
        {"CodebookEmbedding": {"num_embeddings": CODES, "embedding_dim": WIDTH}},
        {"TransformerDecoder": decoder},
        {"Linear": {"out_features": CODES, "bias": False}},
    ]
    return mb.compile_graph({"input": {"codes": "B Q=1 T"}, "layers": layers}).eval()


def peer() -> Any:
    """x-transformers' own model of the same size."""
    library = x_transformers()
    layers = library.Decoder(
        dim=WIDTH,
        depth=LAYERS,
        heads=HEADS,
        attn_dim_head=WIDTH // HEADS,
        attn_flash=True,
        rotary_pos_emb=True,
        rotary_emb_dim=WIDTH // HEADS,
    )
    model = library.TransformerWrapper(
        num_tokens=CODES,
        max_seq_len=PLACES + 1,
        use_abs_pos_emb=False,
        attn_layers=layers,
    )
    return library.AutoregressiveWrapper(model).eval()


def generated(model: Any, items: int, cached: bool) -> Tensor:
    """Codes by the task, with the caches of the blocks or by the whole graph."""
    real = generation.steps_agree
    generation.steps_agree = real if cached else lambda *_: False  # type: ignore[assignment]
    try:
        return generation.generated(
            model,
            "codes",
            {},
            {},
            pattern=Pattern("flatten", 1, CODES),
            config=SamplingConfig(temperature=0.0),
            count=items,
            n_frames=PLACES,
            seed=0,
        )
    finally:
        generation.steps_agree = real


def codes(n_runs: int) -> list[str]:
    table = [
        "| items | no cache | x-transformers' generate | mirbricks | times faster than no cache "
        "| times faster than x-transformers |",
        "|---|---|---|---|---|---|",
    ]
    model = codes_graph()
    wrapped = peer()
    for items in ITEMS:
        with torch.inference_mode():
            assert torch.equal(
                generated(model, items, True)[..., :20],
                _short(model, items),
            ), "cached and whole differ"
            first = torch.zeros(items, 1, dtype=torch.long)
            whole = functools.partial(generated, model, items, False)
            none = in_turns([whole], SLOWEST_RUNS, warm_up=0)[0]
            cached = functools.partial(
                wrapped.generate, first, PLACES, temperature=0.0, cache_kv=True
            )
            ours = functools.partial(generated, model, items, True)
            theirs, mine = in_turns([cached, ours], n_runs, warm_up=0)
        table.append(
            f"| {items} | {in_s(none)} | {in_s(theirs)} | {in_s(mine)} "
            f"| {Ratio.of(none, mine[: len(none)])} | {Ratio.of(theirs, mine)} |"
        )
    return table


def _short(model: Any, items: int) -> Tensor:
    """The best codes of the first 20 places by the whole graph."""
    found = torch.zeros(items, 1, 20, dtype=torch.long)
    for place in range(20):
        found[..., place] = model(found)[:, place].argmax(-1, keepdim=True)
    return found


def samples(n_runs: int) -> list[str]:
    model = mb.compile_graph(GRAPHS / "wavenet.yaml").eval()
    past = torch.rand(1, 1, FIELD) - 0.5

    def queues() -> None:
        steps = Steps(model, "x", {}, batch_size=1, max_places=SAMPLES)
        for place in range(SAMPLES):
            steps(past[..., place : place + 1])

    def field() -> None:
        for _ in range(WHOLE_SAMPLES):
            model(past)

    with torch.inference_mode():
        in_queues, in_field = in_turns([queues, field], n_runs)
    in_queues = [one / SAMPLES for one in in_queues]
    in_field = [one / WHOLE_SAMPLES for one in in_field]
    return [
        "| graphs/wavenet.yaml, a sample | receptive field computed | queues | times faster |",
        "|---|---|---|---|",
        f"| {FIELD} samples seen | {in_ms(in_field, 1)} | {in_ms(in_queues)} | {Ratio.of(in_field, in_queues)} |",
    ]


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    note = (
        f"{PLACES} codes of {LAYERS} layers of {WIDTH}, {HEADS} heads, the best one each time. Median of "
        f"{arguments.runs} runs, without a cache of {SLOWEST_RUNS}, one thread; torch {torch.__version__}, "
        f"x-transformers {version('x-transformers')}, {os.cpu_count()} cores."
    )
    parts = ["\n".join(codes(arguments.runs)), "\n".join(samples(arguments.runs)), note]
    publish("\n\n".join(parts), arguments, "generation")


if __name__ == "__main__":
    main()
