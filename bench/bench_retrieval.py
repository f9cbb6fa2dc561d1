"""Retrieval among many recordings: the exact search, and vectors of a few bytes in lists (FAISS IVF-PQ).

    python bench/bench_retrieval.py                          a Markdown table
    python bench/bench_retrieval.py --write docs/scale.md    the same, put between the markers in the file

The vectors are synthetic: works and their versions differ in LATENT numbers, as embeddings do in fewer directions than
they have numbers. The queries are further versions, which the index does not hold.

Needs faiss-cpu (`pip install 'mirbricks[retrieval]'`).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from page import parser_of, publish
from torch import Tensor
from torch.nn import functional

from mirbricks.tasks.covers import Library
from mirbricks.workflows.compressed import Compressed, with_probes
from mirbricks.workflows.faiss_search import faiss_library
from mirbricks.workflows.search import nearest

VERSIONS = 4
LATENT = 24
SPREAD = 0.4  # of a version around its work, where works have a spread of 1
TOP = 10
BYTES = (16, 32)
PROBES = (1, 4, 16, 64)


class Line(NamedTuple):
    """A search: how much memory its vectors take, how long a query takes, and what it finds of the exact one."""

    name: str
    n_bytes: int
    query_ms: float
    at_1: float
    at_10: float


def vectors(count: int, size: int, n_queries: int) -> tuple[Tensor, Tensor]:
    """(count, size) to be searched, and as many queries; of unit length."""
    generator = torch.Generator().manual_seed(0)
    works = torch.randn((count // VERSIONS, LATENT), generator=generator)
    directions = torch.randn((LATENT, size), generator=generator)

    def versions(of: Tensor) -> Tensor:
        moved = of + SPREAD * torch.randn(of.shape, generator=generator)
        return functional.normalize(moved @ directions, dim=-1)

    kept = versions(works.repeat_interleave(VERSIONS, 0))
    return kept, versions(works[:n_queries])


def timed(
    search: Callable[[Sequence[Tensor]], tuple[Tensor, Tensor]],
    queries: Tensor,
    runs: int,
) -> tuple[float, list[set[int]], list[int]]:
    """Processor milliseconds per query, asked one at a time; the ten found of each, and the first."""
    taken = []
    found = []
    for _ in range(runs):
        start_s = time.process_time()
        found = [search([query[None]])[1][0].tolist() for query in queries]
        taken.append((time.process_time() - start_s) / len(queries))
    return 1000 * statistics.median(taken), list(map(set, found)), [o[0] for o in found]


def lines(kept: Tensor, queries: Tensor, runs: int) -> tuple[list[Line], float]:
    """A line per search, and how long the last compression took, in seconds."""
    exact = Library.of(list(kept[:, None, None]), False)
    took_ms, truth, first = timed(lambda q: nearest(exact, q, TOP), queries, runs)
    size = exact.vectors.nbytes
    made = [Line("exact", size, took_ms, 1.0, 1.0)]
    build_s = 0.0
    for n_bytes in BYTES:
        start_s = time.process_time()
        compressed = Compressed.of(exact, n_bytes)
        build_s = time.process_time() - start_s
        stored = sum(
            getattr(compressed, name).nbytes
            for name in ("centres", "codebooks", "codes", "lists")
        )
        for probes in PROBES:
            one = with_probes(compressed, probes)
            one.nearest([queries[:1]], TOP)
            took_ms, found, best = timed(
                lambda q, c=one: c.nearest(q, TOP), queries, runs
            )
            hits = sum(a == b for a, b in zip(best, first, strict=True)) / len(best)
            name = f"`--compress {n_bytes}`, `--probes {probes}`"
            made.append(Line(name, stored, took_ms, hits, _shared(found, truth)))
    return made, build_s


def _shared(found: list[set[int]], truth: list[set[int]]) -> float:
    pairs = zip(found, truth, strict=False)
    shares = [len(own & wanted) / TOP for own, wanted in pairs]
    return statistics.fmean(shares)


def table(made: Sequence[Line]) -> str:
    rows = [
        "| search | vectors, MB | ms per query | recall@1 | recall@10 |",
        "|---|---:|---:|---:|---:|",
    ]
    for line in made:
        rows.append(
            f"| {line.name} | {line.n_bytes / 1e6:.1f} | {line.query_ms:.2f} "
            f"| {line.at_1:.3f} | {line.at_10:.3f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="vectors")
    parser.add_argument("--size", type=int, default=128, help="numbers of a vector")
    parser.add_argument("--queries", type=int, default=200, help="how many are asked")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    faiss = faiss_library()
    faiss.omp_set_num_threads(1)
    kept, queries = vectors(arguments.count, arguments.size, arguments.queries)
    made, build_s = lines(kept, queries, arguments.runs)
    text = (
        f"{arguments.count:,} synthetic vectors of {arguments.size} numbers, {VERSIONS} versions of each work; "
        f"{len(queries)} queries, one at a time, processor time of one thread, median of {arguments.runs} runs. "
        f"Compressing took {build_s:.0f} s. "
        f"faiss {faiss.__version__}, torch {torch.__version__}, {os.cpu_count()} cores."
    )
    publish(f"{table(made)}\n\n{text}", arguments, "retrieval")


if __name__ == "__main__":
    main()
