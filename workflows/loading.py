"""Experiments from graph files, runs, and models of runs with their best weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..compiler.compile import compile_graph, load_graph
from ..compiler.language.configs import read_config
from ..compiler.language.graph import Graph
from ..data.stores.reading import unreadable
from ..errors import DataError, ErrorList, MirbricksError, raise_all
from ..features.kinds import DEFAULT, config_of
from ..runs.folder import RESOLVED, RunFolder
from ..runs.settings import RunSettings, read_settings
from ..tasks.finding import task_of
from ..training.batch_norm import refuse_one_example
from ..training.chosen import refuse_unknown_nodes
from ..training.loop import TrainConfig
from ..training.optimization import refuse_no_weights
from ..zoo import located
from .experiment import DatasetConfig, Experiment
from .parts import open_parts


def load_experiment(
    path: str | Path, overrides: Sequence[str] = (), stored: Path | None = None
) -> Experiment:
    """Read, check and compile a graph file with its sections; the weights are drawn with the seed of `train:`.

    `stored` is the folder of a run, or of a packed model, that holds the further models of the experiment itself.
    Raises `GraphError`, `TaskError`, RunError E621, or `ErrorList` with all mistakes of the sections; no data is read.
    """
    return experiment_of(load_graph(path, overrides), stored)


def experiment_of(graph: Graph, stored: Path | None = None) -> Experiment:
    """The experiment of a graph that has been read; each call draws its weights again, with the same seed.

    Raises as `load_experiment`.
    """
    for warning in graph.of_sections:
        warnings.warn(warning, stacklevel=3)
    # All sections are read before anything is raised: the user corrects them in one go.
    errors: list[MirbricksError] = []
    feature = _feature(graph, errors)
    dataset = _section(graph, "dataset", DatasetConfig, errors)
    train = _section(graph, "train", TrainConfig, errors)
    try:
        task = task_of(graph, feature or DEFAULT())
    except MirbricksError as error:
        if isinstance(error, ErrorList):
            errors += error.errors
        else:
            errors.append(error)
    raise_all(errors)

    # The first weights are drawn here: the seed stands right before, and nothing random between.
    torch.manual_seed(train.seed)
    model = compile_graph(graph)
    open_parts(task, graph, stored, load_run)

    # What the model as a whole cannot do; none of it would be seen before the first step.
    task.check_graph(model)
    refuse_no_weights(model, graph.source.key(("layers",)))
    refuse_one_example(model, train.batch_size)
    refuse_unknown_nodes(model, train, graph.source.key(("train",)))
    return Experiment(graph, model, feature, dataset, task, train)


def _section(
    graph: Graph, name: str, model: type[Any], errors: list[MirbricksError]
) -> Any:
    return read_config(
        model, graph.source.data.get(name, {}), graph.source, (name,), name, errors
    )


def _feature(graph: Graph, errors: list[MirbricksError]) -> Any:
    try:
        model = config_of(
            graph.source.data.get("feature"), graph.source.value(("feature", "type"))
        )
    except DataError as error:
        errors.append(error)
        return None
    return _section(graph, "feature", model, errors)


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
