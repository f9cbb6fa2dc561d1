"""Runs, and models of runs with their best weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..data.stores.reading import unreadable
from ..runs.folder import RESOLVED, RunFolder
from ..runs.settings import RunSettings, read_settings
from ..zoo import located
from .experiment import Experiment, load_experiment


def find_runs(folder: str | Path) -> list[RunFolder]:
    """The run in a folder, or the runs fold0, fold1, ... in it, by number. Raises RunError E600."""
    path = located(folder)
    try:
        inside: list[Path] = []
        # A run folder is a run, whatever folders the user keeps in it.
        if path.is_dir() and not RunFolder(path).is_run():
            inside = list(path.iterdir())
    except OSError as error:
        raise unreadable(path, error) from error
    # By number, since as words fold10 comes before fold2.
    folds = {}
    for one in inside:
        number = one.name.removeprefix("fold")
        if one.name.startswith("fold") and number.isdecimal() and one.is_dir():
            folds[int(number)] = one
    if not folds:
        return [RunFolder.open(path)]
    return [RunFolder.open(folds[number]) for number in sorted(folds)]


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
