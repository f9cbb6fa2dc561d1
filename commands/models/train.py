"""The command train: features, training, threshold, evaluation, report."""

from __future__ import annotations

import contextlib
import json
import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data.corpus import Corpus
from ...data.splitting.splits import Split
from ...errors import DataError, RunError
from ...features.cache import FeatureCache
from ...runs.folder import GRAPH, RESOLVED, RunFolder
from ...runs.settings import at_start
from ...tasks.base import Evaluation, Figures
from ...training.devices import as_device
from ...training.loop import FitResult, fit
from ...workflows.experiment import (
    Experiment,
    compute_features,
    count_folds,
    features_of,
    items_of,
    load_experiment,
    recordings_of,
    split_corpus,
)
from ...workflows.more_corpora import (
    beside,
    not_judged,
    note_left_out,
    noted,
    recordings_beside,
)
from ...workflows.short_recordings import note_short
from ...zoo import graph_file
from ..screen import chosen, console, counting, table_of
from .report import write_run_report

INTERRUPTED = 130  # what a shell reports after Ctrl-C


@dataclass(frozen=True)
class Prepared:
    """A corpus whose features are in the cache; `failed` are the recordings that could not be used.

    also  the corpora of --also, and `more` their recordings, which only train
    """

    corpus: Corpus
    items: list[Any]
    cache: FeatureCache
    failed: list[DataError]
    also: list[Corpus]
    more: list[Any]


def train(arguments: Namespace) -> int:
    """Train one fold, or all of them one after another."""
    experiment = load_experiment(arguments.graph, arguments.set)
    as_device(arguments.device)
    corpus = Corpus.open(arguments.data)
    others = beside(corpus, arguments)
    more = recordings_beside(others, experiment)
    folds = _folds(arguments.fold, count_folds(corpus, experiment.dataset))
    for fold in folds:
        _refuse_early(
            experiment,
            corpus,
            more,
            fold,
            _out(arguments, folds, fold),
            arguments.resume,
        )
    prepared = prepare(experiment, corpus, others, more, arguments)
    done: dict[str, Figures] = {}
    for fold in folds:
        out = _out(arguments, folds, fold)
        if fold != folds[0]:
            experiment = load_experiment(
                arguments.graph, arguments.set
            )  # weights drawn anew
        evaluation = train_fold(experiment, prepared, fold, out, arguments)
        if evaluation is None:
            if _leads():
                return INTERRUPTED
            return 0
        done |= evaluation.tracks
    if len(folds) > 1:
        together = Evaluation(experiment.task.pooled(done), dict(sorted(done.items())))
        console().print(
            table_of(f"all {len(folds)} folds", together, experiment.task.headline)
        )
    if prepared.failed:
        return 1
    return 0


def _folds(given: str | None, count: int) -> Sequence[int | None]:
    """0 where nothing is given; every fold for 'all'; None for 'none': all recordings train, and there is no test.

    `count` is 0 where the corpus says itself how it is split.
    """
    if given == "none":
        return [None]
    if given is not None and not count:
        message = f"--fold {given}: the corpus says itself how it is split, dataset.split is 'annotation'"
        raise DataError(
            message,
            code="E441",
            help="leave --fold out, or add --set dataset.split=folds",
        )
    if given == "all":
        return list(range(count))
    if given is None or (given.isdecimal() and int(given) < count):
        return [int(given or 0)]
    message = (
        f"--fold: expected a number from 0 to {count - 1}, all or none, got '{given}'"
    )
    raise DataError(
        message, code="E441", help="the section dataset says how many folds there are"
    )


def _out(arguments: Namespace, folds: Sequence[int | None], fold: int | None) -> Path:
    if len(folds) > 1:
        return Path(arguments.out) / f"fold{fold}"
    return Path(arguments.out)


def _refuse_early(
    experiment: Experiment,
    corpus: Corpus,
    more: Sequence[Any],
    fold: int | None,
    out: Path,
    resume: bool,
) -> None:
    """What would stop the training later is told before features are computed."""
    split = split_corpus(corpus, experiment.dataset, fold)
    task = experiment.task
    recordings = recordings_of(corpus, experiment.feature, task)
    sides = [
        items_of(recordings, groups)
        for groups in (split.train, split.valid, split.test)
        if groups
    ]
    for side in sides:
        for track in task.tracks(side):
            task.truth(track)
    task.check_recordings(
        [*sides[0], *not_judged(more, split)],
        [item for side in sides[1:] for item in side],
    )
    try:
        there = out.exists()
    except OSError:  # `create` says why
        there = True
    if there and _leads():
        run = RunFolder.create(out)
        with (
            run.locked()
        ):  # of a training that still runs nobody should hear that it stopped
            run.state_to_resume(resume)


def prepare(
    experiment: Experiment,
    corpus: Corpus,
    others: list[Corpus],
    more: Sequence[Any],
    arguments: Namespace,
) -> Prepared:
    """Fill the feature cache; recordings that cannot be used are named and left out."""
    cache = features_of(experiment.feature, arguments.cache)
    recordings = recordings_of(corpus, experiment.feature, experiment.task)
    with counting("features", len(recordings) + len(more)) as on_done:
        usable, failed = compute_features(
            [*recordings, *more], cache, arguments.jobs, on_done
        )
    note_short(experiment.task, usable, cache)
    own = {item.key for item in recordings}
    items = [item for item in usable if item.key in own]
    return Prepared(
        corpus,
        items,
        cache,
        failed,
        others,
        [item for item in usable if item.key not in own],
    )


def train_fold(
    experiment: Experiment,
    prepared: Prepared,
    fold: int | None,
    out: Path,
    arguments: Namespace,
) -> Evaluation | None:
    """One training with everything around it; None where it was interrupted, or where another process leads."""
    split = split_corpus(prepared.corpus, experiment.dataset, fold)
    config = experiment.train
    cache = prepared.cache
    train_items, valid_items = (
        items_of(prepared.items, groups) for groups in (split.train, _choosing(split))
    )
    more = not_judged(prepared.more, split)
    train_items += more
    if not split.valid:
        config = config.model_copy(
            update={"validate_every": config.steps, "patience": None}
        )
    learner = experiment.task.learner(
        train_items, valid_items, cache, seed=config.seed, batch_size=config.batch_size
    )
    leads = _leads()
    run = RunFolder.create(out)
    with run.locked() if leads else contextlib.nullcontext():
        if experiment.dataset.split == "annotation":
            number = None
        else:
            number = fold
        settings = at_start(prepared.corpus, split, number, arguments.command) | {
            "also": noted(prepared.also)
        }
        if leads and run.state_to_resume(arguments.resume) is None:
            run.write_text(
                GRAPH, Path(graph_file(arguments.graph)).read_text(encoding="utf-8")
            )
            run.write_text(RESOLVED, experiment.resolved())
            run.write_settings(settings)
        elif leads:
            _refuse_other(run, experiment, settings)
        if leads:
            note_left_out(prepared.more, more)
            _announce(experiment, prepared, split, more, fold, run)
        result = fit(
            experiment.model,
            learner,
            config,
            run,
            device=arguments.device,
            resume=arguments.resume,
        )
        if result.stopped == "interrupted" or not leads:
            return None
        try:
            return _finish(experiment, prepared, split, run, result)
        except KeyboardInterrupt:
            print(
                f"the training in '{run.path}' has ended; the same command with --resume evaluates it"
            )
            raise


def _leads() -> bool:
    """Under torchrun every process trains, one writes."""
    return os.environ.get("RANK", "0") == "0"


def _choosing(split: Split) -> tuple[str, ...]:
    """The groups that weights and thresholds are chosen on. Without validation those learned from: after the last step
    only, so that nothing is chosen but the thresholds.
    """
    return split.valid or split.train


def _refuse_other(
    run: RunFolder, experiment: Experiment, settings: dict[str, Any]
) -> None:
    """A resumed run must be the same experiment on the same split, else what it learned from could be its test."""
    old = run.read_settings()
    new = json.loads(json.dumps(settings))
    facts = [
        (key, f"{old.get(key)} in the run, {new[key]} now")
        for key in ("corpus", "fold")
        if old.get(key) != new[key]
    ]
    if not facts and old.get("fingerprint") not in (None, new["fingerprint"]):
        facts.append(("corpus", "other recordings than in the run"))
    if not facts and old.get("split") != new["split"]:
        facts.append(("split", "other pieces on its sides than in the run"))
    if not facts and old.get("also", []) != new["also"]:
        facts.append(("also", "other corpora than in the run"))
    was, now = (
        text.partition("\ntrain:")[0]
        for text in (run.read_text(RESOLVED), experiment.resolved())
    )
    if was != now:
        facts.append(("graph", "layers, feature, dataset or task differ"))
    if facts:
        message = (
            f"'{run.path}' holds another training, which --resume cannot go on with"
        )
        raise RunError(
            message,
            code="E608",
            facts=facts,
            help="give what it was started with, or another --out",
        )


def _announce(
    experiment: Experiment,
    prepared: Prepared,
    split: Split,
    more: Sequence[Any],
    fold: int | None,
    run: RunFolder,
) -> None:
    count = sum(p.numel() for p in experiment.model.parameters())
    tracks = {side: len(experiment.task.tracks(items_of(prepared.items, getattr(split, side))))
              for side in ("train", "valid", "test") if getattr(split, side)}  # fmt: skip
    if more:
        tracks["train"] += len(experiment.task.tracks(more))
    sides = ", ".join(f"{count} {side}" for side, count in tracks.items())
    if fold is None:
        of_fold = "no test"
    else:
        of_fold = f"fold {fold}"
    print(
        f"{experiment.graph.name}: {count:,} parameters; {of_fold}: {sides} tracks; run {run.path}",
        flush=True,
    )


def _finish(
    experiment: Experiment,
    prepared: Prepared,
    split: Split,
    run: RunFolder,
    result: FitResult,
) -> Evaluation:
    """Threshold on the validation tracks, figures on the test tracks, report.

    Where there are no test tracks the figures are those of the validation tracks, or of the training tracks.
    """
    task = experiment.task
    model = experiment.model
    run.load_weights(model)
    model.eval()
    valid = items_of(prepared.items, _choosing(split))
    with counting(
        f"choosing {', '.join(task.tuned) or 'nothing'}", len(task.tracks(valid))
    ) as on_done:
        tuned = task.tune(model, valid, prepared.cache, on_done)
    side = next(name for name in ("test", "valid", "train") if getattr(split, name))
    items = items_of(prepared.items, getattr(split, side))
    if task.compares:
        task.references = [item for item in prepared.items if item.stem_of is None]
    else:
        task.references = ()
    with counting("evaluating", len(task.tracks(items))) as on_done:
        evaluation = task.evaluate(model, items, prepared.cache, tuned, on_done)
    extra = {
        "tuned": tuned,
        "evaluated_on": side,
        "figures": evaluation.figures,
        "tracks": evaluation.tracks,
    }
    training = {
        "best_step": result.best_step,
        "stopped": result.stopped,
        "training_s": round(result.seconds, 1),
    }
    run.write_settings({**run.read_settings(), **training, **extra})
    report = write_run_report(run, experiment, evaluation, items, prepared.cache)
    console().print(table_of(f"{side} tracks", evaluation, task.headline))
    numbers = chosen(tuned)
    if split.valid:
        source = "validation"
    else:
        source = "training"
    if split.valid:
        weights = f"best weights of step {result.best_step}"
    else:
        weights = f"weights of the last step, {result.steps}"
    print(weights + f"; {numbers} from the {source} tracks" * bool(numbers))
    print(
        f"training took {result.seconds:.0f} s; everything is in {run.path}, the report is {report}",
        flush=True,
    )
    return evaluation
