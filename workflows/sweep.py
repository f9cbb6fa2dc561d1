"""Sweeps: one experiment trained once with every combination of some settings, each into a folder of its own."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import RunError
from ..runs.folder import RunFolder
from .run_list import RunRow, row_of
from .train import Options

MOST_TRIALS = 1000
LONGEST_NAME = 100  # characters of a folder's name


@dataclass(frozen=True)
class Trial:
    """One combination: the name of its folder, and its settings as `--set` takes them."""

    name: str
    overrides: tuple[str, ...]


def trials_of(sweeps: Sequence[str]) -> list[Trial]:
    """Every combination of the values, those of the last key changing fastest.

    Parameters
    ----------
    sweeps : sequence of str
        "train.lr=1e-3,3e-4" each; commas inside brackets belong to a value.

    Returns
    -------
    list of Trial

    Raises
    ------
    RunError
        E617 for a sweep of another form, a key or a value that occurs twice, or more than a thousand combinations.
    """
    keys: list[str] = []
    values: list[list[str]] = []
    for text in sweeps:
        key, equals, listing = text.partition("=")
        found = _split(listing)
        if not equals or not key.strip() or not found or not all(found):
            raise _refused(
                f"expected KEY=VALUE,VALUE,..., got '{text}'",
                "write --sweep train.lr=1e-3,3e-4",
            )
        if key in keys or len(set(found)) < len(found):
            raise _refused(f"'{text}' repeats a key or a value", "name each once")
        keys.append(key)
        values.append(found)

    total = 1
    for own in values:
        total *= len(own)
    if total > MOST_TRIALS:
        raise _refused(
            f"these are {total:,} combinations", f"keep them to {MOST_TRIALS:,}"
        )
    short = _short(keys)
    trials = []
    for chosen in itertools.product(*values):
        words = [f"{key}={value}" for key, value in zip(short, chosen, strict=True)]
        name = re.sub(r"[^\w.,=+-]+", "_", ",".join(words))[:LONGEST_NAME]
        pairs = zip(keys, chosen, strict=True)
        trials.append(Trial(name, tuple(f"{key}={value}" for key, value in pairs)))
    if len({trial.name for trial in trials}) < len(trials):
        raise _refused(
            "two combinations would have folders of the same name",
            "sweep plain values, and put lists into variants of the graph",
        )
    return trials


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket."""
    parts = [""]
    depth = 0
    for character in text:
        depth += character in "[{("
        depth -= character in "]})"
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _short(keys: Sequence[str]) -> list[str]:
    """The last words of the keys, or the whole keys where two have the same last word."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else list(keys)


def _refused(what: str, help: str) -> RunError:
    return RunError(f"--sweep: {what}", code="E617", help=help)


def left_to_do(
    trials: Sequence[Trial], options: Options
) -> Iterator[tuple[Trial, Options]]:
    """The trials that are not finished, each with the options of its training.

    With `resume` finished ones are left out, and those that were interrupted go on.
    """
    for trial in trials:
        out = options.out / trial.name
        own = replace(
            options, out=out, overrides=(*options.overrides, *trial.overrides)
        )
        begun = RunFolder(out).is_run()
        if options.resume and begun and row_of(out).training_s is not None:
            continue
        yield trial, replace(own, resume=options.resume and begun)


def rows_of(trials: Sequence[Trial], out: Path) -> list[RunRow]:
    """The runs of a sweep that there are, in the order of the combinations."""
    return [
        row_of(out / trial.name)
        for trial in trials
        if RunFolder(out / trial.name).is_run()
    ]


def train_in_processes(
    graph: str | Path,
    data: str | Path,
    todo: Sequence[tuple[Trial, Options]],
    at_a_time: int,
) -> Iterator[tuple[Trial, int]]:
    """Train several trials at a time, each in a process of its own that writes NAME.log beside its folder.

    Yields each trial with the exit status of its training when it has ended. An interrupt is passed on to the
    trainings, which save what they have.
    """
    threads = max(1, (os.cpu_count() or 1) // at_a_time)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    running: list[subprocess.Popen[bytes]] = []

    def run(trial: Trial, options: Options) -> int:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        log = options.out.parent / f"{trial.name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                _words(graph, data, options),
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
            running.append(process)
            return process.wait()

    with ThreadPoolExecutor(at_a_time) as pool:
        jobs = {pool.submit(run, trial, own): trial for trial, own in todo}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except KeyboardInterrupt:
            for job in jobs:
                job.cancel()
            for process in running:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
            raise


def _words(graph: str | Path, data: str | Path, options: Options) -> list[str]:
    """The command of one training."""
    words = [sys.executable, "-m", "mirbricks", "train", str(graph)]
    words += ["--data", str(data), "--out", str(options.out)]
    words += ["--jobs", str(options.jobs), "--device", options.device]
    for override in options.overrides:
        words += ["--set", override]
    for folder in options.also:
        words += ["--also", folder]
    for logger in options.loggers:
        words += ["--logger", logger.name]
    if options.fold is not None:
        words += ["--fold", options.fold]
    if options.start_from is not None and not options.resume:
        words += ["--from", options.start_from]
    if options.cache is not None:
        words += ["--cache", options.cache]
    if options.resume:
        words.append("--resume")
    return words
