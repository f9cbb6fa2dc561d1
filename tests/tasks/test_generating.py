"""Every task that makes sounds refuses the same things in the same words."""

from __future__ import annotations

from typing import Any

import pytest

from mirbricks.errors import TaskError
from mirbricks.tasks.base import TASKS
from mirbricks.tasks.generating import GeneratingTask

GENERATING = [name for name, task in TASKS.all().items() if task.generates]


def test_there_are_several() -> None:
    assert {
        "adversarial_generation",
        "latent_generation",
        "sample_generation",
        "token_generation",
    } <= set(GENERATING)


@pytest.mark.parametrize("name", GENERATING)
def test_nothing_is_predicted_from_a_recording(name: str) -> None:
    task: Any = object.__new__(TASKS.get(name))
    assert isinstance(task, GeneratingTask)
    with pytest.raises(TaskError) as caught:
        task.predict(None, None, {})
    assert str(caught.value) == (
        f"{name} makes sounds, and predicts nothing from a recording\n"
        "  help: use `mirbricks generate`     [E514]"
    )


@pytest.mark.parametrize("name", GENERATING)
def test_an_empty_corpus_has_no_recordings(name: str) -> None:
    task: Any = object.__new__(TASKS.get(name))
    task.config = type("Config", (), {"conditions": ()})
    with pytest.raises(TaskError, match="there are no recordings") as caught:
        task.tracks([])
    assert caught.value.code == "E503"
