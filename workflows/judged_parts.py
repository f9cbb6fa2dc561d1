"""Parts of an evaluation: judged in this process, or by the workers of a machine or a cluster."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..data.shards import Shard
from ..data.workers import in_workers
from ..errors import DataError, RunError
from ..features.cache import FeatureCache
from ..runs.folder import RunFolder
from ..tasks.base import Figures, OnTrack, Task
from ..training.devices import as_device
from .experiment import Experiment, compute_features, features_of, recordings_of
from .index_file import weights_hash
from .loading import load_run
from .parts import move
from .progress import Progress
from .raw_corpus import open_corpus
from .run_on_corpus import Options, RunOnCorpus, features_for

# A worker gets a few tracks at a time, so that none waits for another that has many.
MOST_TRACKS = 16
FEWEST_PARTS = 64


def refuse_indivisible(task: Task, option: str) -> None:
    """Raise RunError E638 where a task judges all recordings together."""
    if task.divisible:
        return
    raise RunError(
        f"{option} divides the tracks, and the task '{task.name}' judges all of them together",
        code="E638",
        help=f"leave {option} out; `mirbricks data extract ... --backend` and `--shard` divide the features",
    )


def judged_by_workers(
    one: RunOnCorpus, data: str | Path, options: Options, progress: Progress
) -> tuple[dict[str, Figures], list[DataError]]:
    """The figures of every track, by workers, and what is wrong with the recordings that could not be used.

    Raises RunError E638 for a task that cannot, DataError E456, E468 as `in_workers`.
    """
    refuse_indivisible(one.task, "--backend")
    whole = one.whole()
    parts, failed = judged_part(one, whole, data, options, progress)
    tracks = one.task.joined(parts, one.task.tracks(one.items), one.settings.tuned)
    return tracks, failed


def judged_part(
    one: RunOnCorpus,
    part: Sequence[Any],
    data: str | Path,
    options: Options,
    progress: Progress,
) -> tuple[dict[str, Figures], list[DataError]]:
    """What a part of `RunOnCorpus.whole` adds, by key, and what is wrong with its recordings.

    With a backend its workers judge, without one this process does.
    """
    cache, items, failed = features_for(one, part, options, progress)
    usable = {item.key for item in items}
    own = [item for item in part if item.key in usable]
    with progress.counting(f"evaluating {one.run.path.name}", len(own)) as on_done:
        if options.backend is None:
            move(one.experiment, as_device(options.device))
            found = _judged_here(one, items, cache, on_done)
        else:
            found = {}
            for some in _by_workers(one, own, data, options):
                found |= some
                for key in some:
                    on_done(key)
    return found, failed


def _judged_here(
    one: RunOnCorpus, items: Sequence[Any], cache: FeatureCache, on_done: OnTrack
) -> dict[str, Figures]:
    return one.task.judged_part(
        one.experiment.model, items, cache, one.settings.tuned, on_done
    )


def _by_workers(
    one: RunOnCorpus, own: Sequence[Any], data: str | Path, options: Options
) -> Iterator[dict[str, Figures]]:
    """What some tracks after others add, as workers have judged them."""
    assert options.backend is not None
    corpus = Path(data)
    described = Described(
        str(one.run.path),
        one.overrides,
        str(data),
        options.cache,
        options.device,
        weights_hash(one.run),
        max(path.stat().st_mtime_ns for path in corpus.iterdir()),
    )
    size = max(1, min(MOST_TRACKS, len(own) // FEWEST_PARTS))
    n_parts = -(-len(own) // size)
    given = (
        (described, [item.key for item in Shard(number, n_parts).part(own)])
        for number in range(1, n_parts + 1)
    )
    yield from in_workers(
        judge,
        given,
        options.jobs,
        what="judges tracks",
        help="run again, features stay where they are; --jobs 1 needs the least memory",
        backend=options.backend,
    )


class Described(NamedTuple):
    """All that a worker needs to open a run and a corpus, and to see whether it has them open already."""

    run: str
    overrides: tuple[str, ...]
    data: str
    cache: str | None
    device: str
    weights: str
    changed_ns: int


def judge(described: Described, keys: Sequence[str]) -> dict[str, Figures]:
    """What the recordings of these keys add; a worker keeps the run and the corpus open for the next ones."""
    opened = _opened(described)
    judged = [opened.by_key[key] for key in keys]
    items = opened.task.read_with(judged, list(opened.by_key.values()))
    # They are computed already; some features know only what they have been asked for.
    compute_features(items, opened.cache, 1, lambda *_: None)
    return opened.task.judged_part(
        opened.experiment.model, items, opened.cache, opened.tuned
    )


class _Opened(NamedTuple):
    experiment: Experiment
    tuned: dict[str, Any]
    by_key: dict[str, Any]
    cache: FeatureCache

    @property
    def task(self) -> Task:
        return self.experiment.task


@functools.lru_cache(maxsize=1)
def _opened(described: Described) -> _Opened:
    experiment, settings = load_run(RunFolder.open(described.run), described.overrides)
    recordings = recordings_of(
        open_corpus(described.data), experiment.feature, experiment.task
    )
    move(experiment, as_device(described.device))
    return _Opened(
        experiment,
        settings.tuned,
        {item.key: item for item in recordings},
        features_of(experiment.feature, described.cache),
    )
