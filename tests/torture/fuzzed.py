"""What all runs of the fuzzers have counted: runs add up in a file, from which the table of the page is written."""

from __future__ import annotations

import datetime
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirbricks.version import __version__

from .fuzz import Fuzzed

STORE = Path(__file__).with_name("fuzzed.json")
MOST_CODES = 12  # of a kind, in the table


@dataclass
class Sum:
    """The runs of one kind, added up."""

    inputs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    peak_mb: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    faults: int = 0

    def add(self, run: dict[str, Any]) -> None:
        self.inputs += run["inputs"]
        self.accepted += run["accepted"]
        self.seconds += run["seconds"]
        self.slowest_s = max(self.slowest_s, run["slowest_s"])
        self.peak_mb = max(self.peak_mb, run["peak_mb"])
        self.refused.update(run["refused"])
        self.faults += sum(run["faults"].values())


def stored(path: Path = STORE) -> list[dict[str, Any]]:
    """The runs of this version, one after the other; those of another version count no more."""
    if not path.exists():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    return kept["runs"] if kept["version"] == __version__ else []


def firsts(runs: Iterable[dict[str, Any]], seed: int) -> dict[str, int]:
    """Where the next run with a seed begins, by kind: what was read once is not read again."""
    ends: dict[str, int] = defaultdict(int)
    for run in runs:
        if run["seed"] == seed:
            ends[run["kind"]] = max(ends[run["kind"]], run["first"] + run["inputs"])
    return dict(ends)


def as_runs(found: Iterable[Fuzzed], seed: int) -> list[dict[str, Any]]:
    """A line of the file for each kind."""
    today = datetime.date.today().isoformat()
    return [
        {
            "kind": one.kind,
            "date": today,
            "seed": seed,
            "first": one.first,
            "inputs": one.inputs,
            "accepted": one.accepted,
            "seconds": round(one.seconds, 1),
            "slowest_s": round(one.slowest_s, 3),
            "peak_mb": round(one.peak_mb, 1),
            "refused": dict(sorted(one.refused.items())),
            "faults": dict(sorted(one.faults.items())),
            "first_of": dict(sorted(one.seen.items())),
        }
        for one in found
        if one.inputs
    ]


def save(runs: Sequence[dict[str, Any]], path: Path = STORE) -> None:
    """Write all runs, each on a line of its own."""
    lines = ",\n".join(json.dumps(run, ensure_ascii=False) for run in runs)
    text = f'{{"version": "{__version__}", "runs": [\n{lines}\n]}}\n'
    path.write_text(text, encoding="utf-8")


def summed(runs: Iterable[dict[str, Any]]) -> dict[str, Sum]:
    """The sum of each kind, in the order in which they first ran."""
    sums: dict[str, Sum] = {}
    for run in runs:
        sums.setdefault(run["kind"], Sum()).add(run)
    return sums


def codes_in_words(refused: Counter[str]) -> str:
    """Such as "E463 312, E422 14 and 3 more"."""
    often = refused.most_common(MOST_CODES)
    words = ", ".join(f"{code} {count:,}" for code, count in often)
    others = len(refused) - len(often)
    return f"{words} and {others} more" if others else words
