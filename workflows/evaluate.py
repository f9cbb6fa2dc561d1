"""Evaluation: a run on a corpus, or all folds of one together, each on its own test pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data.corpus import Corpus
from ..errors import DataError
from ..runs.folder import RunFolder
from ..tasks.base import Evaluation, Figures, Task
from ..training.devices import as_device
from .judged_parts import judged_by_workers
from .labels import note_missing
from .parts import move
from .progress import Progress
from .raw_corpus import open_corpus
from .references import refer
from .run_on_corpus import (
    Options,
    RunOnCorpus,
    features_for,
    refuse_other_sets,
    runs_on,
)


@dataclass(frozen=True)
class Evaluated:
    """The figures of a run, or of all its folds, on a corpus.

    side    what was evaluated: test, valid, train, all, or a value of the corpus's own split
    failed  recordings that could not be used
    """

    evaluation: Evaluation
    graph_name: str
    task: Task
    corpus: Corpus
    side: str
    failed: list[DataError]


def evaluate(
    folder: str | Path,
    data: str | Path,
    options: Options,
    progress: Progress,
    weights: Mapping[str, Tensor] | None = None,
) -> Evaluated:
    """Evaluate a run, or each fold on its own test pieces, track by track; `weights` take the place of the run's."""
    refuse_other_sets(options.overrides)
    corpus = open_corpus(str(data))
    together = Together(corpus)
    for one in runs_on(folder, corpus, options, progress):
        if options.backend is None:
            tracks, failed = _judged(one, options, progress, weights)
        else:
            tracks, failed = judged_by_workers(one, data, options, progress)
        together.add(one, tracks, failed)
    return together.evaluated(progress)


def _judged(
    one: RunOnCorpus,
    options: Options,
    progress: Progress,
    weights: Mapping[str, Tensor] | None,
) -> tuple[dict[str, Figures], list[DataError]]:
    """The figures of every track, and what is wrong with the recordings that could not be used."""
    tracks = one.task.tracks(one.items)
    cache, items, failed = features_for(one, tracks, options, progress)
    # A retrieval task ranks each query among the whole corpus, not among the test side.
    refer(one.task, one.recordings, cache, options.jobs, progress)
    model = one.experiment.model
    # `Model.evaluate` judges the weights as they are now, which the user may have changed.
    if weights is not None:
        model.load_state_dict(weights)
    move(one.experiment, as_device(options.device))
    n_tracks = len(one.task.tracks(items))
    with progress.counting(f"evaluating {one.run.path.name}", n_tracks) as on_done:
        found = one.task.evaluate(model, items, cache, one.settings.tuned, on_done)
    return found.tracks, failed


class Together:
    """The tracks of all folds, as they come."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.tracks: dict[str, Figures] = {}
        self.failed: list[DataError] = []
        self._last: RunOnCorpus | None = None

    def add(
        self,
        one: RunOnCorpus,
        tracks: Mapping[str, Figures],
        failed: Sequence[DataError],
    ) -> None:
        """The tracks of one fold. Raises DataError E442 where another has judged one of them."""
        _refuse_twice(self.tracks, tracks, one.run)
        self.tracks |= tracks
        self.failed += failed
        self._last = one

    def evaluated(self, progress: Progress) -> Evaluated:
        """The figures of all tracks."""
        assert self._last is not None  # `find_runs` finds one at least
        task = self._last.task
        # Only all folds together can lack a label; a single fold often does.
        note_missing(self._last.settings.tuned, self.tracks, progress)
        # In one order, so that the sums of the pooled figures do not depend on the folds' order.
        tracks = dict(sorted(self.tracks.items()))
        return Evaluated(
            Evaluation(task.pooled(tracks), tracks),
            self._last.experiment.graph.name,
            task,
            self.corpus,
            self._last.side,
            self.failed,
        )


def _refuse_twice(
    known: Mapping[str, Any], new: Mapping[str, Any], run: RunFolder
) -> None:
    """Folds together give one figure per track: each must be on the test side of one fold only."""
    both = sorted(known.keys() & new.keys())
    if both:
        raise DataError(
            f"several folds would evaluate '{both[0]}': together each evaluates only its own test pieces",
            code="E442",
            help=f"evaluate one of them, such as '{run.path}'",
        )
