"""Worker processes: the outcomes, and the caller's folder. That a worker was killed: tests/features/test_cache.py."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
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


def test_the_folder_that_workers_began_in_may_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("begun", "next"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(folder, encoding="utf-8")
        monkeypatch.chdir(tmp_path / folder)
        assert list(in_workers(read, [("a",), ("a",)], 2, what="reads")) == [folder] * 2
        shutil.rmtree(tmp_path / folder)


def test_outcomes_as_they_come_are_all_there() -> None:
    outcomes = in_workers(
        abs, ((-number,) for number in range(20)), 2, what="counts", in_order=False
    )
    assert sorted(outcomes) == list(range(20))


KILLED = """
import os, sys, time
from pathlib import Path
from mirbricks.data.workers import in_workers

def work(folder, number):
    Path(folder, f"{os.getpid()}.pid").touch()
    time.sleep(100)

if __name__ == "__main__":
    list(in_workers(work, ((sys.argv[1], n) for n in range(4)), 2, what="sleeps"))
"""


def is_running(pid: int) -> bool:
    """A zombie, whom nobody has waited for, does not run."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_end_when_their_caller_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(KILLED, encoding="utf-8")
    caller = subprocess.Popen([sys.executable, "script.py", "."], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(pids := [int(path.stem) for path in tmp_path.glob("*.pid")]) < 2:
        assert caller.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert all(map(is_running, pids))
    caller.kill()
    caller.wait()
    deadline = time.monotonic() + 20
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, "the workers go on"
        time.sleep(0.05)
