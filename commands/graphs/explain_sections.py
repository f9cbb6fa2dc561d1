"""What `mirbricks explain` prints on the sections of a graph file: tasks, features, dataset, train."""

from __future__ import annotations

from inspect import cleandoc

from pydantic import BaseModel

from ..wrapping import wrapped_text
from .field_lines import field_lines

Section = tuple[str, str, type[BaseModel]]  # heading, text, settings


def sections() -> dict[str, Section]:
    """Every section by its name, and every task and feature by its type."""
    # Here, since the tasks take a second to import.
    from ...features.base import features
    from ...tasks.finding import tasks
    from ...training.optimization import TrainConfig
    from ...workflows.experiment import DatasetConfig

    found = {
        "dataset": _section("the section `dataset:`", DatasetConfig, DatasetConfig),
        "train": _section("the section `train:`", TrainConfig, TrainConfig),
    }
    for name, feature in features().items():
        heading = f"a feature, `feature: {{type: {name}}}`"
        found[name] = _section(heading, feature, feature.Config)
    for name, task in tasks().items():
        heading = f"a task, `task: {{type: {name}}}`"
        found[name] = _section(heading, task, task.Config)
    return found


def _section(heading: str, documented: object, config: type[BaseModel]) -> Section:
    return heading, cleandoc(documented.__doc__ or ""), config


def section_of(name: str) -> str | None:
    """The text on one of them, or None."""
    known = sections()
    if name not in known:
        return None
    heading, text, config = known[name]
    lines = [
        f"{name} ({heading})",
        "",
        wrapped_text(text),
        "",
        *field_lines("setting", config),
    ]
    return "\n".join(lines)
