"""SIGKILL at random moments of every verb that writes; then the same command again.

Half of the moments are drawn from the time that the command takes, half from its changes of files: the process ends
before the n-th of them, or in the middle of it where that is a write. A trial kills once, twice or three times, each
time as the command goes on from the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mirbricks.data.importing import corpus as importing
from mirbricks.features import cache as caching

from .steps import Steps
from .trial import Ended
from .verbs import Verb
from .workshop import Undisturbed, Workshop, names_in

# Kills per verb, of the short form and of the long one; the slow verbs have fewer.
SHORT = {"train": 4, "extract": 6, "import": 6, "pack": 4, "fetch": 6}
LONG = {
    "train": 16,
    "extract": 50,
    "extract, 2 workers": 3,
    "import": 50,
    "pack": 50,
    "generate": 4,
    "separate": 4,
    "fetch": 50,
}
MOST_IN_A_ROW = 3
OF_SQLITE = "-journal"  # with which SQLite itself goes on


@dataclass
class Kills:
    """What the kills of one verb have led to. `faults` says what was not as it must be, with the moment."""

    verb: str
    asked: int
    killed: int = 0
    in_time: int = 0
    at_a_change: int = 0
    trials: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Moment:
    """When a process is killed: after some seconds, or at a change of a file, which may be half done."""

    after_s: float | None = None
    at: int = 0
    torn: bool = False

    def __str__(self) -> str:
        if self.after_s is not None:
            return f"after {self.after_s:.3f} s"
        return f"at change {self.at}{' (half written)' if self.torn else ''}"


def kill(shop: Workshop, verb: Verb, count: int, seed: int) -> Kills:
    """Kill a verb `count` times."""
    rng = np.random.default_rng([seed, *verb.name.encode()])
    found = Kills(verb.name, count)
    undisturbed = shop.undisturbed(verb)
    longest_s = undisturbed.ended.seconds
    while found.killed < count:
        found.trials += 1
        out = shop.place(verb)
        moments = []
        for number in range(int(rng.integers(1, MOST_IN_A_ROW + 1))):
            moment = _drawn(rng, longest_s, undisturbed.ended.steps, verb.workers)
            ended = _killed(shop, verb, out, moment, again=number > 0)
            moments.append(str(moment))
            if ended.killed:
                found.killed += 1
                found.in_time += moment.after_s is not None
                found.at_a_change += moment.after_s is None
            elif not ended.clean:
                found.faults.append(f"{_row(moments)}: {ended.error}")
            fault = half_of(verb, undisturbed, out)
            if fault:
                found.faults.append(f"{_row(moments)}: {fault}")
            if not ended.killed:
                # The command was done before its end could come: the next trial ends it earlier.
                longest_s = min(longest_s, ended.seconds)
                break
        ended = shop.run(verb, out, again=True, before=_with_workers(verb))
        fault = fault_of(verb, undisturbed, out, ended)
        if fault:
            found.faults.append(f"{_row(moments)}, then again: {fault}")
    return found


def _row(moments: Sequence[str]) -> str:
    return "killed " + ", ".join(moments)


def _drawn(
    rng: np.random.Generator, longest_s: float, steps: int, workers: bool
) -> Moment:
    # Which of several processes a change is of, no count of one process says.
    if workers or rng.random() < 0.5:
        return Moment(after_s=float(rng.uniform(0.0, longest_s)))
    return Moment(at=int(rng.integers(1, steps + 1)), torn=bool(rng.random() < 0.5))


def _killed(
    shop: Workshop, verb: Verb, out: Path, moment: Moment, *, again: bool
) -> Ended:
    def before(steps: Steps) -> None:
        workers = _with_workers(verb)
        if workers:
            workers(steps)
        if moment.at:
            steps.watch(out.parent)
            steps.kill(moment.at, torn=moment.torn)

    return shop.run(verb, out, again=again, before=before, kill_after_s=moment.after_s)


def _with_workers(verb: Verb):  # type: ignore[no-untyped-def]  # of `before`
    if not verb.workers:
        return None

    def before(_: Steps) -> None:
        # Work that is short is done without workers: these are to be killed, too.
        caching.PARALLEL_AFTER_S = 0.0
        importing.PARALLEL_AFTER_S = 0.0

    return before


def half_of(verb: Verb, undisturbed: Undisturbed, out: Path) -> str:
    """What a killed command has left that is neither old nor new; nothing where all is well."""
    if not out.exists():
        return ""
    try:
        verb.readable(out)
        essence = verb.essence(out)
    except Exception as error:
        return f"cannot be read: {type(error).__name__}: {error}"
    for name, content in essence.items():
        hidden = any(part.startswith(".") for part in Path(name).parts)
        hidden = hidden or name.endswith(OF_SQLITE)
        # What a verb writes more than once has other contents on the way; `readable` has read it.
        changes = Path(name).name in verb.same
        if not hidden and not changes and content != undisturbed.essence.get(name):
            return f"'{name}' is half there"
    return ""


def fault_of(verb: Verb, undisturbed: Undisturbed, out: Path, ended: Ended) -> str:
    """What differs from the undisturbed result; nothing where all is equal."""
    essence = verb.essence(out)
    left = names_in(out.parent) - undisturbed.names
    if ended.code:
        # A command that was killed when all was done finds its own work there, and writes over nothing.
        done = essence == undisturbed.essence and not left
        if done and "already" in ended.error and ended.clean:
            return ""
        return f"exit code {ended.code}: {ended.error}"
    for name in sorted({*essence, *undisturbed.essence}):
        if name not in essence:
            return f"'{name}' is missing"
        if name not in undisturbed.essence:
            return f"'{name}' was left behind"
        if essence[name] != undisturbed.essence[name]:
            return f"'{name}' is another than of an undisturbed run"
    if left:
        return f"left behind: {', '.join(sorted(left))}"
    return ""


def faults_after(shop: Workshop, verb: Verb, out: Path, where: str) -> list[str]:
    """What is half after a disturbed command, and what is wrong once the same command has run again."""
    undisturbed = shop.undisturbed(verb)
    faults = []
    fault = half_of(verb, undisturbed, out)
    if fault:
        faults.append(f"{where}: {fault}")
    ended = shop.run(verb, out, again=True)
    fault = fault_of(verb, undisturbed, out, ended)
    if fault:
        faults.append(f"{where}, then again: {fault}")
    return faults
