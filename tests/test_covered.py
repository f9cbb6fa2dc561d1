"""Which rooms and files the count of reached lines names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def covered(script: Callable[[str], ModuleType]) -> ModuleType:
    """The script, which is no part of the package."""
    return script("covered.py")


def one(lines: int, reached: int, branches: int, took: int) -> dict[str, Any]:
    summary = {"num_statements": lines, "covered_lines": reached}
    summary |= {"num_branches": branches, "covered_branches": took}
    missing = list(range(reached + 1, lines + 1))
    return {"summary": summary, "missing_lines": missing}


FILES = {
    "data/a.py": one(100, 90, 10, 5),
    "data/stores/b.py": one(50, 50, 10, 10),
    "errors.py": one(40, 10, 0, 0),
    "short.py": one(4, 0, 0, 0),
}


def test_rooms_add_up(covered: ModuleType) -> None:
    rooms = covered.by_room(FILES)
    assert rooms["data"].of_lines == pytest.approx(100 * 140 / 150)
    assert rooms["data"].of_branches == 75.0
    rows = covered.table(rooms, rooms["data"])
    assert rows[2] == "| data | 150 | 93.3 % | 20 | 75.0 % |"
    assert rows[3] == "| . | 44 | 22.7 % | 0 | 0.0 % |"


def test_the_least_reached_come_first_with_their_lines(covered: ModuleType) -> None:
    named = list(covered.least_reached(FILES))
    assert named[0].startswith(" 25.0 %  errors.py: 30 lines, 11, 12, 13")
    assert [line.split()[2] for line in named] == ["errors.py:", "data/a.py:"]


@pytest.mark.parametrize(
    ("reached", "branches", "code"), [(95, 9, 0), (94, 9, 1), (95, 8, 1)]
)
def test_below_the_goal_is_a_failure(
    covered: ModuleType,
    reached: int,
    branches: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- coverage -->\nold\n<!-- /coverage -->\nb\n")
    files = {"data/a.py": one(100, reached, 10, branches)}
    monkeypatch.setattr(covered, "_data", lambda _: {"files": files})
    assert covered.main(["--write", str(page)]) == code
    text = page.read_text()
    assert text.startswith("a\n<!-- coverage -->\n| room |")
    assert text.endswith("\n<!-- /coverage -->\nb\n")
    assert f"| all | 100 | {reached}.0 % |" in text
    assert "old" not in text
