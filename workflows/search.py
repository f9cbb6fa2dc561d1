"""Search: the recordings of an index that are nearest to others."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data.corpus import Corpus
from ..errors import RunError, did_you_mean, raise_all
from ..features.streaming import stream_feature
from ..runs.folder import RunFolder
from ..tasks.base import unseen
from ..tasks.covers.whitening import whitened_by
from ..tasks.modes import evaluating
from ..training.devices import as_device
from .compressed import Compressed, with_probes
from .experiment import compute_features, features_of, recordings_of
from .faiss_search import nearest_by_faiss
from .index import embedding_run
from .index_file import Index, refuse_other_weights, refuse_other_whitening
from .parts import move
from .predict import blocks_of_file


@dataclass(frozen=True)
class Query:
    """What is searched for: vectors (M, D), and its number where it is in the index itself."""

    name: str
    vectors: Tensor
    number: int | None = None


@dataclass(frozen=True)
class Options:
    """The options of a search, beside its index and its queries.

    data        a corpus whose recordings may be queries
    run_folder  the run that made the index; by default the folder that the index names
    top         how many results per query
    faiss       search by FAISS
    probes      lists of a compressed index to look into
    """

    data: str | None = None
    run_folder: str | None = None
    top: int = 10
    faiss: bool = False
    probes: int | None = None
    cache: str | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Found:
    """A query, and the numbers of the nearest recordings with their scores, best first."""

    query: Query
    results: list[tuple[int, float]]


def search(
    path: str, names: Sequence[str], options: Options
) -> tuple[Index, list[Found]]:
    """The nearest recordings of each query, by key of the index, key of the corpus, or audio file."""
    index = Index.load(path)
    queries = _queries(index, path, names, options)
    library = index.library
    by: Any = nearest
    if isinstance(library, Compressed):
        if options.probes is not None:
            library = with_probes(library, options.probes)
        by = Compressed.nearest
    elif options.probes is not None:
        raise RunError(
            f"the index '{path}' is searched whole, and has no lists to look into",
            code="E635",
            help="leave --probes out, or make the index with --compress",
        )
    elif options.faiss:
        by = nearest_by_faiss

    # One more than asked for: the query itself may be among them.
    most = min(len(index.keys), options.top + 1)
    scores, numbers = by(library, [query.vectors for query in queries], most)
    found = []
    rows = zip(queries, scores.tolist(), numbers.tolist(), strict=True)
    for query, row, which in rows:
        pairs = zip(which, row, strict=True)
        # A compressed index may look at fewer recordings than were asked for.
        others = [(k, score) for k, score in pairs if k not in (query.number, -1)]
        found.append(Found(query, others[: options.top]))
    return index, found


def nearest(
    library: Any, queries: Sequence[Tensor], most: int
) -> tuple[Tensor, Tensor]:
    """Scores and numbers (Q, most) of the nearest recordings, best first; exact."""
    rows = [library.scores([query])[0].topk(most) for query in queries]
    scores = torch.stack([row.values for row in rows])
    return scores, torch.stack([row.indices for row in rows])


def _queries(
    index: Index, path: str, names: Sequence[str], options: Options
) -> list[Query]:
    """Keys of the index need nothing but it; audio files and keys of a corpus are embedded by the run."""
    numbers = {key: number for number, key in enumerate(index.keys)}
    others = [name for name in names if name not in numbers]
    made = {}
    if others:
        made = _embedded(index, path, others, options)
    queries = []
    for name in names:
        if name in numbers:
            number = numbers[name]
            queries.append(Query(name, index.library.query(number), number))
        else:
            queries.append(Query(name, made[name]))
    return queries


def _embedded(
    index: Index, path: str, names: list[str], options: Options
) -> dict[str, Tensor]:
    corpus = Corpus.open(options.data) if options.data else None
    in_corpus = set()
    if corpus is not None:
        in_corpus = {item.key for item in corpus.recordings}
    for name in names:
        # A misspelt name is reported before the model is loaded, and with the names that are near.
        if name not in in_corpus and not Path(name).is_file():
            raise _unknown(name, [*index.keys, *in_corpus])
    run = RunFolder.open(options.run_folder or index.run)
    # Vectors of other weights lie in another space: their distances would look fine and mean nothing.
    refuse_other_weights(index, run, path)
    experiment, task = embedding_run(run)
    move(experiment, as_device(options.device))
    model = experiment.model
    refuse_other_whitening(index, model, path)
    made = {}
    # A query is seen as the collection was, also where it is not of it.
    whitened = whitened_by(model, index.library.whitening)
    with evaluating(model), whitened, tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            if corpus is not None and name in in_corpus:
                cache = features_of(experiment.feature, options.cache)
                recordings = recordings_of(corpus, experiment.feature)
                items = [item for item in recordings if item.key == name]
                raise_all(compute_features(items, cache, 1, lambda *_: None)[1])
                feature = cache.open(name)
            else:
                file = Path(folder) / f"{number}.safetensors"
                read = blocks_of_file(name, experiment.feature.audio_channels)
                feature = stream_feature(read, file, experiment.feature, unseen)
            made[name] = task.embedded(model, feature)[0]
    return made


def _unknown(name: str, known: list[str]) -> RunError:
    listing = "give a key of the index, a key of the corpus in --data, or an audio file"
    help = did_you_mean(name, known) or listing
    return RunError(
        f"'{name}' is neither a key nor an audio file", code="E633", help=help
    )
