"""Evaluation: a run on a corpus, or all folds of one together, each on its own test pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data.corpus import Corpus, Item
from ..errors import DataError, RunError
from ..features.cache import FeatureCache
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from ..tasks.base import Evaluation, Figures, Task
from ..training.devices import as_device
from .experiment import Experiment, compute_features, features_of, recordings_of
from .labels import note_missing, other_annotation
from .loading import find_runs, load_run
from .mixed_down import note_mixed_down
from .parts import move
from .progress import Progress
from .raw_corpus import open_corpus
from .references import refer
from .short_recordings import note_short
from .sides import side_of
from .spoilt import without_spoilt


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


@dataclass(frozen=True)
class Options:
    """The options of an evaluation, beside its run and its corpus; see `mirbricks.evaluate`."""

    split: str | None = None
    overrides: tuple[str, ...] = ()
    cache: str | None = None
    jobs: int = -1
    device: str = "cpu"


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
    runs = find_runs(folder)
    tracks: dict[str, Figures] = {}
    failed: list[DataError] = []
    for run in runs:
        experiment, settings = _load_for(run, corpus, options.overrides, progress)
        recordings = recordings_of(corpus, experiment.feature, experiment.task)
        # The folds share their feature, and the user needs to know once.
        if run is runs[0]:
            note_mixed_down(experiment.feature, recordings, progress)
        side, items = side_of(
            corpus, recordings, settings, options.split, run, progress
        )
        cache, items, broken = _features(experiment, items, options, progress)
        failed += broken
        # A retrieval task ranks each query among the whole corpus, not among the test side.
        refer(experiment.task, recordings, cache, options.jobs, progress)
        # `Model.evaluate` judges the weights as they are now, which the user may have changed.
        if weights is not None:
            experiment.model.load_state_dict(weights)
        move(experiment, as_device(options.device))
        model = experiment.model
        n_tracks = len(experiment.task.tracks(items))
        with progress.counting(f"evaluating {run.path.name}", n_tracks) as on_done:
            found = experiment.task.evaluate(
                model, items, cache, settings.tuned, on_done
            )

        _refuse_twice(tracks, found.tracks, run)
        # Only all folds together can lack a label; a single fold often does.
        if run is runs[-1]:
            note_missing(settings.tuned, tracks | found.tracks, progress)
        tracks |= found.tracks
    # In one order, so that the sums of the pooled figures do not depend on the folds' order.
    tracks = dict(sorted(tracks.items()))
    evaluation = Evaluation(experiment.task.pooled(tracks), tracks)
    name = experiment.graph.name
    return Evaluated(evaluation, name, experiment.task, corpus, side, failed)


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


def _refuse_twice(known: dict[str, Any], new: dict[str, Any], run: RunFolder) -> None:
    """Folds together give one figure per track: each must be on the test side of one fold only."""
    both = sorted(known.keys() & new.keys())
    if both:
        raise DataError(
            f"several folds would evaluate '{both[0]}': together each evaluates only its own test pieces",
            code="E442",
            help=f"evaluate one of them, such as '{run.path}'",
        )


def _load_for(
    run: RunFolder, corpus: Corpus, overrides: Sequence[str], progress: Progress
) -> tuple[Experiment, RunSettings]:
    """The run, with the name that this corpus has for its labels."""
    experiment, settings = load_run(run, overrides)
    refuse_settings_of_training(experiment.task, overrides)
    # Corpora of other origin often hold the same labels under another name.
    name = other_annotation(corpus.recordings, experiment.task, settings.tuned)
    if name is None:
        return experiment, settings
    own = getattr(experiment.task.config, "annotation", "")
    progress.note(
        f"'{corpus.name}' has no '{own}'; its '{name}' holds labels of the model and is used"
    )
    return load_run(run, [*overrides, f"task.annotation={name}"])


def _features(
    experiment: Experiment, items: Sequence[Item], options: Options, progress: Progress
) -> tuple[FeatureCache, list[Item], list[DataError]]:
    """Features of the tracks, and of what they are judged with: most tasks need no stems here."""
    cache = features_of(experiment.feature, options.cache)
    tracks = experiment.task.tracks(items)
    # A bad annotation is reported now, and not after hours of computing features.
    for item in tracks:
        experiment.task.truth(item)
    wanted = experiment.task.read_with(tracks, items)
    with progress.counting("features", len(wanted)) as on_done:
        usable, failed = compute_features(wanted, cache, options.jobs, on_done)
    usable = without_spoilt(experiment.task, wanted, usable, progress)
    note_short(experiment.task, usable, cache, progress)
    return cache, usable, failed
