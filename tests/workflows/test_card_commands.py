"""The commands on a model's card: those that its task has."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.workflows.card import _commands
from mirbricks.workflows.loading import load_experiment

GRAPHS = Path(mb.__file__).parent / "graphs"


@pytest.mark.parametrize(
    ("graph", "command"),
    [
        ("mpe_small", "$ mirbricks predict zoo:toy song.wav"),
        ("separation_small", "$ mirbricks separate zoo:toy song.wav --out DIR"),
    ],
)
def test_a_card_names_the_command_of_its_task(graph: str, command: str) -> None:
    shown = _commands("toy", load_experiment(GRAPHS / f"{graph}.yaml")).splitlines()
    assert shown[1:-1] == [
        "$ mirbricks evaluate zoo:toy --data DIR --json",
        command,
    ]
