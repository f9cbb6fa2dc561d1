"""The report of a run, and the command that makes it again."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus, Item
from ..errors import raise_all
from ..experiment import Experiment, cache_folder, compute_features
from ..features.cache import FeatureCache
from ..features.hcqt import HCQT
from ..runs import RESOLVED, RunFolder
from ..tasks.base import Evaluation
from .evaluate import find_runs, load_run
from .settings import read_settings

REPORT = "report.html"


def report(arguments: Namespace) -> int:
    """Write the report of every run in a folder once more."""
    corpus = Corpus.open(arguments.data)
    for run in find_runs(arguments.folder):
        experiment, settings = load_run(run)
        cache = FeatureCache(cache_folder(arguments.cache), experiment.feature)
        items = [corpus[key] for key in settings.tracks]
        raise_all(compute_features(items, cache, arguments.jobs, lambda *_: None)[1])
        print(write_run_report(run, experiment, Evaluation(settings.figures, settings.tracks), items, cache))
    return 0


def write_run_report(
    run: RunFolder, experiment: Experiment, evaluation: Evaluation, items: Sequence[Item], cache: FeatureCache
) -> Path:
    """Write RUN/report.html from what the run folder holds; returns its path."""
    from ..report.html import Report, write_report  # matplotlib takes a second to import

    settings = read_settings(run, experiment.task)
    fold = "the corpus's own split" if settings.fold is None else str(settings.fold)
    facts = {
        "corpus": f"{settings.corpus} ({settings.data})",
        "fold": fold,
        "evaluated on": f"the {settings.evaluated_on} tracks, whole: {', '.join(evaluation.tracks)}",
        "chosen on the validation tracks": ", ".join(f"{k} = {v:.3g}" for k, v in settings.tuned.items()),
        "best step": f"{settings.best_step} ({settings.stopped})",
        "training time": f"{settings.training_s:.0f} s",
    }
    report = Report(
        title=f"{experiment.graph.name} on {settings.corpus}",
        subtitle=f"multi-pitch estimation, fold: {fold}",
        command=settings.command,
        model=experiment.model,
        metrics=run.read_metrics(),
        figures=evaluation.figures,
        tracks=evaluation.tracks,
        pictures=_best_and_worst(experiment, settings.tuned, evaluation, items, cache),
        settings=run.read_text(RESOLVED),
        versions=settings.versions,
        facts=facts,
        hop_s=experiment.feature.hop_s,
    )
    path = run.path / REPORT
    write_report(report, path)
    return path


def _best_and_worst(
    experiment: Experiment,
    tuned: dict[str, float],
    evaluation: Evaluation,
    items: Sequence[Item],
    cache: FeatureCache,
) -> list[Any]:
    """The piano rolls of the tracks with the highest and the lowest Accuracy."""
    from ..report.html import Picture
    from ..report.pictures import piano_roll

    ranked = sorted(evaluation.tracks, key=lambda key: evaluation.tracks[key]["Accuracy"], reverse=True)
    by_key = {item.key: item for item in items}
    pitches_hz = HCQT(experiment.feature).frequencies_hz().numpy()
    pictures = []
    for label, key in dict(zip(("best", "worst"), (ranked[0], ranked[-1]), strict=True)).items():
        found = experiment.task.predict(experiment.model, cache.open(key), tuned)
        truth = experiment.task.truth(by_key[key])
        accuracy = evaluation.tracks[key]["Accuracy"]
        figure = piano_roll(found.times_s, found.frequencies_hz, truth, found.salience, pitches_hz, key)
        pictures.append(Picture(f"{label} track: {key}", f"Accuracy {accuracy:.3f}", figure))
    return pictures[: len(ranked)]
