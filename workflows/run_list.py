"""The runs below a folder, as rows of a table: graph, data, figures, seed, when, and how far each has come."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..compiler.language.source import read_file
from ..errors import DataError, MirbricksError
from ..runs.folder import MARK, METRICS, RESOLVED, SETTINGS, STEP, WEIGHTS, RunFolder
from ..tasks.base import TASKS

DEEPEST = 6  # folders below the one that is asked for


NEVER = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True, repr=False)
class RunRow:
    """A run in one row.

    Parameters
    ----------
    path : Path
        Its folder.
    graph, task, corpus : str
        What was trained for what on what; "" where the run does not say.
    fold, seed : int or None
        The fold it is judged on, and what its random numbers are drawn from.
    state : str
        "finished", "patience", "unfinished", or "damaged: " and the reason.
    step, steps : int
        How far it came, and how far it was to go.
    training_s : float or None
        How long the training took, where it has ended.
    changed : datetime
        When it was last written to.
    figures : mapping of str to float
        Of its own evaluation, those first that people look at first.
    """

    path: Path
    graph: str = ""
    task: str = ""
    corpus: str = ""
    fold: int | None = None
    seed: int | None = None
    state: str = "unfinished"
    step: int = 0
    steps: int = 0
    training_s: float | None = None
    changed: datetime = NEVER
    figures: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        words = [f"{self.graph or 'a graph'} on {self.corpus or 'a corpus'}"]
        if self.fold is not None:
            words.append(f"fold {self.fold}")
        words.append(self.state)
        words += [f"{name} {value:.3f}" for name, value in self.first_figure()]
        return f"<run {self.path}: {', '.join(words)}>"

    def first_figure(self) -> list[tuple[str, float]]:
        """The name and the value that people look at first; nothing where the run has not been judged."""
        return list(self.figures.items())[:1]

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {
            "path": str(self.path),
            "graph": self.graph,
            "task": self.task,
            "corpus": self.corpus,
            "fold": self.fold,
            "seed": self.seed,
            "state": self.state,
            "step": self.step,
            "steps": self.steps,
            "training_s": self.training_s,
            "changed": self.changed.isoformat(timespec="seconds"),
            "figures": dict(self.figures),
        }


def list_runs(folder: str | Path = "runs") -> list[RunRow]:
    """The runs in a folder and below it, the last changed first.

    Parameters
    ----------
    folder : str or Path
        A run folder, or one that holds runs at any depth.

    Returns
    -------
    list of RunRow
        What cannot be read is a row too, whose state says why.

    Raises
    ------
    DataError
        E409 for a folder that is missing or may not be read.
    """
    top = Path(folder)
    if not top.is_dir():
        raise DataError(
            f"there is no folder '{folder}'",
            code="E409",
            help="give the folder that holds your runs",
        )
    rows = [row_of(path) for path in _runs_below(top, 0)]
    return sorted(rows, key=lambda row: row.changed, reverse=True)


def _runs_below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders of runs; what lies inside a run, such as its further models, is part of it."""
    if _is_run(folder):
        yield folder
        return
    if depth == DEEPEST:
        return
    try:
        inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # a folder that may not be read hides its runs, not the others
        return
    for entry in inside:
        # A link may lead in a circle.
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _runs_below(Path(entry.path), depth + 1)


def _is_run(folder: Path) -> bool:
    """Whether a training wrote here: it leaves a mark; those before version 0.2 left settings beside weights."""
    if (folder / MARK).is_file():
        return True
    return (folder / SETTINGS).is_file() and (folder / WEIGHTS).is_file()


@dataclass(frozen=True)
class Contents:
    """What the files of a run hold: its graph with every setting, settings.json, and the lines of metrics.jsonl."""

    graph: Mapping[str, Any]
    settings: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]


def contents_of(run: RunFolder) -> Contents:
    """Raises RunError E605, E606 for a run that is damaged, and what reading its graph raises."""
    settings = run.read_settings()
    graph = read_file(run.file(RESOLVED)).data
    return Contents(graph, settings, run.read_metrics())


def row_of(path: Path) -> RunRow:
    """The row of one run."""
    try:
        return row_from(path, contents_of(RunFolder(path)))
    except MirbricksError as error:
        state = f"damaged: {error.message}"
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        # Settings of another form: only reading them shows it.
        state = f"damaged: {type(error).__name__} in its settings"
    return RunRow(path=path, state=state, changed=_changed(path))


def row_from(path: Path, contents: Contents) -> RunRow:
    """The row of a run that has been read."""
    settings = contents.settings
    metrics = contents.metrics
    train = contents.graph.get("train") or {}
    task = str((contents.graph.get("task") or {}).get("type", ""))
    noted = metrics[-1]["step"] if metrics else 0
    return RunRow(
        path=path,
        graph=str(contents.graph.get("name") or ""),
        task=task,
        corpus=str(settings.get("corpus", "")),
        fold=settings.get("fold"),
        seed=train.get("seed"),
        state=str(settings.get("stopped", "unfinished")),
        # Where it was interrupted; one that has gone on since has noted more.
        step=max(int(noted), int(settings.get(STEP, 0))),
        steps=int(train.get("steps", 0)),
        training_s=settings.get("training_s"),
        changed=_changed(path),
        figures=_figures(settings.get("figures") or {}, task),
    )


def _figures(figures: Mapping[str, Any], task: str) -> dict[str, float]:
    """The numbers among the figures, the headline of the task first."""
    numbers = {k: float(v) for k, v in figures.items() if isinstance(v, int | float)}
    try:
        first = [name for name in TASKS.get(task).headline if name in numbers]
    except MirbricksError:  # a task of a package that is not installed here
        first = []
    return {name: numbers[name] for name in [*first, *numbers]}


def _changed(path: Path) -> datetime:
    newest = 0.0
    for name in (METRICS, SETTINGS, WEIGHTS, RESOLVED):
        file = path / name
        if file.is_file():
            newest = max(newest, file.stat().st_mtime)
    return datetime.fromtimestamp(newest, timezone.utc)
