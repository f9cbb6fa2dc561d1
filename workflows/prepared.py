"""What a training needs before its first step: a corpus with its features, and every reason to refuse it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus
from ..data.splitting.splits import Split
from ..errors import DataError
from ..features.cache import FeatureCache
from ..runs.folder import RunFolder
from .experiment import (
    Experiment,
    compute_features,
    features_of,
    items_of,
    recordings_of,
    split_corpus,
)
from .mixed_down import note_mixed_down
from .more_corpora import not_judged
from .progress import Progress
from .short_recordings import note_short
from .spoilt import without_spoilt


@dataclass(frozen=True)
class Prepared:
    """A corpus whose features are in the cache.

    failed  the recordings that could not be used
    also    further corpora, and `more` their recordings, which only train
    """

    corpus: Corpus
    items: list[Any]
    cache: FeatureCache
    failed: list[DataError]
    also: list[Corpus]
    more: list[Any]


def prepare(
    experiment: Experiment,
    corpus: Corpus,
    also: list[Corpus],
    more: Sequence[Any],
    *,
    cache: str | None,
    jobs: int,
    progress: Progress,
) -> Prepared:
    """Fill the feature cache; recordings that cannot be used are reported and left out."""
    features = features_of(experiment.feature, cache)
    # One bar for all corpora: the user waits for the sum.
    own = recordings_of(corpus, experiment.feature, experiment.task)
    wanted = [*own, *more]
    note_mixed_down(experiment.feature, wanted, progress)
    with progress.counting("features", len(wanted)) as on_done:
        usable, failed = compute_features(wanted, features, jobs, on_done)
    usable = without_spoilt(experiment.task, wanted, usable, progress)
    note_short(experiment.task, usable, features, progress)
    # Apart again: further corpora only train, and no side is chosen among them.
    keys = {item.key for item in own}
    return Prepared(
        corpus,
        [item for item in usable if item.key in keys],
        features,
        failed,
        also,
        [item for item in usable if item.key not in keys],
    )


def choosing(split: Split) -> tuple[str, ...]:
    """The groups that weights and thresholds are chosen on.

    Without validation they are those learned from: after the last step only, so that nothing but thresholds is chosen.
    """
    return split.valid or split.train


def refuse_early(
    experiment: Experiment, corpus: Corpus, more: Sequence[Any], fold: int | None
) -> None:
    """Raise now, before features are computed, what would stop the training of a fold later."""
    split = split_corpus(corpus, experiment.dataset, fold)
    task = experiment.task
    recordings = recordings_of(corpus, experiment.feature, task)
    sides = []
    for groups in (split.train, split.valid, split.test):
        if groups:
            sides.append(items_of(recordings, groups))
    # A bad annotation of any side would end the work hours later.
    for side in sides:
        for track in task.tracks(side):
            task.truth(track)
    judged = [item for side in sides[1:] for item in side]
    task.check_recordings([*sides[0], *not_judged(more, split)], judged)


def refuse_taken(out: Path, resume: bool) -> None:
    """Raise what `out` would raise when the training begins: another training, or the user's own files."""
    try:
        there = out.exists()
    except OSError:  # `create` reports why
        there = True
    if not there:
        return
    run = RunFolder.create(out)
    # The lock first: a training that still runs must not be reported as one that stopped.
    with run.locked():
        run.state_to_resume(resume)
