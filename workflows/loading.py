"""Experiments from graph files, runs, and models of runs with their best weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from ..compiler.compile import compile_graph, load_graph
from ..compiler.language.graph import Graph
from ..data.stores.reading import unreadable
from ..errors import MirbricksError, raise_all
from ..runs.folder import RESOLVED, RunFolder
from ..runs.settings import RunSettings, read_settings
from ..zoo import located
from .experiment import Experiment
from .parts import open_parts
from .sections import read_sections, refuse_untrainable


def load_experiment(
    path: str | Path, overrides: Sequence[str] = (), stored: Path | None = None
) -> Experiment:
    """Read, check and compile a graph file with its sections; the weights are drawn with the seed of `train:`.

    `stored` is the folder of a run, or of a packed model, that holds the further models of the experiment itself.
    Raises `GraphError`, `TaskError`, RunError E621, or `ErrorList` with all mistakes of the sections; no data is read.
    """
    graph = load_graph(path, overrides)
    return experiment_of(graph, stored, named_again(overrides))


def experiment_of(
    graph: Graph, stored: Path | None = None, replaced: Sequence[str] = ()
) -> Experiment:
    """The experiment of a graph that has been read; each call draws its weights again, with the same seed.

    Of the models that a run holds itself, those of the settings `replaced` are opened from where the settings say.
    Raises as `load_experiment`.
    """
    for warning in graph.of_sections:
        warnings.warn(warning, stacklevel=3)
    # All sections are read before anything is raised: the user corrects them in one go.
    errors: list[MirbricksError] = []
    sections = read_sections(graph, errors)
    raise_all(errors)
    feature, dataset, train = sections.feature, sections.dataset, sections.train
    task = sections.task
    assert task is not None

    # The first weights are drawn here: the seed stands right before, and nothing random between.
    torch.manual_seed(train.seed)
    model = compile_graph(graph)
    open_parts(task, graph, stored, load_run, replaced)

    # What the model as a whole cannot do; none of it would be seen before the first step.
    task.check_graph(model)
    task.prepare(model)
    refuse_untrainable(graph, model, train, task)
    return Experiment(graph, model, feature, dataset, task, train)


def named_again(overrides: Sequence[str]) -> list[str]:
    """The settings of the task that overrides such as "task.ear=zoo:notes_ear" give another value."""
    names = []
    for word in overrides:
        key = word.partition("=")[0].strip()
        section, _, name = key.partition(".")
        if section == "task":
            names.append(name)
    return names


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
    experiment = load_experiment(run.file(RESOLVED), overrides, run.path)
    settings = read_settings(run, experiment.task)
    run.load_weights(experiment.model)
    experiment.model.eval()
    return experiment, settings
