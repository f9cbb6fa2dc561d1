"""Indexing: the vectors of every recording of a corpus, in one file to be searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus
from ..errors import DataError, RunError
from ..runs.folder import RunFolder
from ..tasks.covers import CoverSongs, Library
from ..tasks.covers.pictures import title_of
from ..training.devices import as_device
from .compressed import Compressed, recall
from .experiment import Experiment, compute_features, features_of, recordings_of
from .faiss_search import faiss_library
from .index_file import Index, weights_hash
from .loading import load_run
from .mixed_down import note_mixed_down
from .new_file import refuse_existing
from .parts import move
from .progress import Progress

RECALLS = (
    1,
    10,
)  # nearest recordings that the recall of a compressed index is reported of


@dataclass(frozen=True)
class Indexed:
    """What was written: the index, and the recordings that could not be used.

    recall  of a compressed index: the share of the exact search's nearest that it finds, by how many are asked for
    """

    index: Index
    failed: list[DataError]
    recall: dict[int, float] = field(default_factory=dict)


def index(
    folder: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    compress: int | None = None,
    cache: str | None,
    jobs: int,
    device: str,
    progress: Progress,
) -> Indexed:
    """Embed the recordings of a corpus; those that cannot be used are reported and left out.

    `compress` keeps so many bytes of each vector (IVF-PQ), and measures what is lost.
    Raises GraphError E191 where `out` already exists, RunError E632 where nothing can be embedded, and as
    `Compressed.of`.
    """
    # What cannot be written is refused before hours of computing.
    refuse_existing(out)
    if compress is not None:
        faiss_library()
    run = RunFolder.open(folder)
    experiment, task = embedding_run(run)
    corpus = Corpus.open(data)
    recordings = recordings_of(corpus, experiment.feature)
    # A stem is not a version of its song, and would be found as one.
    wholes = [item for item in recordings if item.stem_of is None]
    features = features_of(experiment.feature, cache)
    note_mixed_down(experiment.feature, wholes, progress)
    with progress.counting("features", len(wholes)) as on_done:
        items, failed = compute_features(wholes, features, jobs, on_done)
    if not items:
        raise RunError(
            f"no recording of '{corpus.name}' can be indexed",
            code="E632",
            help="stems are left out; `mirbricks data check` reports what is wrong",
        )
    move(experiment, as_device(device))
    model = experiment.model
    with progress.counting("embedding", len(items)) as on_done:
        exact = task.library(model, items, features, on_done)
    library: Library | Compressed = exact
    found = {}
    if compress is not None:
        library = Compressed.of(exact, compress)
        found = {most: recall(library, exact, most) for most in RECALLS}
    # The hash of the weights goes in: vectors of other weights cannot be compared with these.
    made = Index(
        library,
        keys=tuple(item.key for item in items),
        titles=tuple(map(title_of, items)),
        works=tuple(_work(item, task) for item in items),
        run=str(folder),
        weights=weights_hash(run),
        corpus=corpus.name,
    )
    made.save(out)
    return Indexed(made, failed, found)


def _work(item: Any, task: CoverSongs) -> str | None:
    value = item.entry.first(task.config.annotation)
    if value is None:
        return None
    return str(value)


def embedding_run(run: RunFolder) -> tuple[Experiment, CoverSongs]:
    """The experiment of a run, and its task. Raises RunError E632 for a task without embeddings."""
    experiment, _ = load_run(run)
    if not isinstance(experiment.task, CoverSongs):
        message = f"the run '{run.path}' is of the task '{experiment.task.name}', which has no embeddings to search"
        raise RunError(message, code="E632", help="take a run of the task covers")
    return experiment, experiment.task
