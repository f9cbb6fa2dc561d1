"""The report of a run: one HTML file, written at the end of a training or again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus, Item
from ..errors import RunError, raise_all
from ..features.cache import FeatureCache
from ..printable import listed
from ..runs.folder import RESOLVED, SETTINGS, RunFolder
from ..runs.settings import RunSettings, read_settings
from ..tasks.base import Evaluation
from .experiment import Experiment, compute_features, features_of, recordings_of
from .loading import find_runs, load_run
from .progress import Progress, Quiet
from .references import refer

REPORT = "report.html"
TRACKS_NAMED = 12  # among the facts of a report


def report(
    folder: str | Path,
    data: str | Path,
    *,
    cache: str | None = None,
    jobs: int = -1,
    progress: Progress | None = None,
) -> Iterator[Path]:
    """Write the report of every run in a folder again; yields the path of each. Raises RunError E612."""
    corpus = Corpus.open(data)
    for run in find_runs(folder):
        # A packed model and an ensemble have weights, but no curves and no tracks of their own.
        if run.packed:
            raise RunError(
                f"'{run.path.name}' is packed: there is no training to report on",
                code="E612",
                help="`mirbricks evaluate` judges it; its card.md says how it was made",
            )
        experiment, settings = load_run(run)
        if not settings.tracks:
            raise RunError(
                f"'{run.path}' is an ensemble: there is no training to report on",
                code="E612",
                help="`mirbricks evaluate` judges it; its runs have reports",
            )
        features = features_of(experiment.feature, cache)
        recordings = recordings_of(corpus, experiment.feature, experiment.task)
        refer(experiment.task, recordings, features, jobs, progress or Quiet())
        # Stems are not among the recordings of every task, yet a run may have judged them: the corpus has them.
        by_key = {item.key: item for item in recordings}
        tracks = [by_key.get(key) or corpus[key] for key in settings.tracks]
        items = experiment.task.read_with(tracks, recordings)
        raise_all(compute_features(items, features, jobs, lambda *_: None)[1])
        evaluation = Evaluation(settings.figures, settings.tracks)
        try:
            path = write_run_report(run, experiment, evaluation, items, features)
        # What a task stores of a track is its own affair: only drawing it shows that it has another form.
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            kind = type(error).__name__
            reason = f"the figures of its tracks cannot be drawn ({kind}: {error})"
            raise run.damaged(SETTINGS, reason) from error
        yield path


def write_run_report(
    run: RunFolder,
    experiment: Experiment,
    evaluation: Evaluation,
    items: Sequence[Item],
    cache: FeatureCache,
) -> Path:
    """Write RUN/report.html from what the run folder holds; returns its path."""
    from ..report.html import (  # matplotlib takes a second to import
        Report,
        write_report,
    )

    settings = read_settings(run, experiment.task)
    fold = _fold(settings)
    # The pictures show the tracks with the weights of the best validation, those of the figures.
    pictures = experiment.task.pictures(
        experiment.model, items, cache, settings.tuned, evaluation
    )
    report = Report(
        title=f"{experiment.graph.name} on {settings.corpus}",
        subtitle=f"{experiment.task.title}, fold: {fold}",
        command=settings.command,
        model=experiment.model,
        metrics=run.read_metrics(),
        figures=evaluation.figures,
        tracks=evaluation.tracks,
        headline=experiment.task.headline,
        pictures=pictures,
        settings=run.read_text(RESOLVED),
        versions=settings.versions,
        facts=_facts(settings, evaluation, fold),
        hop_s=experiment.feature.hop_s,
    )
    path = run.path / REPORT
    write_report(report, path)
    return path


def chosen(tuned: Mapping[str, Any]) -> str:
    """The numbers that were chosen on the validation tracks, in a line; lists are for settings.json."""
    numbers = []
    for name, value in tuned.items():
        if isinstance(value, int | float):
            numbers.append(f"{name} = {value:.3g}")
    return ", ".join(numbers)


def _fold(settings: RunSettings) -> str:
    if settings.fold is not None:
        return str(settings.fold)
    if settings.evaluated_on == "train":
        return "none, every recording trains"
    return "the corpus's own split"


def _facts(settings: RunSettings, evaluation: Evaluation, fold: str) -> dict[str, str]:
    source = "validation" if settings.split.get("valid") else "training"
    judged = settings.evaluated_on
    # Of hundreds the table has all; here they would push everything else off the page.
    tracks = listed(list(evaluation.tracks), TRACKS_NAMED, quote="")
    return {
        "corpus": f"{settings.corpus} ({settings.data})",
        "fold": fold,
        "evaluated on": f"the {judged} tracks, whole: {tracks}",
        f"chosen on the {source} tracks": chosen(settings.tuned) or "nothing",
        "best step": f"{settings.best_step} ({settings.stopped})",
        "training time": f"{settings.training_s:.0f} s",
    }
