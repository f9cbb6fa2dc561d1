"""The lock of a run folder."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.errors import MirbricksError, RunError
from mirbricks.runs.folder import RunFolder


def refusal(call: Callable[[], Any], kind: type[MirbricksError] = RunError) -> str:
    with pytest.raises(MirbricksError) as caught:
        call()
    assert isinstance(caught.value, kind)
    return str(caught.value)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "new" / "run")


def test_the_lock_excludes_and_goes_away(run: RunFolder) -> None:
    with run.locked():
        owner = f"process {os.getpid()} on {os.uname().nodename}"
        assert (run.path / ".lock").read_text() == owner + "\n"
        assert refusal(lambda: RunFolder(run.path).locked().__enter__()) == (
            f"'{run.path}' is in use by another training ({owner})\n"
            "  help: wait until it ends, stop it, or choose another folder     [E604]"
        )
    assert not (run.path / ".lock").exists()
    with run.locked():
        pass


def test_the_lock_can_be_taken_again_by_its_holder(run: RunFolder) -> None:
    with run.locked():
        with run.locked():
            pass
        assert "[E604]" in refusal(lambda: RunFolder(run.path).locked().__enter__())
    with RunFolder(run.path).locked():
        assert "[E604]" in refusal(lambda: run.locked().__enter__())


def test_a_lock_that_its_owner_removes_meanwhile_is_made_anew(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, path = fcntl.flock, run.path / ".lock"
    left: list[str] = ["first"]

    def removed_before(descriptor: int, operation: int) -> None:
        if left:
            left.pop()
            path.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_before)
    with run.locked():
        assert "[E604]" in refusal(lambda: RunFolder(run.path).locked().__enter__())
    assert not left


def test_the_lock_of_a_killed_process_is_taken_over(run: RunFolder) -> None:
    code = (
        "import sys, time\nfrom mirbricks.runs.folder import RunFolder\n"
        "with RunFolder(sys.argv[1]).locked():\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    assert f"(process {owner.pid} on " in refusal(lambda: run.locked().__enter__())
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert (run.path / ".lock").exists()
    with run.locked():
        assert f"process {os.getpid()} on" in (run.path / ".lock").read_text()


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    message = refusal(
        lambda: RunFolder(tmp_path / "file").locked().__enter__(), MirbricksError
    )
    assert message == (
        f"cannot write '{tmp_path / 'file' / '.lock'}': File exists\n"
        "  help: free some space or choose a folder that can be written     [E408]"
    )
