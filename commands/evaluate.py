"""The command evaluate: a run on a corpus, or all folds of one together."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus, Item
from ..data.reading import unreadable
from ..devices import as_device
from ..errors import DataError
from ..experiment import Experiment, compute_features, features_of, items_of, load_experiment, recordings_of
from ..features.cache import FeatureCache
from ..runs import RESOLVED, RunFolder
from ..tasks.base import Evaluation, Figures
from .screen import console, counting, markdown_of, table_of
from .settings import RunSettings, read_settings


def evaluate(arguments: Namespace) -> int:
    """Evaluate a run, or each fold on its own test pieces; prints a table, a JSON object or Markdown."""
    corpus = Corpus.open(arguments.data)
    runs = find_runs(arguments.folder)
    tracks: dict[str, Figures] = {}
    failed: list[DataError] = []
    for run in runs:
        experiment, settings = load_run(run)
        items = _items(corpus, recordings_of(corpus, experiment.feature), settings, arguments.split, run)
        cache, items, broken = _features(experiment, items, arguments)
        failed += broken
        model = experiment.model.to(as_device(arguments.device))
        with counting(f"evaluating {run.path.name}", len(items), show=_talks(arguments)) as on_done:
            figures = experiment.task.evaluate(model, items, cache, settings.tuned, on_done).tracks
        _refuse_twice(tracks, figures, run)
        tracks |= figures
    tracks = dict(sorted(tracks.items()))
    _print(experiment, corpus, Evaluation(experiment.task.pooled(tracks), tracks), arguments)
    return 1 if failed else 0


def _refuse_twice(known: dict[str, Any], new: dict[str, Any], run: RunFolder) -> None:
    """Folds together give one figure per track: each must be on the test side of one fold only."""
    both = sorted(known.keys() & new.keys())
    if both:
        message = f"several folds would score '{both[0]}': together they only score their own test pieces"
        raise DataError(message, code="E442", help=f"evaluate one of them, such as '{run.path}'")


def find_runs(folder: str | Path) -> list[RunFolder]:
    """The run in a folder, or the runs fold0, fold1, ... in it, by number."""
    path = Path(folder)
    try:
        inside = list(path.iterdir()) if path.is_dir() and not RunFolder(path).is_run() else []
    except OSError as error:
        raise unreadable(path, error) from error
    named = [one for one in inside if one.name.startswith("fold") and one.name[4:].isdecimal() and one.is_dir()]
    folds = {int(one.name[4:]): one for one in named}
    return [RunFolder.open(folds[number]) for number in sorted(folds)] or [RunFolder.open(path)]


def load_run(run: RunFolder) -> tuple[Experiment, RunSettings]:
    """The experiment of a run with its best weights, in eval() mode, and its settings.

    Raises `RunError` where the training has not ended (it has no threshold yet) or a file is missing or damaged.
    """
    experiment = load_experiment(run.file(RESOLVED))
    settings = read_settings(run, experiment.task)
    run.load_weights(experiment.model)
    experiment.model.eval()
    return experiment, settings


def _items(corpus: Corpus, recordings: Sequence[Item], settings: RunSettings, given: Any, run: RunFolder) -> list[Item]:
    """What to evaluate on: the run's test side of its own corpus, everything of another, or what --split says."""
    own = settings.is_of(corpus)
    if not own and not given and settings.corpus == corpus.name:
        note = f"note: '{corpus.name}' has other recordings than '{run.path}' was trained on; all of them are evaluated"
        print(note, file=sys.stderr)
    side = given or (settings.evaluated_on if own else "all")
    if side == "all":
        return list(recordings)
    items = items_of(recordings, settings.split.get(side, ())) if own else _annotated(recordings, side)
    if not items:
        message = f"the {side} side of '{corpus.name}' is empty for the run '{run.path}'"
        raise DataError(message, code="E443", help="choose another --split, or all")
    return items


def _annotated(recordings: Sequence[Item], side: str) -> list[Item]:
    return [item for item in recordings if item.entry.first("split") == side]


def _features(
    experiment: Experiment, items: Sequence[Item], arguments: Namespace
) -> tuple[FeatureCache, list[Item], list[DataError]]:
    """Features of the tracks only: stems are not needed here."""
    cache = features_of(experiment.feature, arguments.cache)
    wanted = experiment.task.tracks(items)
    for item in wanted:
        experiment.task.truth(item)  # a bad annotation is told before features are computed
    with counting("features", len(wanted), show=_talks(arguments)) as on_done:
        usable, failed = compute_features(wanted, cache, arguments.jobs, on_done)
    return cache, usable, failed


def _talks(arguments: Namespace) -> bool:
    """Whether standard output is for people."""
    return not (arguments.json or arguments.markdown)


def _print(experiment: Experiment, corpus: Corpus, found: Evaluation, arguments: Namespace) -> None:
    headline = experiment.task.headline
    if arguments.json:
        listed = {"task": experiment.task.name, "data": corpus.name, "n_tracks": len(found.tracks)}
        print(json.dumps({**listed, "figures": found.figures, "tracks": found.tracks}))
    elif arguments.markdown:
        print(markdown_of(found, headline))
    else:
        console().print(table_of(f"{experiment.graph.name} on {corpus.name}", found, headline))
