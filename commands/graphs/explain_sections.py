"""What `mirbricks explain` says of the sections of a graph file: tasks, features, dataset, train."""

from __future__ import annotations

from inspect import cleandoc

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ...fields import expected, quoted


def sections() -> dict[str, tuple[str, str, type[BaseModel]]]:
    """Of each name the heading, the text and the settings."""
    from ...features.base import features
    from ...tasks.finding import tasks
    from ...training.optimization import TrainConfig
    from ...workflows.experiment import (
        DatasetConfig,
    )  # with the tasks this takes a second to import

    found: dict[str, tuple[str, str, type[BaseModel]]] = {
        "dataset": (
            "the section `dataset:`",
            cleandoc(DatasetConfig.__doc__ or ""),
            DatasetConfig,
        ),
        "train": (
            "the section `train:`",
            cleandoc(TrainConfig.__doc__ or ""),
            TrainConfig,
        ),
    }
    for name, feature in features().items():
        found[name] = (
            f"a feature, `feature: {{type: {name}}}`",
            cleandoc(feature.__doc__ or ""),
            feature.Config,
        )
    for name, task in tasks().items():
        found[name] = (
            f"a task, `task: {{type: {name}}}`",
            cleandoc(task.__doc__ or ""),
            task.Config,
        )
    return found


def section_of(name: str) -> str | None:
    """The text on one of them, or None."""
    if name not in (known := sections()):
        return None
    heading, doc, config = known[name]
    lines = [f"{name} ({heading})", "", doc, "", "settings"]
    for field, info in config.model_fields.items():
        lines.append(
            f"  {field:<18} {expected(info)}; {_default(info)}. {info.description or ''}".rstrip()
        )
    return "\n".join(lines)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel):
        if value is None:
            return "default none"
        return "default as below it"
    return f"default {quoted(value)}"
