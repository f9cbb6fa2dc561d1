"""The command evaluate: a run on a corpus, or all folds of one together."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.corpus import Corpus, Item
from ...data.stores.reading import unreadable
from ...errors import DataError, RunError
from ...features.cache import FeatureCache
from ...runs.folder import RESOLVED, RunFolder
from ...runs.json_numbers import finite
from ...runs.settings import RunSettings, read_settings
from ...tasks.base import Evaluation, Figures
from ...training.devices import as_device
from ...workflows.experiment import (
    Experiment,
    compute_features,
    features_of,
    load_experiment,
    recordings_of,
)
from ...workflows.labels import other_annotation, tell_missing
from ...workflows.raw_corpus import open_corpus
from ...workflows.references import refer
from ...workflows.short_recordings import note_short
from ...workflows.sides import side_of
from ...zoo import located
from ..screen import console, counting, markdown_of, table_of


def evaluate(arguments: Namespace) -> int:
    """Evaluate a run, or each fold on its own test pieces; prints a table, a JSON object or Markdown."""
    refuse_other_sets(arguments.set)
    corpus = open_corpus(arguments.data)
    runs = find_runs(arguments.folder)
    tracks: dict[str, Figures] = {}
    failed: list[DataError] = []
    for run in runs:
        experiment, settings = _load_for(run, corpus, arguments.set)
        recordings = recordings_of(corpus, experiment.feature, experiment.task)
        items = side_of(corpus, recordings, settings, arguments.split, run)
        cache, items, broken = _features(experiment, items, arguments)
        failed += broken
        refer(experiment.task, recordings, cache, arguments, _talks(arguments))
        model = experiment.model.to(as_device(arguments.device))
        with counting(
            f"evaluating {run.path.name}", len(items), show=_talks(arguments)
        ) as on_done:
            figures = experiment.task.evaluate(
                model, items, cache, settings.tuned, on_done
            ).tracks
        _refuse_twice(tracks, figures, run)
        if run is runs[-1]:
            tell_missing(settings.tuned, tracks | figures)
        tracks |= figures
    tracks = dict(sorted(tracks.items()))
    _print(
        experiment,
        corpus,
        Evaluation(experiment.task.pooled(tracks), tracks),
        arguments,
    )
    if failed:
        return 1
    return 0


def _refuse_twice(known: dict[str, Any], new: dict[str, Any], run: RunFolder) -> None:
    """Folds together give one figure per track: each must be on the test side of one fold only."""
    both = sorted(known.keys() & new.keys())
    if both:
        message = f"several folds would score '{both[0]}': together they only score their own test pieces"
        raise DataError(
            message, code="E442", help=f"evaluate one of them, such as '{run.path}'"
        )


def find_runs(folder: str | Path) -> list[RunFolder]:
    """The run in a folder, or the runs fold0, fold1, ... in it, by number."""
    path = located(folder)
    try:
        if path.is_dir() and not RunFolder(path).is_run():
            inside = list(path.iterdir())
        else:
            inside = []
    except OSError as error:
        raise unreadable(path, error) from error
    named = [
        one
        for one in inside
        if one.name.startswith("fold") and one.name[4:].isdecimal() and one.is_dir()
    ]
    folds = {int(one.name[4:]): one for one in named}
    return [RunFolder.open(folds[number]) for number in sorted(folds)] or [
        RunFolder.open(path)
    ]


def load_run(
    run: RunFolder, overrides: Sequence[str] = ()
) -> tuple[Experiment, RunSettings]:
    """The experiment of a run with its best weights, in eval() mode, and its settings.

    `overrides` are assignments such as "task.annotation=tags". Raises `RunError` where the training has not ended (it
    has no threshold yet) or a file is missing or damaged.
    """
    experiment = load_experiment(run.file(RESOLVED), overrides)
    settings = read_settings(run, experiment.task)
    run.load_weights(experiment.model)
    experiment.model.eval()
    return experiment, settings


def refuse_other_sets(overrides: Sequence[str]) -> None:
    """Layers and features are what the weights were trained with. Raises RunError E607 for anything but task.KEY."""
    for words in overrides:
        if not words.startswith("task."):
            message = f"--set {words}: of a trained model only settings of the section 'task' can be changed"
            raise RunError(
                message,
                code="E607",
                help="write --set task.KEY=VALUE, such as task.annotation=tags",
            )


def _load_for(
    run: RunFolder, corpus: Corpus, overrides: Sequence[str]
) -> tuple[Experiment, RunSettings]:
    """The run, with the name that this corpus has for its labels."""
    experiment, settings = load_run(run, overrides)
    name = other_annotation(corpus.recordings, experiment.task, settings.tuned)
    if name is None:
        return experiment, settings
    own = getattr(experiment.task.config, "annotation", "")
    print(
        f"note: '{corpus.name}' has no '{own}'; its '{name}' holds labels of the model and is used",
        file=sys.stderr,
    )
    return load_run(run, [*overrides, f"task.annotation={name}"])


def _features(
    experiment: Experiment, items: Sequence[Item], arguments: Namespace
) -> tuple[FeatureCache, list[Item], list[DataError]]:
    """Features of the tracks only: stems are not needed here."""
    cache = features_of(experiment.feature, arguments.cache)
    wanted = experiment.task.tracks(items)
    for item in wanted:
        experiment.task.truth(
            item
        )  # a bad annotation is told before features are computed
    with counting("features", len(wanted), show=_talks(arguments)) as on_done:
        usable, failed = compute_features(wanted, cache, arguments.jobs, on_done)
    note_short(experiment.task, usable, cache)
    return cache, usable, failed


def _talks(arguments: Namespace) -> bool:
    """Whether standard output is for people."""
    return not (arguments.json or arguments.markdown)


def _print(
    experiment: Experiment, corpus: Corpus, found: Evaluation, arguments: Namespace
) -> None:
    headline = experiment.task.headline
    if arguments.json:
        listed = {
            "task": experiment.task.name,
            "data": corpus.name,
            "n_tracks": len(found.tracks),
        }
        undefined = [
            name for name, value in found.figures.items() if finite(value) is None
        ]
        if undefined:
            print(
                f"note: undefined on these tracks, and null: {', '.join(undefined)}",
                file=sys.stderr,
            )
        print(
            json.dumps(
                finite({**listed, "figures": found.figures, "tracks": found.tracks}),
                allow_nan=False,
            )
        )
    elif arguments.markdown:
        print(markdown_of(found, headline))
    else:
        console().print(
            table_of(f"{experiment.graph.name} on {corpus.name}", found, headline)
        )
