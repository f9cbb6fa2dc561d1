"""The command train."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from ...errors import MirbricksError
from ...runs.json_numbers import finite
from ...training.loggers.base import LOGGERS
from ...workflows.report import chosen
from ...workflows.sweep import left_to_do, rows_of, train_in_processes, trials_of
from ...workflows.train import Options, Trained, leads, pooled
from ...workflows.train import train as train_folds
from ..screen import plural, print_tables, progress_for
from .runs import print_rows

INTERRUPTED = 130  # what a shell reports after Ctrl-C


def train(arguments: Namespace) -> int:
    """Train one fold, or all of them one after another; prints the figures of each, then those of all.

    A sweep trains every combination of its values, and prints a row for each.
    """
    options = Options(
        out=Path(arguments.out),
        command=arguments.command,
        overrides=tuple(arguments.set),
        fold=arguments.fold,
        also=tuple(arguments.also),
        start_from=getattr(arguments, "start_from", None),
        resume=arguments.resume,
        cache=arguments.cache,
        jobs=arguments.jobs,
        device=arguments.device,
        loggers=tuple(LOGGERS.get(name) for name in arguments.logger),
        profiled=arguments.profile,
    )
    if arguments.sweep:
        return _sweep(arguments, options)
    return _train(arguments, options)


def _sweep(arguments: Namespace, options: Options) -> int:
    """Every combination; one that fails costs itself, and the others are trained."""
    trials = trials_of(arguments.sweep)
    todo = list(left_to_do(trials, options))
    progress = progress_for(arguments)
    progress.line(f"{plural(len(trials), 'training')}, {len(todo)} to do")
    failed = 0
    if arguments.parallel > 1:
        ended = train_in_processes(
            arguments.graph, arguments.data, todo, arguments.parallel
        )
        for trial, status in ended:
            failed += status != 0
            progress.line(f"{trial.name}: {'ended' if status == 0 else 'failed'}")
    else:
        for trial, own in todo:
            progress.line(trial.name)
            try:
                status = _train(arguments, own)
            except MirbricksError as error:
                progress.complain(error)
                status = 1
            if status == INTERRUPTED:
                return status
            failed += status != 0
    rows = rows_of(trials, options.out)
    if arguments.json:
        print(json.dumps([row.as_dict() for row in rows]))
    else:
        print_rows(rows, options.out)
    if failed:
        print(f"{failed} of {len(todo)} trainings failed", file=sys.stderr)
    return 1 if failed else 0


def _train(arguments: Namespace, options: Options) -> int:
    ended = []
    progress = progress_for(arguments)
    for one in train_folds(arguments.graph, arguments.data, options, progress):
        if one.result.stopped == "interrupted":
            return INTERRUPTED if leads() else 0
        # Under torchrun the leader judges and prints; the others go on to the next fold.
        if one.evaluation is None:
            continue
        ended.append(one)
        if not arguments.json:
            _print(one)
        elif not arguments.sweep:  # whose table has the figures of all
            print(json.dumps(_as_json(one), allow_nan=False), flush=True)
    if len(ended) > 1 and arguments.json:
        together = finite({"folds": len(ended), "figures": pooled(ended).figures})
        print(json.dumps(together, allow_nan=False))
    elif len(ended) > 1:
        title = f"all {len(ended)} folds"
        headline = ended[0].experiment.task.headline
        print_tables(title, pooled(ended), headline)
    return 1 if ended and ended[-1].failed else 0


def _as_json(one: Trained) -> dict[str, Any]:
    """What a program wants to know of a fold: where it lies, how it ended, its figures."""
    assert one.evaluation is not None
    about = {
        "run": str(one.run.path),
        "report": str(one.report),
        "fold": one.fold,
        "stopped": one.result.stopped,
        "steps": one.result.steps,
        "best_step": one.result.best_step,
        "seconds": round(one.result.seconds, 3),
        "side": one.side,
        "figures": one.evaluation.figures,
    }
    found: dict[str, Any] = finite(about)
    return found


def _print(one: Trained) -> None:
    """The table of a fold, which weights it is of, and where everything is."""
    assert one.evaluation is not None
    print_tables(f"{one.side} tracks", one.evaluation, one.experiment.task.headline)
    validated = bool(one.split.valid)
    if validated:
        text = f"best weights of step {one.result.best_step}"
    else:
        text = f"weights of the last step, {one.result.steps}"
    numbers = chosen(one.tuned or {})
    if numbers:
        source = "validation" if validated else "training"
        text += f"; {numbers} from the {source} tracks"
    print(text)
    seconds = f"{one.result.seconds:.0f} s"
    print(
        f"training took {seconds}; everything is in {one.run.path}, the report is {one.report}",
        flush=True,
    )
