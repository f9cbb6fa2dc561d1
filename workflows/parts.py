"""The further models of an experiment, which its section `task:` names: made, opened, kept in the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..compiler.compile import compile_graph, load_graph
from ..compiler.language.graph import Graph
from ..compiler.module import GraphModule
from ..compiler.saved import resolved_yaml
from ..data.stores.together import write_together
from ..errors import ErrorList, MirbricksError, TaskError, Where
from ..runs.folder import GRAPH, MODELS, RESOLVED, WEIGHTS, RunFolder
from ..runs.settings import RunSettings
from ..runs.weights import packed
from ..tasks.base import Task
from ..tasks.parts import Openable, frozen
from ..tasks.trained import Trained
from ..zoo import CARD, GRAPHS
from .experiment import Experiment
from .without_paths import without_paths

Load = Callable[[RunFolder], tuple[Experiment, RunSettings]]
MARK = "A model that a run uses and keeps; its own card is where it came from.\n"


def open_parts(
    task: Task,
    graph: Graph,
    stored: Path | None,
    load_run: Load,
    replaced: Sequence[str] = (),
) -> None:
    """Fill `task.models` with what the settings of the task name.

    Parameters
    ----------
    task : Task
        Its `parts` say which settings name models.
    graph : Graph
        The graph whose section `task:` it is: graph files are looked for beside it.
    stored : Path, optional
        The folder of a run, or of a packed model, which holds its models itself.
    load_run : callable
        Opens the run of a trained model, which may use further ones in the same way.
    replaced : sequence of str
        Settings that were given another value: where sounds can be made with another model, such as an ear, it is the
        one that the setting names now, and not the one that the run holds.

    Raises
    ------
    TaskError, GraphError, RunError
        E516 for a setting that names no such model; what reading it raises, at the place of the setting.
    """
    for name, kind in task.parts.items():
        value = getattr(task.config, name)
        if value is None:
            continue
        folder = _stored(stored, name)
        if name in replaced and name in task.of_sampling:
            folder = None
        where = graph.source.value(("task", name))
        if kind == "graph":
            module = _graph_part(name, value, graph, stored, folder, where)
            # A packed model carries only what is used after the training.
            if module is not None:
                task.models[name] = module
        else:
            if stored is not None and folder is None:
                _refuse_lacking(name, value, where)
            task.models[name] = _trained_part(name, value, folder, where, load_run)


def _refuse_lacking(name: str, value: Any, where: Where) -> None:
    """Raise TaskError E516 where a packed model names a folder of its own that it does not have."""
    own = f"{MODELS}/{name}"
    if value == own:
        raise TaskError(
            f"task.{name}: the packed model lacks its folder '{own}'",
            code="E516",
            where=where,
            help="take the whole folder from where it came from again",
        )


def _stored(run: Path | None, name: str) -> RunFolder | None:
    """The folder of a model inside a run; None where the run does not hold it."""
    if run is None:
        return None
    part = RunFolder(run).part(name)
    return part if part.path.is_dir() else None


def _graph_part(
    name: str,
    value: Any,
    graph: Graph,
    stored: Path | None,
    folder: RunFolder | None,
    where: Where,
) -> GraphModule | None:
    """The module of a graph file; in a run that of its own copy, with the weights of the best validation."""
    if stored is not None:
        if folder is None:
            return None
        module = compile_graph(load_graph(folder.file(GRAPH)))
        if (folder.path / WEIGHTS).exists():
            folder.load_weights(module)
        return module
    path = _graph_path(str(value), Path(graph.source.file).parent)
    try:
        return compile_graph(load_graph(path))
    except ErrorList:
        raise
    except MirbricksError as error:
        # Of a file that is missing the place that names it is the one to look at.
        if error.code != "E101":
            raise
        raise TaskError(
            f"task.{name}: {error.message}",
            code="E516",
            where=where,
            help=error.help or "give the path of a graph file, from this file's folder",
        ) from None


def _graph_path(value: str, beside: Path) -> str | Path:
    """A file beside the graph, one that comes with mirbricks, or the path as it is."""
    for folder in (beside, GRAPHS):
        for path in (folder / value, folder / f"{value}.yaml"):
            if path.is_file():
                return path
    return beside / value


def _trained_part(
    name: str,
    value: Any,
    folder: RunFolder | None,
    where: Where,
    load_run: Load,
) -> Any:
    """A trained model: from the run that keeps it, from where the settings say, or what known settings open."""
    known = isinstance(value, Openable)
    try:
        if known:
            return value.opened(folder.path if folder else None)
        return trained(folder or RunFolder.open(str(value)), load_run)
    except MirbricksError as error:
        if isinstance(error, ErrorList) or error.where is not None:
            raise
        raise TaskError(
            f"task.{name}: {error.message}",
            # What a published model lacks has a page of its own.
            code=error.code if known else "E516",
            where=where,
            facts=error.facts,
            help=error.help,
        ) from error


def trained(run: RunFolder, load_run: Load) -> Trained:
    """A run or a packed model as another experiment uses it: frozen, with the files that the other's run keeps."""
    experiment, settings = load_run(run)
    frozen(experiment.model)
    contents = files_of(run, experiment, settings.model_dump(mode="json"))
    return Trained(experiment.task, experiment.model, settings.tuned, contents)


def files_of(
    run: RunFolder, experiment: Experiment, settings: Mapping[str, Any]
) -> dict[str, bytes]:
    """A model and the models that it uses as a few files, as a packed one has them."""
    # What single tracks scored serves nobody who only uses the model.
    kept = {
        **settings,
        "tracks": {},
        "data": settings["corpus"],
        "command": without_paths(settings["command"]),
    }
    tensors, _ = run.read_weights()
    contents = {
        GRAPH: graph_text(run, experiment).encode(),
        WEIGHTS: packed(tensors, {"settings": json.dumps(kept)}),
        CARD: (run.read_text(CARD) if run.packed else MARK).encode(),
    }
    return contents | inner_files(experiment.task)


def graph_text(run: RunFolder, experiment: Experiment) -> str:
    """The graph of a run with every default, for a folder that holds the models it names itself."""
    sections = experiment.sections()
    # A path means something on one machine only, and may hold a user's name.
    named: dict[str, Any] = {}
    for name in experiment.task.parts:
        value = sections["task"][name]
        if isinstance(value, str):
            named[name] = f"{MODELS}/{name}"
        elif value is not None:
            named[name] = {**value, "weights": Path(value["weights"]).name}
    if not named:
        return run.read_text(RESOLVED)
    sections["task"] |= named
    return resolved_yaml(experiment.model, sections)


def inner_files(task: Task) -> dict[str, bytes]:
    """The files of the trained models that a task uses, each below its place in a run."""
    contents = {}
    for name, part in task.models.items():
        if isinstance(part, nn.Module):
            continue
        for file, content in part.files().items():
            contents[f"{MODELS}/{name}/{file}"] = content
    return contents


def keep_parts(task: Task, run: RunFolder) -> None:
    """Write the models of an experiment into its run: graphs that train beside it, and the whole of trained ones."""
    contents = inner_files(task)
    for name, part in task.models.items():
        if isinstance(part, GraphModule):
            contents[f"{MODELS}/{name}/{GRAPH}"] = resolved_yaml(part, {}).encode()
    folders = {(run.path / name).parent for name in contents}
    for folder in sorted(folders):
        folder.mkdir(parents=True, exist_ok=True)
    write_together(
        {run.path / name: content for name, content in contents.items()}, replace=True
    )


def move(experiment: Experiment, device: torch.device) -> None:
    """Move the model of an experiment, and every model that it uses."""
    experiment.model.to(device)
    for other in experiment.task.models.values():
        other.to(device)
