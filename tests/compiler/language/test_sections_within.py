"""Mistakes in a mapping within a mapping, such as `losses:` of a task, are reported at their own place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import mirbricks as mb
from mirbricks.compiler.language.configs import read_config
from mirbricks.compiler.language.source import read_text
from mirbricks.errors import MirbricksError
from mirbricks.fields import union_parts
from mirbricks.tasks.finding import get_task

SEPARATION = """\
type: separation
targets: [low]
patch_frames: 1024
losses: {lone: 1, snr: -1}
remix: {semitones: x, gain: 3}
"""


def errors_of(model: type[BaseModel], text: str) -> list[MirbricksError]:
    errors: list[MirbricksError] = []
    source = read_text(text, "task.yaml")
    read_config(model, source.data, source, (), "task", errors)
    return errors


def test_each_mistake_has_its_own_message_and_place() -> None:
    found = errors_of(get_task("separation").Config, SEPARATION)
    told = sorted(
        (one.where.line, one.where.column, one.message) for one in found if one.where
    )
    assert told == [
        (4, 10, "task.losses has no key 'lone'"),
        (4, 24, "task.losses: 'snr' must be a number ≥ 0, got -1"),
        (5, 20, "task.remix: 'semitones' must be a number ≥ 0, got 'x'"),
        (5, 23, "task.remix has no key 'gain'"),
    ]
    helps = [one.help for one in found if one.message.endswith("'gain'")]
    assert helps == ["did you mean 'gain_db'?"]


def sections() -> Iterator[tuple[str, str]]:
    """Every task with every mapping within its settings."""
    for task in mb.list_tasks():
        for name, field in get_task(task).Config.model_fields.items():
            parts = union_parts(field.annotation)
            models = [
                part
                for part in parts
                if isinstance(part, type) and issubclass(part, BaseModel)
            ]
            if len(models) == 1:
                yield task, name


@pytest.mark.parametrize(("task", "section"), list(sections()))
def test_an_unknown_key_is_named_in_every_section(task: str, section: str) -> None:
    found = errors_of(get_task(task).Config, f"{section}: {{qqqqq: 1}}\n")
    assert f"task.{section} has no key 'qqqqq'" in [one.message for one in found]
