"""Which tasks there are, and the one that a graph names."""

from __future__ import annotations

from ..augment.base import augmentations
from ..compiler.language.graph import Graph
from ..compiler.language.source import Source
from ..errors import TaskError, Where
from ..features.base import FeatureConfig, features
from .base import TASKS, Task, TaskConfig


def tasks() -> dict[str, type[Task]]:
    """Every task by name, those of installed packages with them, sorted."""
    return TASKS.all()


def get_task(name: str, where: Where | None = None) -> type[Task]:
    """The task of a name. Raises TaskError E500 with the nearest names."""
    return TASKS.get(name, where)


def task_of(graph: Graph, feature: FeatureConfig) -> Task:
    """The task that a graph's section `task:` describes.

    Raises TaskError E500 for an unknown or a missing type, E501 for a feature that it does not read; GraphError E105,
    E106, E108 for every bad setting.
    """
    section = graph.source.data.get("task")
    if isinstance(section, dict):
        name = section.get("type")
    else:
        name = None
    if not isinstance(name, str):
        raise TaskError(
            "the graph names no task",
            code="E500",
            where=graph.source.value(("task",)),
            help=f"add `task: {{type: ...}}`; tasks are: {', '.join(tasks())}",
        )
    cls = get_task(name, graph.source.value(("task", "type")))
    config = graph.section("task", cls.Config)
    if not isinstance(feature, cls.features):
        known = [
            name
            for name, kind in features().items()
            if issubclass(kind.Config, cls.features)
        ]
        # The feature of a section without `type` comes first: it is what most graphs of such a task read.
        known.sort(key=lambda name: name != "hcqt")
        raise TaskError(
            f"the task '{name}' does not read the feature '{feature.type}'",
            code="E501",
            where=graph.source.value(("feature", "type")),
            help=f"it reads {', '.join(known)}: write `feature: {{type: {known[0]}}}`",
        )
    if cls.mono and feature.audio_channels > 1:
        raise TaskError(
            f"the task '{name}' reads audio of one channel, and the feature has {feature.audio_channels}",
            code="E501",
            where=graph.source.value(("feature", "channels")),
            help="leave feature.channels out: the mean of the channels is read then",
        )
    refuse_augment(cls, config, feature, graph.source)
    return cls(config, feature)


def refuse_augment(
    cls: type[Task], config: TaskConfig, feature: FeatureConfig, source: Source
) -> None:
    """Raise TaskError E501 for an entry of `task.augment` that changes something else than the task's patches, or would
    take what sounds away from its targets.
    """
    if feature.type == "waveform":
        domain = "waveform"
    else:
        domain = "spectrum"
    for place, step in enumerate(getattr(config, "augment", ())):
        one = augmentations()[step.name]
        if one.domain == domain and not (cls.local and one.moves):
            continue
        message = f"{step.name} changes a {one.domain}, and the feature '{feature.type}' is a {domain}"
        if one.domain == domain:
            message = f"{step.name} moves what sounds, and the targets of '{cls.name}' would stay where they are"
        fine = [
            name
            for name, of in augmentations().items()
            if of.domain == domain and not (cls.local and of.moves)
        ]
        where = source.value(("task", "augment", place))
        raise TaskError(
            message, code="E501", where=where, help=f"take one of {', '.join(fine)}"
        )
