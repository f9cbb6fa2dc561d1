"""Training: features, training, threshold, evaluation, report, for one fold or for all of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..compiler.compile import load_graph
from ..compiler.module import count_parameters
from ..data.corpus import Corpus
from ..data.early import early_annotations
from ..data.splitting.splits import Split
from ..errors import DataError, MirbricksError, RunError
from ..runs.folder import GRAPH, MODELS, RESOLVED, STEP, RunFolder
from ..runs.settings import at_start
from ..tasks.base import Evaluation, Figures, Learner
from ..training.devices import as_device
from ..training.loggers.base import Logger, Loggers
from ..training.loop import FitResult, fit
from ..training.profiling import FIRST_STEPS, TRACE
from ..zoo import folder_of_weights, names_trained_weights
from .experiment import (
    Experiment,
    choice_of,
    count_folds,
    items_of,
    settled,
    split_corpus,
)
from .loading import experiment_of
from .more_corpora import beside, not_judged, note_left_out, noted, recordings_beside
from .parts import keep_parts
from .prepared import Prepared, choosing, prepare, refuse_early, refuse_taken
from .progress import Progress
from .report import write_run_report
from .restarted import goes_on, noted_launch
from .resuming import overrides_of, refuse_other
from .start_from import fitting, start_from


@dataclass(frozen=True)
class Trained:
    """How the training of one fold ended.

    evaluation  None where the training was interrupted, or where another process leads
    side        what was evaluated: test, valid or train
    failed      recordings that could not be used
    """

    run: RunFolder
    experiment: Experiment
    fold: int | None
    n_folds: int
    split: Split
    result: FitResult
    failed: list[DataError]
    evaluation: Evaluation | None = None
    side: str = ""
    tuned: dict[str, Any] | None = None
    report: Path | None = None


@dataclass(frozen=True)
class Options:
    """The options of a training, beside its graph and its corpus; see `mirbricks.train`."""

    out: Path
    command: str
    overrides: tuple[str, ...] = ()
    fold: str | None = None
    also: tuple[str, ...] = ()
    start_from: str | None = None
    resume: bool = False
    cache: str | None = None
    jobs: int = -1
    device: str = "cpu"
    loggers: tuple[type[Logger], ...] = ()
    profiled: bool = False


def train(
    graph_file: str | Path, data: str | Path, options: Options, progress: Progress
) -> Iterator[Trained]:
    """Train each fold that is asked for, one after another; yields each when it has ended.

    The graph file is read once: edited meanwhile, it changes no later fold. An interrupted training is yielded too,
    and the last.
    """
    _refuse_start_of_resumed(options)
    _note_unused_weights(graph_file, options, progress)
    # Started again, the first fold says which models the experiment goes on with.
    first = _first_run(options)
    begun = _after_restart(options, first)
    # --resume takes the overrides of the first start, so that the command need not repeat them.
    overrides = list(options.overrides)
    if begun.resume:
        overrides = overrides_of(first, overrides)
    graph = load_graph(graph_file, overrides)
    experiment = experiment_of(graph, _kept(first, begun))
    # A device that does not work is reported before the corpus is read.
    as_device(options.device)
    # So is a model that the training cannot begin with.
    if begun.start_from is not None:
        fitting(experiment.model, begun.start_from)
    corpus = Corpus.open(data)
    choice = choice_of(corpus, experiment.dataset)
    if choice.note and options.fold != "none" and leads():
        progress.note(choice.note)
    experiment = settled(experiment, corpus)
    also = beside(corpus, options.also)
    more = recordings_beside(also, experiment)
    folds = folds_of(options.fold, count_folds(corpus, experiment.dataset))

    # Times before 0 do not stop a training, but what they spoil would be noticed in the figures at best.
    for error in early_annotations([*corpus.recordings, *more]):
        progress.complain(error)

    # Everything that can be refused is refused before hours are spent on features.
    outs = [_out(options, folds, fold) for fold in folds]
    restarted = [_after_restart(options, out) for out in outs]
    for fold, out, own in zip(folds, outs, restarted, strict=True):
        refuse_early(experiment, corpus, more, fold)
        if leads():
            refuse_taken(out, own.resume)
    prepared = prepare(
        experiment,
        corpus,
        also,
        more,
        cache=options.cache,
        jobs=options.jobs,
        progress=progress,
    )

    for fold, out, own in zip(folds, outs, restarted, strict=True):
        if fold != folds[0]:
            # A fold starts from weights of its own, drawn with the same seed, not from those of the fold before.
            experiment = settled(experiment_of(graph, _kept(out, own)), corpus)
        trained = _train_fold(experiment, prepared, fold, out, own, progress)
        yield replace(trained, n_folds=len(folds))
        if trained.result.stopped == "interrupted":
            return


def _after_restart(options: Options, out: Path) -> Options:
    """With `resume` where torchrun started the processes again: the same command goes on from what they saved."""
    if options.resume or not goes_on(out):
        return options
    # The weights to begin with were taken before the first step.
    return replace(options, resume=True, start_from=None)


def _note_unused_weights(
    graph_file: str | Path, options: Options, progress: Progress
) -> None:
    """Say that a trained model named in place of a graph file gives its graph only."""
    if options.start_from or options.resume or not names_trained_weights(graph_file):
        return
    named = folder_of_weights(graph_file) or graph_file
    progress.note(
        f"of '{graph_file}' the graph is taken, and its weights are drawn at random; "
        f"--from {named}, or start_from, begins with the trained ones"
    )


def _refuse_start_of_resumed(options: Options) -> None:
    if options.resume and options.start_from is not None:
        raise RunError(
            f"a resumed training goes on with its own weights, and not with those of '{options.start_from}'",
            code="E608",
            help="resume without it, or begin a new training in another folder",
        )


def pooled(folds: Sequence[Trained]) -> Evaluation:
    """The figures of all folds together: each judged its own test tracks."""
    tracks: dict[str, Figures] = {}
    for one in folds:
        if one.evaluation is not None:
            tracks |= one.evaluation.tracks
    tracks = dict(sorted(tracks.items()))
    return Evaluation(folds[0].experiment.task.pooled(tracks), tracks)


def leads() -> bool:
    """Whether this process writes: under torchrun every process trains, one writes."""
    return os.environ.get("RANK", "0") == "0"


def folds_of(given: str | None, count: int) -> Sequence[int | None]:
    """The folds to train: 0 by default, every one for 'all', None for 'none', where every recording trains.

    `count` is 0 where the corpus itself is split. Raises DataError E441.
    """
    if given == "none":
        return [None]
    if given is not None and not count:
        raise DataError(
            f"fold {_short(given)}: the corpus itself stores its split, and dataset.split is 'annotation'",
            code="E441",
            help="leave the fold out, or set dataset.split=folds",
        )
    if given == "all":
        return list(range(count))
    if given is None:
        return [0]
    digits = given.isdecimal() and len(given) <= len(str(count))
    if digits and int(given) < count:
        return [int(given)]
    raise DataError(
        f"fold: expected a number from 0 to {count - 1}, all or none, got '{_short(given)}'",
        code="E441",
        help="the section dataset sets the number of folds",
    )


def _short(word: str) -> str:
    if len(word) <= 40:
        return word
    return f"{word[:40]}…"


def _out(options: Options, folds: Sequence[int | None], fold: int | None) -> Path:
    if len(folds) > 1:
        return options.out / f"fold{fold}"
    return options.out


def _first_run(options: Options) -> Path:
    if options.fold == "all":
        return options.out / "fold0"
    return options.out


def _kept(out: Path, options: Options) -> Path | None:
    """The run whose own copies of further models a resumed training goes on with; None for those of the settings."""
    if options.resume and (out / MODELS).is_dir():
        return out
    return None


def _train_fold(
    experiment: Experiment,
    prepared: Prepared,
    fold: int | None,
    out: Path,
    options: Options,
    progress: Progress,
) -> Trained:
    """One training with everything around it."""
    split = split_corpus(prepared.corpus, experiment.dataset, fold)
    more = not_judged(prepared.more, split)
    learner = _learner(experiment, prepared, split, more)
    config = experiment.train
    if not split.valid:
        # Without a validation side nothing but thresholds is chosen, after the last step.
        last_only = {"validate_every": config.steps, "patience": None}
        config = config.model_copy(update=last_only)
    # Every process starts from the same weights; only the leader writes and speaks.
    taken = None
    if options.start_from is not None:
        taken = start_from(experiment.model, options.start_from)
    run = RunFolder.create(out)
    with run.locked() if leads() else contextlib.nullcontext():
        if leads():
            _begin(run, experiment, prepared, split, fold, options)
            if goes_on(out):
                progress.note(
                    f"torchrun started the processes again: '{out}' goes on from its last state"
                )
            if taken is not None and (progress.routine_notes or not taken.complete):
                progress.note("\n".join(taken.lines()))
            note_left_out(prepared.more, more, progress)
            progress.line(_announcement(experiment, prepared, split, more, fold, run))
        result = fit(
            experiment.model,
            learner,
            config,
            run,
            device=options.device,
            resume=options.resume,
            show=progress.bars,
            beside=experiment.task.models,
            judge=_judge(experiment, prepared, split, progress),
            loggers=Loggers(options.loggers, progress.complain),
            profiled=options.profiled,
        )
        if options.profiled and leads():
            progress.line(_profile_of(result, run))
        ended = Trained(run, experiment, fold, 1, split, result, prepared.failed)
        if not leads():
            return ended
        if result.stopped == "interrupted":
            # metrics.jsonl has a line for every ten steps only: a list of runs would show an older one.
            run.write_settings({**run.read_settings(), STEP: result.steps})
            return ended
        try:
            return _finish(ended, prepared, progress)
        except KeyboardInterrupt:
            progress.line(
                f"the training in '{run.path}' has ended; the same command with --resume evaluates it"
            )
            raise


def _profile_of(result: FitResult, run: RunFolder) -> str:
    """The table of a profile and where its trace is."""
    if result.profile is None:
        return f"--profile: no trace, as the training ended within its first {FIRST_STEPS} steps"
    return f"{result.profile}\nthe trace is in {run.path / TRACE}; it opens in ui.perfetto.dev"


def _learner(
    experiment: Experiment, prepared: Prepared, split: Split, more: Sequence[Any]
) -> Any:
    train_items = items_of(prepared.items, split.train)
    valid_items = items_of(prepared.items, choosing(split))
    config = experiment.train
    if config.order == "parts":
        experiment.task.buffer = config.buffer
    return experiment.task.learner(
        [*train_items, *more],
        valid_items,
        prepared.cache,
        seed=config.seed,
        batch_size=config.batch_size,
    )


def _judge(
    experiment: Experiment, prepared: Prepared, split: Split, progress: Progress
) -> Learner | None:
    """Whose batches give the validation loss; None without a validation side, and where another process leads."""
    if not split.valid or not leads():
        return None
    config = experiment.train
    try:
        return experiment.task.validation_learner(
            items_of(prepared.items, split.valid),
            prepared.cache,
            seed=config.seed,
            batch_size=config.batch_size,
        )
    except MirbricksError as error:
        # The training has its figure; that a loss beside it is missing must be known, and is no reason to stop.
        progress.note(f"no validation loss is logged: {error.message}")
        return None


def _begin(
    run: RunFolder,
    experiment: Experiment,
    prepared: Prepared,
    split: Split,
    fold: int | None,
    options: Options,
) -> None:
    """Write what a run is from the start, or check that a resumed one is the same."""
    # A fold number would mislead where the corpus itself is split.
    own_split = experiment.dataset.split == "annotation"
    number = None if own_split else fold
    settings = {
        **at_start(prepared.corpus, split, number, options.command),
        "overrides": list(options.overrides),
        "also": noted(prepared.also),
        **noted_launch(),
    }
    if run.state_to_resume(options.resume) is None:
        run.write_text(GRAPH, experiment.graph.source.text)
        run.write_text(RESOLVED, experiment.resolved())
        keep_parts(experiment.task, run)
        run.write_settings(settings)
    else:
        refuse_other(run, experiment, settings)


def _announcement(
    experiment: Experiment,
    prepared: Prepared,
    split: Split,
    more: Sequence[Any],
    fold: int | None,
    run: RunFolder,
) -> str:
    task = experiment.task
    counts = {}
    for side in ("train", "valid", "test"):
        groups = getattr(split, side)
        if groups:
            counts[side] = len(task.tracks(items_of(prepared.items, groups)))
    if more:
        counts["train"] += len(task.tracks(more))
    sides = ", ".join(f"{count} {side}" for side, count in counts.items())
    where = "no test" if fold is None else f"fold {fold}"
    parameters = count_parameters(experiment.model)
    name = experiment.graph.name
    return f"{name}: {parameters:,} parameters; {where}: {sides} tracks; run {run.path}"


def _finish(ended: Trained, prepared: Prepared, progress: Progress) -> Trained:
    """Threshold on the validation tracks, figures on the test tracks, report.

    Where there are no test tracks the figures are those of the validation tracks, or of the training tracks.
    """
    task = ended.experiment.task
    model = ended.experiment.model
    split = ended.split
    ended.run.load_weights(model)
    model.eval()

    # Thresholds are chosen where the model may look, never on the test side.
    valid = items_of(prepared.items, choosing(split))
    label = f"choosing {', '.join(task.tuned) or 'nothing'}"
    with progress.counting(label, len(task.tracks(valid))) as on_done:
        tuned = task.tune(model, valid, prepared.cache, on_done)

    # The best evidence there is: test tracks, else validation tracks, else those it learned from.
    side = next(name for name in ("test", "valid", "train") if getattr(split, name))
    items = items_of(prepared.items, getattr(split, side))
    task.references = ()
    if task.compares:
        task.references = [one for one in prepared.items if one.stem_of is None]
    with progress.counting("evaluating", len(task.tracks(items))) as on_done:
        evaluation = task.evaluate(model, items, prepared.cache, tuned, on_done)

    settings = ended.run.read_settings()
    settings.pop(STEP, None)
    ended.run.write_settings(
        {
            **settings,
            "best_step": ended.result.best_step,
            "stopped": ended.result.stopped,
            "training_s": round(ended.result.seconds, 1),
            "tuned": tuned,
            "evaluated_on": side,
            "figures": evaluation.figures,
            "tracks": evaluation.tracks,
        }
    )
    report = write_run_report(
        ended.run, ended.experiment, evaluation, items, prepared.cache
    )
    return replace(ended, evaluation=evaluation, side=side, tuned=tuned, report=report)
