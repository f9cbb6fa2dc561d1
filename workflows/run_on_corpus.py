"""A run with what of a corpus it is to be judged on, and the features that this takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus, Item
from ..data.workers import Backend
from ..errors import DataError, RunError
from ..features.cache import FeatureCache
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from ..tasks.base import Task
from .experiment import Experiment, compute_features, features_of, recordings_of
from .labels import other_annotation
from .loading import find_runs, load_run
from .mixed_down import note_mixed_down
from .progress import Progress
from .short_recordings import note_short
from .sides import side_of
from .spoilt import without_spoilt


@dataclass(frozen=True)
class Options:
    """The options of an evaluation, beside its run and its corpus; see `mirbricks.evaluate`.

    backend  whose workers judge the tracks; None: this process does
    """

    split: str | None = None
    overrides: tuple[str, ...] = ()
    cache: str | None = None
    jobs: int = -1
    device: str = "cpu"
    backend: Backend | None = None


@dataclass(frozen=True)
class RunOnCorpus:
    """A run and what of a corpus it is to be judged on.

    overrides   settings of the task, with the name that this corpus has for its labels
    recordings  all of the corpus, as the task reads them
    side        what is evaluated, in a word, and `items` its recordings, stems included
    """

    run: RunFolder
    experiment: Experiment
    settings: RunSettings
    overrides: tuple[str, ...]
    recordings: Sequence[Any]
    side: str
    items: list[Any]

    @property
    def task(self) -> Task:
        return self.experiment.task

    def whole(self) -> list[Any]:
        """The recordings that parts of the evaluation are made of. Raises what the task raises of its tracks."""
        # Stems are no candidates: a song's own stem would be its nearest neighbour.
        others = [item for item in self.recordings if item.stem_of is None]
        return self.task.divided(self.task.tracks(self.items), others)


def runs_on(
    folder: str | Path, corpus: Corpus, options: Options, progress: Progress
) -> Iterator[RunOnCorpus]:
    """The run, or one fold after the other, each with the recordings that it is judged on.

    Raises RunError E600 to E610 for the run, DataError E443 where there is nothing to be judged.
    """
    for number, run in enumerate(find_runs(folder)):
        experiment, settings, overrides = _load_for(
            run, corpus, options.overrides, progress
        )
        recordings = recordings_of(corpus, experiment.feature, experiment.task)
        # The folds share their feature, and the user needs to know once.
        if number == 0:
            note_mixed_down(experiment.feature, recordings, progress)
        side, items = side_of(
            corpus, recordings, settings, options.split, run, progress
        )
        yield RunOnCorpus(run, experiment, settings, overrides, recordings, side, items)


def refuse_other_sets(overrides: Sequence[str]) -> None:
    """Raise E607 for an override of anything but task.KEY: weights fit the layers and features of their training."""
    for words in overrides:
        if not words.startswith("task."):
            raise RunError(
                f"'{words}' cannot be set: of a trained model only settings of the section 'task' can be changed",
                code="E607",
                help="set task.KEY=VALUE, such as task.annotation=tags",
            )


def refuse_settings_of_training(task: Task, overrides: Sequence[str]) -> None:
    """Raise E607 for an override of a setting that only acts while a model is trained: it would change nothing."""
    for words in overrides:
        field = words.removeprefix("task.").partition("=")[0].partition(".")[0].strip()
        if field in task.parts:
            raise RunError(
                f"'{words}' cannot be set: a trained model keeps the model that it was trained with as '{field}'",
                code="E607",
                help=f"leave it out, or train with it: mirbricks train ... --set {words}",
            )
        if field in task.of_training:
            raise RunError(
                f"'{words}' cannot be set: '{field}' acts in training only, and changes no figure of a trained model",
                code="E607",
                help=f"leave it out, or train with it: mirbricks train ... --set {words}",
            )


def _load_for(
    run: RunFolder, corpus: Corpus, overrides: Sequence[str], progress: Progress
) -> tuple[Experiment, RunSettings, tuple[str, ...]]:
    """The run and its overrides, with the name that this corpus has for its labels."""
    experiment, settings = load_run(run, overrides)
    refuse_settings_of_training(experiment.task, overrides)
    # Corpora of other origin often hold the same labels under another name.
    name = other_annotation(corpus.recordings, experiment.task, settings.tuned)
    if name is None:
        return experiment, settings, tuple(overrides)
    own = getattr(experiment.task.config, "annotation", "")
    progress.note(
        f"'{corpus.name}' has no '{own}'; its '{name}' holds labels of the model and is used"
    )
    renamed = (*overrides, f"task.annotation={name}")
    return *load_run(run, renamed), renamed


def features_for(
    one: RunOnCorpus, judged: Sequence[Any], options: Options, progress: Progress
) -> tuple[FeatureCache, list[Item], list[DataError]]:
    """Features of recordings, and of what they are judged with: most tasks need no stems here."""
    cache = features_of(one.experiment.feature, options.cache)
    # A bad annotation is reported now, and not after hours of computing features.
    tracks = {item.key for item in one.task.tracks(one.items)}
    for item in judged:
        if item.key in tracks:
            one.task.truth(item)
    wanted = one.task.read_with(judged, one.items)
    with progress.counting("features", len(wanted)) as on_done:
        usable, failed = compute_features(
            wanted, cache, options.jobs, on_done, options.backend or "loky"
        )
    usable = without_spoilt(one.task, wanted, usable, progress, judged)
    keys = {item.key for item in usable}
    own = [item for item in judged if item.key in keys]
    note_short(one.task, usable, cache, progress, own)
    return cache, usable, failed
