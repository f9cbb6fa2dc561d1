"""The command search: what of an index lies nearest to recordings."""

from __future__ import annotations

import functools
import json
import tempfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from ...data.corpus import Corpus
from ...data.stores.audio import stream_audio
from ...errors import RunError, did_you_mean, raise_all
from ...features.streaming import stream_feature
from ...runs.folder import RunFolder
from ...tasks.base import unseen
from ...tasks.modes import evaluating
from ...training.devices import as_device
from ...workflows.experiment import compute_features, features_of, recordings_of
from ...workflows.faiss_search import nearest_by_faiss
from ...workflows.index_file import Index, refuse_other_weights
from ..screen import console
from .index import embedding_run


@dataclass(frozen=True)
class Query:
    """What is searched for: vectors (M, D), and its number where it is in the index itself."""

    name: str
    vectors: Tensor
    number: int | None = None


def search(arguments: Namespace) -> int:
    """Print the nearest recordings of each query, one after another."""
    index = Index.load(arguments.index)
    queries = _queries(index, arguments)
    nearest = nearest_by_faiss if arguments.faiss else _nearest
    most = min(
        len(index.keys), arguments.top + 1
    )  # one more: the query may be among them
    scores, numbers = nearest(index.library, [query.vectors for query in queries], most)
    found = []
    for query, row, which in zip(
        queries, scores.tolist(), numbers.tolist(), strict=True
    ):
        results = [
            (k, score) for k, score in zip(which, row, strict=True) if k != query.number
        ][: arguments.top]
        found.append((query, results))
    if arguments.json:
        print(
            json.dumps(
                {
                    "index": arguments.index,
                    "queries": [_as_json(index, *one) for one in found],
                }
            )
        )
    else:
        for query, results in found:
            console().print(_table(index, query, results))
    return 0


def _nearest(library: Any, queries: list[Tensor], most: int) -> tuple[Tensor, Tensor]:
    """Scores and numbers (Q, most) of the nearest recordings, best first; exact."""
    rows = [library.scores([query])[0].topk(most) for query in queries]
    return torch.stack([row.values for row in rows]), torch.stack(
        [row.indices for row in rows]
    )


def _queries(index: Index, arguments: Namespace) -> list[Query]:
    """Keys of the index need nothing but it; audio files and keys of --data are embedded by the run."""
    numbers = {key: number for number, key in enumerate(index.keys)}
    others = [name for name in arguments.queries if name not in numbers]
    if others:
        made = _embedded(index, others, arguments)
    else:
        made = {}
    return [
        Query(name, index.library.query(numbers[name]), numbers[name])
        if name in numbers
        else Query(name, made[name])
        for name in arguments.queries
    ]


def _embedded(
    index: Index, names: list[str], arguments: Namespace
) -> dict[str, Tensor]:
    if arguments.data:
        corpus = Corpus.open(arguments.data)
    else:
        corpus = None
    if corpus:
        in_corpus = {item.key for item in corpus.recordings}
    else:
        in_corpus = set()
    for name in names:
        if name not in in_corpus and not Path(name).is_file():
            raise _unknown(name, [*index.keys, *in_corpus])
    run = RunFolder.open(arguments.run_folder or index.run)
    refuse_other_weights(index, run, arguments.index)
    experiment, task = embedding_run(run)
    model = experiment.model.to(as_device(arguments.device))
    made = {}
    with evaluating(model), tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            if corpus is not None and name in in_corpus:
                cache = features_of(experiment.feature, arguments.cache)
                items = [
                    item
                    for item in recordings_of(corpus, experiment.feature)
                    if item.key == name
                ]
                raise_all(compute_features(items, cache, 1, lambda *_: None)[1])
                feature = cache.open(name)
            else:
                file = Path(folder) / f"{number}.safetensors"
                feature = stream_feature(
                    functools.partial(stream_audio, name),
                    file,
                    experiment.feature,
                    unseen,
                )
            made[name] = task.embedded(model, feature)[0]
    return made


def _unknown(name: str, known: list[str]) -> RunError:
    help = (
        did_you_mean(name, known)
        or "give a key of the index, a key of the corpus in --data, or an audio file"
    )
    return RunError(
        f"'{name}' is neither a key nor an audio file", code="E633", help=help
    )


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
    if query.number is None:
        title = query.name
    else:
        title = f"{query.name}: {index.titles[query.number]}"
    if query.number is None:
        work = None
    else:
        work = index.works[query.number]
    table = Table(title=title, title_justify="left")
    for name in ("rank", "score"):
        table.add_column(name, justify="right")
    table.add_column("key")
    table.add_column("title")
    for rank, (k, score) in enumerate(results, 1):
        same = work is not None and index.works[k] == work
        if same:
            style = "bold green"
        else:
            style = None
        table.add_row(
            str(rank), f"{score:.3f}", index.keys[k], index.titles[k], style=style
        )
    return table
