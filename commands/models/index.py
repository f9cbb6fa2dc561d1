"""The command index: the vectors of every recording of a corpus, in one file to be searched."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ...data.corpus import Corpus
from ...errors import RunError
from ...runs.folder import RunFolder
from ...tasks.covers import CoverSongs
from ...tasks.covers.pictures import title_of
from ...training.devices import as_device
from ...workflows.experiment import (
    Experiment,
    compute_features,
    features_of,
    recordings_of,
)
from ...workflows.index_file import Index, weights_hash
from ...workflows.new_file import refuse_existing
from ..screen import counting, plural
from .evaluate import load_run


def index(arguments: Namespace) -> int:
    """Embed the recordings of --data and write --out; those that cannot be used are named and left out."""
    refuse_existing(arguments.out)
    run = RunFolder.open(arguments.folder)
    experiment, task = embedding_run(run)
    corpus = Corpus.open(arguments.data)
    recordings = [
        item
        for item in recordings_of(corpus, experiment.feature)
        if item.stem_of is None
    ]
    cache = features_of(experiment.feature, arguments.cache)
    with counting("features", len(recordings)) as on_done:
        items, failed = compute_features(recordings, cache, arguments.jobs, on_done)
    if not items:
        message = f"no recording of '{corpus.name}' can be indexed"
        raise RunError(
            message,
            code="E632",
            help="stems are left out; `mirbricks data check` says what is wrong",
        )
    model = experiment.model.to(as_device(arguments.device))
    with counting("embedding", len(items)) as on_done:
        library = task.library(model, items, cache, on_done)
    keys = tuple(item.key for item in items)
    titles = tuple(map(title_of, items))
    works = tuple(_work(item, task) for item in items)
    made = Index(
        library, keys, titles, works, arguments.folder, weights_hash(run), corpus.name
    )
    made.save(arguments.out)
    size = library.vectors.shape[-1]
    print(
        f"{arguments.out}: {plural(len(items), 'recording')} of '{corpus.name}', {size} numbers each"
    )
    if failed:
        return 1
    return 0


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
