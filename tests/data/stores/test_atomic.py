"""Files appear whole or not at all: every call of the system that can fail is made to fail."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores import atomic
from mirbricks.data.stores.atomic import written_whole
from mirbricks.data.stores.hdf5 import write_audio, write_features
from mirbricks.errors import DataError

RAMP = np.linspace(-1, 1, 1000, dtype=np.float32)
OLD = b"the old file"


def write_text(path: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("a new file")


def write_annotations(path: str) -> None:
    definitions = {"filepath": Definition("global", "text", "filepath")}
    Pyjama(definitions, [Entry({"filepath": (Atom("a"),)})]).save(path)


WRITERS: dict[str, Callable[[str], None]] = {
    "text": write_text,
    "audio": lambda path: write_audio(path, [("a", RAMP, 22050)]),
    "features": lambda path: write_features(path, [("a", RAMP[None], {"hop_s": 0.1})]),
    "pyjama": write_annotations,
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failure_of(writer: Callable[[str], None], path: str) -> str:
    """The message of the E408 that a writer raises, "" where it succeeds."""
    try:
        writer(path)
    except DataError as error:
        if error.code != "E408":
            raise
        return error.message
    return ""


class Failing:
    """A function of the system that fails at its n-th call."""

    def __init__(self, function: Callable[..., Any], at: int, number: int) -> None:
        self.function = function
        self.at = at
        self.number = number
        self.calls = 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            raise OSError(self.number, os.strerror(self.number))
        return self.function(*given, **named)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_call_that_fails_leaves_the_old_file_or_the_new_one(
    here: Path, monkeypatch: pytest.MonkeyPatch, writer: str, call: str, number: int
) -> None:
    WRITERS[writer]("new")
    new = Path("new").read_bytes()
    original = getattr(os, call)
    for at in range(1, 10):
        Path("x").write_bytes(OLD)
        failing = Failing(original, at, number)
        monkeypatch.setattr(os, call, failing)
        message = failure_of(WRITERS[writer], "x")
        monkeypatch.setattr(os, call, original)
        if failing.calls < at:
            break
        assert listed(here) == ["new", "x"]
        if message.startswith("cannot write 'x'"):
            assert Path("x").read_bytes() == OLD
        else:  # only the sync of the folder comes after the rename
            assert message.startswith("'x' was written, but may be lost in a power cut")
            assert Path("x").read_bytes() == new
    else:
        pytest.fail(f"'{call}' was called nine times")
    assert at > 1, f"'{call}' was never called"


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = []
    fsync = os.fsync
    replace = os.replace

    def synced(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        done.append("folder" if is_folder else os.fstat(handle).st_size)
        fsync(handle)

    def renamed(*paths: Any) -> None:
        done.append("rename")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    write_text("x")
    assert done == [len("a new file"), "rename", "folder"]


def test_a_folder_that_cannot_be_synced_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fsync", Failing(os.fsync, 2, errno.EINVAL))
    write_text("x")
    assert Path("x").read_text() == "a new file"


KILLED = """
import os, signal
from mirbricks.data.stores.atomic import written_whole
with written_whole("x") as temporary:
    temporary.write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_cleared_when_the_file_is_written_again(
    here: Path,
) -> None:
    write_text("other")
    run = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(listed(here)) == 2
    write_text("other")
    assert len(listed(here)) == 2
    write_text("x")
    assert listed(here) == ["other", "x"]


LIVING = """
import sys
from mirbricks.data.stores.atomic import written_whole
with written_whole("x") as temporary:
    temporary.write_text("the other process")
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_what_a_living_process_writes_is_left_alone(here: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LIVING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "open\n"
        write_text("x")
        assert Path("x").read_text() == "a new file"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait() == 0
    assert Path("x").read_text() == "the other process"
    assert listed(here) == ["x"]


@pytest.mark.parametrize(
    ("owner", "is_cleared"),
    [
        ("4194305", True),  # by an older version; no process has so high a number
        ("HOST-4194305-0", True),
        ("HOST-OWN-999", True),  # of an earlier process of the same number
        ("HOST-1-0", False),
        ("1", False),
        ("00000000-4194305-0", False),  # of another machine
        ("tar", False),  # not ours
        ("", False),
    ],
)
def test_whose_temporary_files_are_cleared(
    owner: str, is_cleared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a folder takes long to list, it is not listed again at once, as by the test before on a busy machine.
    monkeypatch.setattr(atomic, "_listed_at", {})
    owner = owner.replace("HOST", atomic._HOST).replace("OWN", str(os.getpid()))
    left = Path(f".x.{owner}.part")
    left.write_text("half")
    write_text("x")
    assert left.exists() is not is_cleared


def test_files_of_other_targets_are_left_alone(here: Path) -> None:
    other = Path(".x.y.4194305.part")
    other.write_text("half of x.y")
    write_text("x")
    assert listed(here) == [other.name, "x"]


def test_all_that_a_killed_process_wrote_together_is_cleared(here: Path) -> None:
    """Also where the folder was listed a moment ago, as for the file before."""
    for name in "abc":
        Path(f".{name}.{atomic._HOST}-4194305-0.part").write_text("half")
    for name in "abc":
        write_text(name)
    assert listed(here) == ["a", "b", "c"]


IN_THE_WAY = {
    "file/x": "'file' is a file, not a folder\n  help: choose a folder, or the name of one that is to be made",
    "file/a/b/x": "'file' is a file, not a folder\n  help: choose a folder, or the name of one that is to be made",
    "folder": "'folder' is a folder\n  help: rename it, or choose another place",
}


@pytest.mark.parametrize("path", IN_THE_WAY)
def test_what_is_in_the_way_is_named(path: str, here: Path) -> None:
    """Free space would not help."""
    Path("file").write_bytes(OLD)
    Path("folder").mkdir()
    with pytest.raises(DataError) as caught:
        write_text(path)
    assert str(caught.value) == f"cannot write '{path}': {IN_THE_WAY[path]}     [E408]"
    assert listed(here) == ["file", "folder"]


def test_threads_of_one_process_write_the_same_file(here: Path) -> None:
    both = threading.Barrier(2)

    def write(text: str) -> None:
        with written_whole("x") as temporary:
            temporary.write_text(text)
            both.wait(10)

    threads = [threading.Thread(target=write, args=(text * 1000,)) for text in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Path("x").read_text() in ("a" * 1000, "b" * 1000)
    assert listed(here) == ["x"]


def test_a_full_folder_is_not_listed_for_every_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    listings = []
    scandir = os.scandir

    def slow(folder: Path) -> Any:
        listings.append(folder)
        clock[0] += 1.0
        return scandir(folder)

    monkeypatch.setattr(atomic.os, "scandir", slow)
    monkeypatch.setattr(atomic.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(atomic, "_listed_at", {})
    for number in range(100):
        write_text(f"x{number}")
    assert len(listings) == 1
    clock[0] += 100.0
    write_text("x")
    assert len(listings) == 2


FULL_DISK = """
import os, resource, signal
import numpy as np
from pathlib import Path
from mirbricks.data import Atom, Definition, Entry, Pyjama, write_audio, write_features
from mirbricks.errors import DataError

definitions = {"filepath": Definition("global", "text", "filepath")}
entries = [Entry({"filepath": (Atom(f"recording {i}"),)}) for i in range(2000)]
ramp = np.linspace(-1, 1, 5000, dtype=np.float32)
writers = [
    lambda path: Pyjama(definitions, entries).save(path),
    lambda path: write_audio(path, ((str(i), ramp, 22050) for i in range(5))),
    lambda path: write_features(path, ((str(i), ramp[None], {}) for i in range(5))),
]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for writer in writers:
    outcomes = set()
    for limit in [0, 1, 1000, 30_000, 60_000, 100_000, 200_000, 400_000]:
        Path("x").write_text("the old file")
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        try:
            writer("x")
            outcomes.add("written")
        except DataError as error:
            assert error.code == "E408", error
            outcomes.add("refused")
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            assert Path("x").read_text() == "the old file"
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert os.listdir() == ["x"]
    print(*sorted(outcomes))
"""


def test_a_disk_that_is_full_from_any_byte_on_leaves_the_old_file() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout == "refused written\n" * 3


def test_a_folder_appears_whole_or_not_at_all(here: Path) -> None:
    left = Path(f".x.{atomic._HOST}-4194305-0.part")
    left.mkdir()
    (left / "half").write_text("of a killed process")
    with atomic.folder_written_whole("x") as part:
        assert not Path("x").exists()
        (part / "a").mkdir()
        (part / "a" / "b").write_text("one")
    assert listed(here) == ["x"]
    assert Path("x/a/b").read_text() == "one"


def test_a_folder_whose_writing_fails_leaves_nothing(here: Path) -> None:
    def write() -> None:
        with atomic.folder_written_whole("x") as part:
            (part / "a").write_text("one")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write()
    assert listed(here) == []


def test_a_folder_is_never_written_over(here: Path) -> None:
    Path("x").mkdir()
    Path("x/mine").write_text("mine")
    with (
        pytest.raises(DataError, match="'x' is a folder"),
        atomic.folder_written_whole("x"),
    ):
        pass
    assert listed(here) == ["x"]
    assert Path("x/mine").read_text() == "mine"


def test_new_folders_are_synced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut must not take back the folder of a file that is safe."""
    synced = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    monkeypatch.setattr(atomic.os, "fsync", noting)
    write_text("a/b/x")
    assert synced[:2] == [Path.cwd().name, "a"]
    assert synced[-1] == "b"
