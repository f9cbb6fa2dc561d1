"""Damaged inputs by the thousand: each ends in success or in a MirbricksError, soon and in bounded memory.

Inputs are read in a child that is watched: a crash or a hang of a library in C costs one input, and is reported like
any other exception. The input `number` of a kind is always the same for one seed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import shutil
import signal
import struct
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mirbricks.errors import MirbricksError

from .strangers import Kind, kinds
from .verbs import emptied

LIMIT_S = 20.0  # of one input, on a machine that has other things to do
MOST_BYTES = 6 << 30  # of address space, torch's own included
_STATE = struct.Struct("<qqqq")  # the input under way, those read, accepted, refused


@dataclass
class Fuzzed:
    """What became of the inputs of one kind. `faults` counts what was neither, by exception and place."""

    kind: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)


def fuzz(
    kind: Kind, folder: Path, seed: int, first: int, count: int, until_s: float
) -> Fuzzed:
    """Read up to `count` inputs, from the number `first` on, until a time of the monotonic clock."""
    found = Fuzzed(kind.name)
    began_s = time.monotonic()
    shared = mmap.mmap(-1, _STATE.size)
    notes = folder / "faults"
    notes.write_text("")
    number = first
    while number < first + count and time.monotonic() < until_s:
        shared[:] = _STATE.pack(number, 0, 0, 0)
        child = os.fork()
        if not child:
            _read_all(kind, folder, seed, (number, first + count), until_s, shared)
        end = _watched(child, shared)
        at, read, accepted, refused = _STATE.unpack(shared[:])
        found.inputs += read
        found.accepted += accepted
        found.refused += refused
        number = at
        if end:
            found.inputs += 1
            _count(found, end, at)
            number = at + 1
    for line in notes.read_text(errors="replace").splitlines():
        at_text, _, what = line.partition(" ")
        _count(found, what, int(at_text))
    found.seconds = time.monotonic() - began_s
    return found


def _count(found: Fuzzed, what: str, number: int) -> None:
    found.faults[what] += 1
    found.first.setdefault(what, number)


def _watched(child: int, shared: mmap.mmap) -> str:
    """Wait for a child; what it died of, or nothing. One that stays with an input for too long is killed."""
    last = (-1, time.monotonic())
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return "" if code == 0 else f"the process died of {_name(code)}"
        number = _STATE.unpack(shared[:])[0]
        now_s = time.monotonic()
        if number != last[0]:
            last = (number, now_s)
        elif now_s - last[1] > LIMIT_S:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"a hang of more than {LIMIT_S:g} s"
        time.sleep(0.05)


def _name(code: int) -> str:
    if code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _read_all(
    kind: Kind,
    folder: Path,
    seed: int,
    numbers: tuple[int, int],
    until_s: float,
    shared: mmap.mmap,
) -> None:
    """Read inputs and end the process; never returns."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    warnings.simplefilter("ignore")
    os.environ["MIRBRICKS_CACHE"] = str(folder / "cache")
    counts = [0, 0, 0]
    number = numbers[0]
    with (folder / "faults").open("a") as notes:
        while number < numbers[1] and time.monotonic() < until_s:
            shared[:] = _STATE.pack(number, *counts)
            what = one(kind, folder, seed, number)
            counts[0] += 1
            counts[1] += what == ""
            counts[2] += what == "refused"
            if what not in ("", "refused"):
                notes.write(f"{number} {what}\n")
                notes.flush()
            number += 1
    shared[:] = _STATE.pack(number, *counts)
    os._exit(0)


def one(kind: Kind, folder: Path, seed: int, number: int) -> str:
    """Read one input: "" where it was accepted, "refused", or what came instead, with its place."""
    at = emptied(folder / "input")
    rng = np.random.default_rng([seed, number, *kind.name.encode()])
    kind.damaged(rng, at)
    try:
        kind.read(at)
    except MirbricksError as error:
        # The message is part of it: it must be there, and must not itself raise.
        return "refused" if str(error).strip() else "an empty message"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if "mirbricks" in one.filename]
        last = own[-1] if own else frames[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        text = " ".join(str(error).split())[:120]
        return f"{type(error).__name__} at {place}: {text}"
    return ""


@contextlib.contextmanager
def places() -> Iterator[Path]:
    """A folder in memory where there is one: an input costs no disk."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fuzz_all(seed: int, count: int, seconds: float, first: int = 0) -> list[Fuzzed]:
    """Each kind in its turn, for `count` inputs or an equal share of the time, whichever is less."""
    with places() as folder:
        every = kinds(folder / "sound")
        share_s = seconds / len(every)
        return [
            fuzz(kind, folder, seed, first, count, time.monotonic() + share_s)
            for kind in every
        ]
