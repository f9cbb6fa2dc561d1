"""The command search."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from rich.table import Table

from ...workflows.index_file import Index
from ...workflows.search import Options, Query
from ...workflows.search import search as search_index
from ..screen import console


def search(arguments: Namespace) -> int:
    """Print the nearest recordings of each query, one after another."""
    options = Options(
        data=arguments.data,
        run_folder=arguments.run_folder,
        top=arguments.top,
        faiss=arguments.faiss,
        probes=arguments.probes,
        cache=arguments.cache,
        device=arguments.device,
    )
    index, found = search_index(arguments.index, arguments.queries, options)
    if arguments.json:
        queries = [_as_json(index, one.query, one.results) for one in found]
        print(json.dumps({"index": arguments.index, "queries": queries}))
        return 0
    for one in found:
        console().print(_table(index, one.query, one.results))
    return 0


def _as_json(
    index: Index, query: Query, results: list[tuple[int, float]]
) -> dict[str, Any]:
    listed = [
        {
            "rank": rank,
            "key": index.keys[k],
            "title": index.titles[k],
            "work": index.works[k],
            "score": round(score, 6),
        }
        for rank, (k, score) in enumerate(results, 1)
    ]
    return {"query": query.name, "results": listed}


def _table(index: Index, query: Query, results: list[tuple[int, float]]) -> Table:
    """Versions of the query's own work, where it is known, are marked."""
    title = query.name
    work = None
    # Of an audio file neither title nor work is known.
    if query.number is not None:
        title = f"{query.name}: {index.titles[query.number]}"
        work = index.works[query.number]
    table = Table(title=title, title_justify="left")
    for name in ("rank", "score"):
        table.add_column(name, justify="right")
    table.add_column("key")
    table.add_column("title")
    for rank, (k, score) in enumerate(results, 1):
        same = work is not None and index.works[k] == work
        style = "bold green" if same else None
        table.add_row(
            str(rank), f"{score:.3f}", index.keys[k], index.titles[k], style=style
        )
    return table
