"""Damaged inputs by the thousand: each ends in success or in a MirbricksError, soon and in bounded memory.

Inputs are read in a child that is watched, and goes from one to the next: a crash or a hang of a library in C costs one
input and a new child, and is reported like any other exception. The input `number` of a kind is always the same for
one seed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mirbricks.errors import MirbricksError, codes

from . import trial
from .strangers import Kind, kinds
from .verbs import emptied

LIMIT_S = 20.0  # of one input, on a machine that has other things to do
MOST_CPU_S = 5.0  # of one input
MOST_BYTES = 1 << 30  # of address space beyond what the child begins with
KB = 1024
CHILD_INPUTS = 50_000  # of one child: what libraries keep per file ends with it
# What readers import late: a child need not.
WARM = ("jams", "mido", "pandas", "mirbricks.compiler.compile")
# What parent and child share: the number of the input under way, inputs that were accepted, the longest time and the
# highest memory of the child; from CODES on, refusals by their code.
NUMBER, ACCEPTED, SLOWEST_US, SLOWEST_AT, PEAK_KB, CODES = range(6)


@dataclass
class Fuzzed:
    """What became of the inputs of one kind.

    refused    by the code of the error
    faults     what was neither accepted nor refused, by exception and place; `seen` has the first input of each
    slowest_s  seconds of a core of the slowest input, which was `slowest_at`
    peak_mb    the most that the child took beyond what it began with
    """

    kind: str
    first: int
    inputs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    slowest_at: int = 0
    peak_mb: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seen: dict[str, int] = field(default_factory=dict)

    def add_fault(self, what: str, number: int) -> None:
        self.faults[what] += 1
        self.seen.setdefault(what, number)


@dataclass(frozen=True)
class Drawn:
    """Where inputs come from, and until when: `until_s` is a time of the monotonic clock."""

    folder: Path
    seed: int
    first: int
    count: int
    until_s: float

    def goes_on(self, number: int) -> bool:
        return number < self.first + self.count and time.monotonic() < self.until_s


def fuzz(kind: Kind, drawn: Drawn) -> Fuzzed:
    """Read the inputs of a kind, one after the other."""
    found = Fuzzed(kind.name, drawn.first)
    began_s = time.monotonic()
    known = sorted(codes())
    memory = mmap.mmap(-1, 8 * (CODES + len(known)))
    shared = np.frombuffer(memory, np.int64)
    notes = drawn.folder / "faults"
    notes.write_text("")
    number = drawn.first
    while drawn.goes_on(number):
        shared[NUMBER] = number
        child = os.fork()
        if not child:
            _read_all(kind, drawn, known, shared)
        end = _watched(child, shared)
        number = int(shared[NUMBER])
        if end:
            found.add_fault(end, number)
            number += 1
    for line in notes.read_text(errors="replace").splitlines():
        at, _, what = line.partition(" ")
        found.add_fault(what, int(at))
    found.inputs = number - drawn.first
    found.accepted = int(shared[ACCEPTED])
    found.slowest_s = int(shared[SLOWEST_US]) / 1e6
    found.slowest_at = int(shared[SLOWEST_AT])
    found.peak_mb = int(shared[PEAK_KB]) / KB
    counts = zip(known, shared[CODES:].tolist(), strict=True)
    found.refused.update({code: count for code, count in counts if count})
    found.seconds = time.monotonic() - began_s
    return found


def _watched(child: int, shared: NDArray[np.int64]) -> str:
    """Wait for a child; what it died of, or nothing. One that stays with an input for too long is killed."""
    last = (-1, time.monotonic())
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return "" if code == 0 else f"the process died of {_name(code)}"
        number = int(shared[NUMBER])
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
    kind: Kind, drawn: Drawn, known: list[str], shared: NDArray[np.int64]
) -> None:
    """Read inputs and end the process; never returns."""
    _confine(drawn.folder)
    place_of = {code: CODES + place for place, code in enumerate(known)}
    began_kb = _peak_kb()
    number = int(shared[NUMBER])
    last = number + CHILD_INPUTS
    with (drawn.folder / "faults").open("a") as notes:
        while number < last and drawn.goes_on(number):
            began_s = time.process_time()
            what = one(kind, drawn.folder, drawn.seed, number)
            took_s = time.process_time() - began_s
            if took_s > MOST_CPU_S:
                what = f"took more than {MOST_CPU_S:g} s of a core"
            if what == "":
                shared[ACCEPTED] += 1
            elif what in place_of:
                shared[place_of[what]] += 1
            else:
                notes.write(f"{number} {what}\n")
                notes.flush()
            if took_s * 1e6 > shared[SLOWEST_US]:
                shared[SLOWEST_US] = round(took_s * 1e6)
                shared[SLOWEST_AT] = number
            shared[PEAK_KB] = max(int(shared[PEAK_KB]), _peak_kb() - began_kb)
            number += 1
            # Last of all: what the child dies of while this stands is that input's.
            shared[NUMBER] = number
    os._exit(0)


def _confine(folder: Path) -> None:
    """Bound the memory of this process, and let it print nothing."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    warnings.simplefilter("ignore")
    os.environ["MIRBRICKS_CACHE"] = str(folder / "cache")


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def one(kind: Kind, folder: Path, seed: int, number: int) -> str:
    """Read one input: "" where it was accepted, the code of its refusal, or what came instead, with its place."""
    at = folder / "input"
    _clear(at)
    rng = np.random.default_rng([seed, number, *kind.name.encode()])
    kind.damaged(rng, at)
    try:
        kind.read(at)
    except MirbricksError as error:
        # The message is part of it: it must be there, and must not itself raise.
        return error.code if str(error).strip() else "an empty message"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if "mirbricks" in one.filename]
        last = own[-1] if own else frames[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        text = " ".join(str(error).split())[:120]
        return f"{type(error).__name__} at {place}: {text}"
    return ""


def _clear(folder: Path) -> None:
    """As `emptied`, but a folder of few files stays, as it is cleared a thousand times per second."""
    try:
        for path in list(os.scandir(folder)):
            os.unlink(path)  # noqa: PTH108  # as it comes from scandir
    except OSError:
        emptied(folder)


@contextlib.contextmanager
def places() -> Iterator[Path]:
    """A folder in memory where there is one: an input costs no disk."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fuzz_all(
    seed: int,
    count: int,
    seconds: float,
    firsts: Mapping[str, int] | None = None,
    only: str = "",
) -> Iterator[Fuzzed]:
    """Each kind in its turn, for `count` inputs or its share of the time, whichever is less.

    `firsts` has the number of the first input of a kind, where it is not 0; `only` is a part of the names wanted.
    """
    trial.warm(WARM)
    with places() as folder:
        every = [one for one in kinds(folder / "sound") if only in one.name]
        shares = sum(kind.share for kind in every)
        for kind in every:
            until_s = time.monotonic() + seconds * kind.share / shares
            first = (firsts or {}).get(kind.name, 0)
            yield fuzz(kind, Drawn(folder, seed, first, count, until_s))
