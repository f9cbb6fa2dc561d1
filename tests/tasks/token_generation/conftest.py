"""Fixtures over the toys beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_codes import Notes, notes_in, task_of


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Notes:
    """Twelve notes: two instruments and six pitches."""
    return notes_in(tmp_path_factory.mktemp("notes"))


@pytest.fixture
def make_task() -> Callable[..., tuple[Any, Any]]:
    """make_task(pattern=..., conditions={name: rows}, graph=..., **settings): the task and a graph that it checked."""
    return task_of
