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


@pytest.mark.parametrize(
    ("codec", "column", "message", "help"),
    [
        (
            "{type: encodec_24khz, bandwidth_kbps: 2, weights: a}",
            46,
            "task.codec: EnCodec was trained for 1.5, 3, 6, 12, 24 kbit/s",
            None,
        ),
        (
            "{type: encodec_24khz}",
            1,
            "task.codec: 'weights' is missing: a word",
            "add `weights: ...`",
        ),
        (
            "{type: encodec_48khz, weights: a}",
            15,
            "task.codec: 'type' must be one of 'encodec_24khz', 'music2latent', got 'encodec_48khz'",
            "did you mean 'encodec_24khz'?",
        ),
        (
            "{weights: a}",
            1,
            "task.codec: 'type' is missing: one of 'encodec_24khz', 'music2latent'",
            "add `type: ...`",
        ),
        (
            "{type: music2latent, weight: a}",
            29,
            "task.codec has no key 'weight'",
            "did you mean 'weights'?",
        ),
        (
            "3",
            8,
            "task: 'codec' must be a word or a mapping, got 3",
            "codec: the trained codec whose latents are generated: a run, a packed model, zoo:NAME, or a published one",
        ),
    ],
)
def test_of_several_mappings_the_one_that_type_names_is_meant(
    codec: str, column: int, message: str, help: str | None
) -> None:
    text = f"type: latent_generation\ncodec: {codec}\npatch_frames: 8\n"
    (found,) = errors_of(get_task("latent_generation").Config, text)
    assert (found.message, found.help) == (message, help)
    assert found.where is not None
    assert (found.where.line, found.where.column) == (2, column)


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
