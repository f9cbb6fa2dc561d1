"""One command of mirbricks in a process of its own, forked from one that has imported everything."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import re
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbricks.cli import main

from .steps import Steps

LIMIT_S = 240.0
LOADERS_END = 127  # the exit code of the C library's own end
NO_THREAD_DATA = "cannot allocate memory for thread-local data: ABORT"
CRASHED = 99  # the exit code where an exception came through
# What steps.c and faulthandler write of a crash: the innermost call comes first.
_NATIVE = re.compile(r"^Native calls:\n((?:.*\[0x[0-9a-f]+\]\n)+)", re.MULTILINE)
_CALL = re.compile(r'most recent call first\):\n  File "([^"]+)", line (\d+) in (\S+)')
# Of the system, and the library that prints: they were called by what crashed.
_OF_SYSTEM = ("/lib/", "/lib64/", "/usr/lib/", "linux-vdso", "/tmp/mirbricks-steps")


@dataclass(frozen=True)
class Ended:
    """How a command ended: `code` is its exit code, or less than 0 for the signal that ended it.

    cpu_s      of it and of the processes that it has waited for
    steps      changes below the watched folder
    failed     the kind of the first change that was let fail
    allocated  large allocations, where they were counted
    """

    code: int
    out: str
    error: str
    seconds: float
    cpu_s: float
    steps: int = 0
    failed: str = ""
    allocated: int = 0

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def crash(self) -> tuple[str, str]:
        """The package whose library crashed, and the call of Python that led to it; both empty without a crash.

        Of a library outside of packages, such as Python's own, the name of its file.
        """
        # The C library ends the process itself where a thread gets no memory of its own, and calls nobody.
        if self.code == LOADERS_END and NO_THREAD_DATA in self.error:
            return "glibc", "thread-local data"
        native = _NATIVE.search(self.error)
        call = _CALL.search(self.error)
        if self.code >= 0 or native is None or call is None:
            return "", ""
        file, line, name = call.groups()
        return _library_of(native[1].splitlines()), f"{Path(file).name}:{line}, {name}"

    @property
    def clean(self) -> bool:
        """Whether a user would see no traceback: success, or one message."""
        if self.code == 0:
            return True
        told = self.code == 1 and bool(self.error.strip())
        return told and "Traceback (most recent call last)" not in self.error


def _library_of(calls: Sequence[str]) -> str:
    """The package that was being run, by native calls, the innermost first; else the name of a library."""
    own = [one for one in calls if not one.startswith(_OF_SYSTEM)]
    for one in own:
        _, _, inside = one.partition("(")[0].partition("/site-packages/")
        if inside:
            return inside.partition("/")[0].removesuffix(".libs")
        # A package that calls Python in a wrong state crashes within Python's library; what runs bytecode is Python.
        if "python" not in Path(one.partition("(")[0]).name or "_PyEval_Eval" in one:
            break
    return Path([*own, *calls][0].partition("(")[0]).name


def run(
    words: Sequence[str],
    home: Path,
    before: Callable[[Steps], None] | None = None,
    kill_after_s: float | None = None,
) -> Ended:
    """Run `mirbricks WORDS` in a fork of this process, with `home` as the folder of its temporary files.

    before        called in the child: what is to happen to its changes
    kill_after_s  when to send SIGKILL to it and to its children
    """
    home.mkdir(parents=True, exist_ok=True)
    told = [home / name for name in ("out", "error", "counts")]
    for path in told:
        path.unlink(missing_ok=True)
    began_s = time.monotonic()
    child = os.fork()
    if not child:
        _in_child(words, home, told, before)
    code, cpu_s = _waited(child, kill_after_s)
    seconds = time.monotonic() - began_s
    # A process that was killed at once has written nothing.
    out, error, noted = (
        path.read_text(errors="replace") if path.exists() else "" for path in told
    )
    counts = json.loads(noted) if noted else {}
    return Ended(code, out, error, seconds, cpu_s, **counts)


def _in_child(
    words: Sequence[str],
    home: Path,
    told: Sequence[Path],
    before: Callable[[Steps], None] | None,
) -> None:
    """Run the command and end the process; never returns."""
    code = CRASHED
    steps = Steps()
    try:
        os.setsid()
        for number, path in enumerate(told[:2], start=1):
            os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), number)
        faulthandler.enable(2)
        steps.name_crashes()
        temporary = home / "tmp"
        temporary.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = str(temporary)
        if before:
            before(steps)
        code = main(list(words))
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    # Nothing that is done from here on may fail, or be counted.
    allocated = steps.allocated
    steps.refuse_memory(0, 0, lasting=False)
    counts = {"steps": steps.done, "failed": steps.failed, "allocated": allocated}
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    with contextlib.suppress(BaseException):
        steps.watch(Path("/nowhere"))
        told[2].write_text(json.dumps(counts))
    os._exit(code)


def _waited(child: int, kill_after_s: float | None) -> tuple[int, float]:
    """The exit code of a child, and its seconds of a core. At its time it is killed, and all that it has started."""
    handle = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        limit_s = LIMIT_S if kill_after_s is None else kill_after_s
        ended = poll.poll(limit_s * 1000)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        # Workers that outlive their caller would write into the next trial.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    finally:
        os.close(handle)
    if not ended and kill_after_s is None:
        raise TimeoutError(f"a command has not ended within {LIMIT_S:g} s")
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def warm(modules: Sequence[str]) -> None:
    """Import what commands import, so that a forked child need not."""
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
