"""The n-th change of a file fails, for every n: as a bad disk (EIO) and a full one (ENOSPC), once and from then on.

After each: no traceback, nothing half; and the same command, with the disk mended, ends as if nothing had been. As
SQLite is tested: https://sqlite.org/testing.html, I/O error testing.
"""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import dataclass, field

from .kills import faults_after
from .steps import Steps
from .verbs import Verb
from .workshop import Workshop

VERBS = ("import", "pack", "train")
# Errors, and whether all changes after the first fail too.
WAYS = {
    "EIO once": (errno.EIO, False),
    "EIO from then on": (errno.EIO, True),
    "ENOSPC once": (errno.ENOSPC, False),
    "ENOSPC from then on": (errno.ENOSPC, True),
}
# The short form tries every so many-th change, in one way.
SHORT_STRIDE = {"import": 9, "pack": 3, "train": 9}


@dataclass
class Faults:
    """The sweep of one verb: how many changes failed, of which kinds, and what was not as it must be."""

    verb: str
    trials: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    went_on: int = 0
    faults: list[str] = field(default_factory=list)


def sweep(shop: Workshop, verb: Verb, ways: list[str], stride: int = 1) -> Faults:
    """Let each `stride`-th change of a verb fail, in each way."""
    found = Faults(verb.name)
    last = shop.undisturbed(verb).ended.steps
    for way in ways:
        for at in range(1, last + 1, stride):
            _try(shop, verb, way, at, found)
    return found


def _seen(essence: dict[str, object]) -> dict[str, object]:
    """Without what is hidden: what could not be removed is no part of the result."""
    return {name: one for name, one in essence.items() if not name.startswith(".")}


def _try(shop: Workshop, verb: Verb, way: str, at: int, found: Faults) -> None:
    number, lasting = WAYS[way]
    out = shop.place(verb)

    def before(steps: Steps) -> None:
        steps.watch(out.parent)
        steps.fail(at, number, lasting=lasting)

    ended = shop.run(verb, out, before=before)
    found.trials += 1
    found.kinds[ended.failed] += 1
    # A cache that cannot be written, or a cleaning that fails, is no reason to stop.
    found.refused += ended.code == 1
    found.went_on += ended.code == 0
    where = f"{way}, change {at} ({ended.failed})"
    if not ended.clean:
        found.faults.append(f"{where}: exit code {ended.code}: {ended.error}")
    if ended.code == 0 and _seen(verb.essence(out)) != shop.undisturbed(verb).essence:
        found.faults.append(f"{where}: ended well, with another result")
    found.faults += faults_after(shop, verb, out, where)
