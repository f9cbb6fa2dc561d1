"""The report of a run, and the command that makes it again."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ...data.corpus import Corpus, Item
from ...errors import RunError, raise_all
from ...features.cache import FeatureCache
from ...runs.folder import RESOLVED, RunFolder
from ...runs.settings import read_settings
from ...tasks.base import Evaluation
from ...workflows.experiment import (
    Experiment,
    compute_features,
    features_of,
    recordings_of,
)
from ...workflows.references import refer
from ..screen import chosen
from .evaluate import find_runs, load_run

REPORT = "report.html"


def report(arguments: Namespace) -> int:
    """Write the report of every run in a folder once more."""
    corpus = Corpus.open(arguments.data)
    for run in find_runs(arguments.folder):
        if run.packed:
            message = f"'{run.path.name}' is packed: there is no training to report of"
            raise RunError(
                message,
                code="E612",
                help="`mirbricks evaluate` judges it; its card.md says how it was made",
            )
        experiment, settings = load_run(run)
        if not settings.tracks:
            message = f"'{run.path}' is an ensemble: there is no training to report of"
            raise RunError(
                message,
                code="E612",
                help="`mirbricks evaluate` judges it; its runs have reports",
            )
        cache = features_of(experiment.feature, arguments.cache)
        recordings = recordings_of(corpus, experiment.feature, experiment.task)
        refer(experiment.task, recordings, cache, arguments, show=False)
        by_key = {item.key: item for item in recordings}
        items = [
            by_key[key] if key in by_key else corpus[key] for key in settings.tracks
        ]
        raise_all(compute_features(items, cache, arguments.jobs, lambda *_: None)[1])
        print(
            write_run_report(
                run,
                experiment,
                Evaluation(settings.figures, settings.tracks),
                items,
                cache,
            )
        )
    return 0


def write_run_report(
    run: RunFolder,
    experiment: Experiment,
    evaluation: Evaluation,
    items: Sequence[Item],
    cache: FeatureCache,
) -> Path:
    """Write RUN/report.html from what the run folder holds; returns its path."""
    from ...report.html import (
        Report,
        write_report,
    )  # matplotlib takes a second to import

    settings = read_settings(run, experiment.task)
    judged = settings.evaluated_on
    if settings.split.get("valid"):
        source = "validation"
    else:
        source = "training"
    if judged == "train":
        own = "none, every recording trains"
    else:
        own = "the corpus's own split"
    if settings.fold is None:
        fold = own
    else:
        fold = str(settings.fold)
    facts = {
        "corpus": f"{settings.corpus} ({settings.data})",
        "fold": fold,
        "evaluated on": f"the {judged} tracks, whole: {', '.join(evaluation.tracks)}",
        f"chosen on the {source} tracks": chosen(settings.tuned) or "nothing",
        "best step": f"{settings.best_step} ({settings.stopped})",
        "training time": f"{settings.training_s:.0f} s",
    }
    report = Report(
        title=f"{experiment.graph.name} on {settings.corpus}",
        subtitle=f"{experiment.task.title}, fold: {fold}",
        command=settings.command,
        model=experiment.model,
        metrics=run.read_metrics(),
        figures=evaluation.figures,
        tracks=evaluation.tracks,
        headline=experiment.task.headline,
        pictures=experiment.task.pictures(
            experiment.model, items, cache, settings.tuned, evaluation
        ),
        settings=run.read_text(RESOLVED),
        versions=settings.versions,
        facts=facts,
        hop_s=experiment.feature.hop_s,
    )
    path = run.path / REPORT
    write_report(report, path)
    return path
