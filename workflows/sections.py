"""The sections of an experiment, read from a graph: feature, dataset, train, and the task that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..compiler.language.configs import read_config
from ..compiler.language.graph import Graph
from ..compiler.module import GraphModule
from ..errors import DataError, ErrorList, MirbricksError, RunError
from ..features.kinds import DEFAULT, config_of
from ..tasks.base import Task
from ..tasks.finding import task_of
from ..training.batch_norm import refuse_one_example
from ..training.chosen import refuse_unknown_nodes
from ..training.loop import TrainConfig
from ..training.optimization import refuse_no_weights
from ..training.sharding import refuse_single_numbers, refuse_turns
from .experiment import DatasetConfig

CONFIGS: Mapping[str, type[Any]] = {"dataset": DatasetConfig, "train": TrainConfig}


@dataclass(frozen=True)
class Sections:
    """The validated sections of a graph; None for one with a mistake."""

    feature: Any
    dataset: Any
    train: Any
    task: Task | None


def read_sections(graph: Graph, errors: list[MirbricksError]) -> Sections:
    """Every section of a graph; adds all that is wrong with them to `errors`."""
    feature = read_section(graph, "feature", errors)
    dataset = read_section(graph, "dataset", errors)
    train = read_section(graph, "train", errors)
    task = None
    try:
        task = task_of(graph, feature or DEFAULT())
    except MirbricksError as error:
        if isinstance(error, ErrorList):
            errors += error.errors
        else:
            errors.append(error)
    return Sections(feature, dataset, train, task)


def refuse_untrainable(
    graph: Graph, model: GraphModule, train: TrainConfig, task: Task
) -> None:
    """Whether graph and task have what the settings of `train:` ask for. Raises RunError E621, E625 to E627, E629."""
    refuse_no_weights(model, graph.source.key(("layers",)))
    refuse_one_example(model, train.batch_size)
    refuse_unknown_nodes(model, train, graph.source.key(("train",)))
    if train.order == "parts" and not task.in_order:
        raise RunError(
            f"train.order: parts is not for the task '{task.name}', which chooses its recordings itself",
            code="E629",
            where=graph.source.key(("train", "order")),
            help="leave train.order out",
        )
    if train.sharding == "full":
        where = graph.source.key(("train", "sharding"))
        refuse_single_numbers(model, where)
        if "graph" in task.parts.values():
            raise refuse_turns(where)


def read_section(graph: Graph, name: str, errors: list[MirbricksError]) -> Any:
    """The section of a name but `task`, which reads the others too; None after adding what is wrong with it."""
    if name == "feature":
        return _feature(graph, errors)
    return _config(graph, name, CONFIGS[name], errors)


def _feature(graph: Graph, errors: list[MirbricksError]) -> Any:
    try:
        model = config_of(
            graph.source.data.get("feature"), graph.source.value(("feature", "type"))
        )
    except DataError as error:
        errors.append(error)
        return None
    return _config(graph, "feature", model, errors)


def _config(
    graph: Graph, name: str, model: type[Any], errors: list[MirbricksError]
) -> Any:
    values = graph.source.data.get(name, {})
    return read_config(model, values, graph.source, (name,), name, errors)
