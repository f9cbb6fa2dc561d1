"""The library steps.c, in this process: compiled once, loaded before the C library, driven by ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("steps.c")
KINDS = (
    "",
    "open",
    "write",
    "resize",
    "rename",
    "unlink",
    "mkdir",
    "rmdir",
    "fsync",
    "mapped",
    "linked",
)
_HEAD = struct.Struct("<4q")


@dataclass(frozen=True)
class Change:
    """A change of a file: its kind, one of KINDS; what `number` is depends on it (an offset, a size)."""

    kind: str
    number: int
    path: str
    data: bytes

    @property
    def target(self) -> str:
        """The new name of a file that was renamed."""
        return self.data.decode()


def can_be_seen() -> bool:
    """Whether this machine can run the library at all."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def begin(words: list[str]) -> None:
    """Start this program again with the library loaded, unless it is."""
    if "steps_watch" in _names():
        return
    environment = {**os.environ, "LD_PRELOAD": str(_compiled())}
    os.execve(sys.executable, [sys.executable, "-m", "torture", *words], environment)


def _names() -> set[str]:
    return {name for name in ("steps_watch",) if hasattr(ctypes.CDLL(None), name)}


def _compiled() -> Path:
    # The name has the content in it: another version of the source is another library.
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = Path(tempfile.gettempdir(), f"mirbricks-steps-{digest}.so")
    if not library.exists():
        part = library.with_suffix(f".{os.getpid()}")
        words = ["cc", "-O2", "-shared", "-fPIC", "-o", str(part), str(SOURCE), "-ldl"]
        subprocess.run([*words, "-lpthread"], check=True)
        part.replace(library)
    return library


class Steps:
    """What is done to the changes that this process makes below a folder. Used in a forked child, which then ends."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.steps_done.restype = ctypes.c_long
        self._library.steps_allocated.restype = ctypes.c_long
        self._library.steps_allocations.argtypes = [
            ctypes.c_size_t,
            ctypes.c_long,
            ctypes.c_int,
        ]
        self._library.steps_fail.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int]
        self._library.steps_kill.argtypes = [ctypes.c_long, ctypes.c_int]

    def watch(self, folder: Path, record: Path | None = None) -> None:
        """Count the changes below a folder from here on; write them into a file outside of it."""
        handle = -1
        if record:
            handle = os.open(record, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._library.steps_watch(os.fsencode(folder), handle)

    def fail(self, at: int, error: int, *, lasting: bool) -> None:
        """Let the change `at`, from 1, fail with an error number; `lasting`: all that follow, too."""
        self._library.steps_fail(at, error, lasting)

    def kill(self, at: int, *, torn: bool) -> None:
        """Kill the process before the change `at`; `torn`: if it is a write, after its first half."""
        self._library.steps_kill(at, torn)

    def refuse_memory(self, from_bytes: int, at: int, *, lasting: bool) -> None:
        """Count allocations of so many bytes or more; refuse the one `at`, where it is not 0."""
        self._library.steps_allocations(from_bytes, at, lasting)

    def name_crashes(self) -> None:
        """Print the libraries in which this process crashes, should it crash, before any other report of it."""
        self._library.steps_name_crashes()

    @property
    def done(self) -> int:
        return int(self._library.steps_done())

    @property
    def failed(self) -> str:
        """The kind of the first change that was let fail, or nothing."""
        return KINDS[self._library.steps_failed()]

    @property
    def allocated(self) -> int:
        return int(self._library.steps_allocated())


def changes_in(record: Path) -> Iterator[Change]:
    """What `watch` has written, in order."""
    data = record.read_bytes()
    at = 0
    while at < len(data):
        kind, number, n_path, n_data = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        path = os.fsdecode(data[at : at + n_path])
        at += n_path
        yield Change(KINDS[kind], number, path, data[at : at + n_data])
        at += n_data
