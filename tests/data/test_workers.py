"""Worker processes: the outcomes, and the caller's folder. That a worker was killed: tests/features/test_cache.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbricks.data.workers import in_workers


def read(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


def test_relative_paths_are_the_callers_though_workers_live_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two"):  # the second time, the workers of the first are there
        (tmp_path / folder).mkdir()
        for name in "abc":
            (tmp_path / folder / name).write_text(folder + name, encoding="utf-8")
        monkeypatch.chdir(tmp_path / folder)
        outcomes = in_workers(read, ((name,) for name in "abc"), 2, what="reads")
        assert list(outcomes) == [folder + "a", folder + "b", folder + "c"]


def test_outcomes_as_they_come_are_all_there() -> None:
    outcomes = in_workers(
        abs, ((-number,) for number in range(20)), 2, what="counts", in_order=False
    )
    assert sorted(outcomes) == list(range(20))
