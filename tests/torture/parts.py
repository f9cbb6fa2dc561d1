"""The parts of the torture, each with its counts as a table."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mirbricks.version import __version__

from . import allocations, faults, fuzz, fuzzed, kills, lines, power, soak
from .workshop import Workshop, opened

MODELS = ("tiny", "zoo:tagging_esc10")


@dataclass(frozen=True)
class Part:
    """A table in Markdown, and what was not as it must be."""

    text: str
    faults: list[str]


class Shop:
    """One workshop for all parts, opened when the first needs it."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._shop: Workshop | None = None

    def opened(self) -> Workshop:
        if self._shop is None:
            self._shop = self._stack.enter_context(opened())
        return self._shop


def run(name: str, asked: argparse.Namespace, shop: Shop) -> Part:
    """Run a part; its table ends with when and how long it ran."""
    began_s = time.monotonic()
    rows, found = _RUN[name](asked, shop)
    minutes = (time.monotonic() - began_s) / 60
    what = f"seed {asked.seed}, scale {asked.scale:g}"
    if name == "fuzz" and asked.write:
        runs = fuzzed.stored()
        seeds = sorted({run["seed"] for run in runs})
        what = f"seeds {', '.join(map(str, seeds))}, all runs of {__version__} added up"
        minutes = sum(run["seconds"] for run in runs) / 60
    today = datetime.date.today().isoformat()
    end = f"{today}, {what}, {os.cpu_count()} cores, {minutes:.1f} min."
    return Part("\n".join([*_table(rows), "", end]), found)


def _table(rows: Sequence[Sequence[object]]) -> list[str]:
    head, *body = [[str(cell) for cell in row] for row in rows]
    bars = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, bars, *body)]


Rows = list[Sequence[object]]


def _kills(asked: argparse.Namespace, at: Shop) -> tuple[Rows, list[str]]:
    plan = kills.SHORT if asked.short else kills.LONG
    rows: Rows = [("verb", "kills", "in time", "at a change", "trials", "faults")]
    found = []
    total = [0, 0, 0, 0, 0]
    shop = at.opened()
    for name, count in plan.items():
        asked_for = max(1, round(count * asked.scale))
        one = kills.kill(shop, shop.verbs[name], asked_for, asked.seed)
        counts = [one.killed, one.in_time, one.at_a_change, one.trials]
        counts.append(len(one.faults))
        rows.append((name, *counts))
        total = [a + b for a, b in zip(total, counts, strict=True)]
        found += _named(name, one.faults)
    return [*rows, ("all", *total)], found


def _faults(asked: argparse.Namespace, at: Shop) -> tuple[Rows, list[str]]:
    head = ("verb", "failures", "at", "reported", "went on", "faults")
    rows: Rows = [head]
    found = []
    shop = at.opened()
    for name in faults.VERBS:
        ways = list(faults.WAYS)
        stride = max(1, round(1 / asked.scale))
        if asked.short:
            ways, stride = ways[:1], faults.SHORT_STRIDE[name]
        one = faults.sweep(shop, shop.verbs[name], ways, stride)
        at = ", ".join(f"{n} {kind}" for kind, n in sorted(one.kinds.items()))
        counts = (one.trials, at, one.refused, one.went_on, len(one.faults))
        rows.append((name, *counts))
        found += _named(name, one.faults)
    return rows, found


def _power(asked: argparse.Namespace, at: Shop) -> tuple[Rows, list[str]]:
    names = ["train", "extract", "import", "pack", "fetch"]
    if not asked.short:
        names += ["generate", "separate"]
    rows: Rows = [("verb", "moments", "disks", "run again on", "faults")]
    found = []
    shop = at.opened()
    for name in names:
        again = 1 if asked.short else round(12 * asked.scale)
        one = power.cut(shop, shop.verbs[name], asked.seed, again)
        counts = (one.prefixes, one.disks, one.again, len(one.faults))
        rows.append((name, *counts))
        found += _named(name, one.faults)
    return rows, found


def _memory(asked: argparse.Namespace, at: Shop) -> tuple[Rows, list[str]]:
    head = ("model", "allocations", "refusals", "reported", "went on")
    kinds = ("no picture", "other message", "foreign crashes", "faults")
    rows: Rows = [(*head, *kinds)]
    found = []
    models = MODELS[:1] if asked.short else MODELS
    most = 4 if asked.short else round(100 * asked.scale)
    shop = at.opened()
    for model in models:
        one = allocations.refuse(shop, model, most)
        ways = (one.told, one.went_on, one.undrawn, one.other)
        crashes = ", ".join(f"{n} x {name}" for name, n in one.crashed.items()) or 0
        counts = (one.allocations, one.trials, *ways, crashes, len(one.faults))
        rows.append((model, *counts))
        found += _named(model, one.faults)
    return rows, found


def _fuzz(asked: argparse.Namespace, _: Shop) -> tuple[Rows, list[str]]:
    seconds = asked.minutes * 60
    count = asked.count
    if asked.short:
        seconds, count = 40.0, 60
    # With a page to write, a run goes on where the last one with this seed ended.
    kept = fuzzed.stored()
    firsts = fuzzed.firsts(kept, asked.seed) if asked.write else {}
    if asked.first:
        firsts = defaultdict(lambda: asked.first)
    every = []
    for one in fuzz.fuzz_all(asked.seed, count, seconds, firsts, asked.only):
        every.append(one)
        runs = fuzzed.as_runs(every, asked.seed)
        # Written after each kind: what a run of hours has counted outlives its end.
        if asked.write:
            runs = [*kept, *runs]
            fuzzed.save(runs)
    found = []
    for one in every:
        for what, times in one.faults.most_common():
            found.append(f"{one.kind}: {times} x {what} (first: {one.seen[what]})")
    return _sums(fuzzed.summed(runs)), found


def _sums(sums: dict[str, fuzzed.Sum]) -> Rows:
    head = ("kind", "inputs", "accepted", "refused", "other", "per second")
    rows: Rows = [(*head, "slowest, s", "memory, MB", "refused with")]
    total = [0, 0, 0, 0]
    for name, one in sums.items():
        counts = [one.inputs, one.accepted, one.refused.total(), one.faults]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        rate = round(one.inputs / max(one.seconds, 0.01))
        limits = (f"{one.slowest_s:.2f}", f"{one.peak_mb:.0f}")
        codes = fuzzed.codes_in_words(one.refused)
        rows.append((name, *counts, rate, *limits, codes))
    return [*rows, ("all", *total, "", "", "", "")]


def _soak(asked: argparse.Namespace, at: Shop) -> tuple[Rows, list[str]]:
    minutes = 0.5 if asked.short else soak.MINUTES * asked.scale
    found = soak.soak(at.opened(), minutes, asked.rest)
    return soak.rows(found), found.faults


def _lines(asked: argparse.Namespace, _: Shop) -> tuple[Rows, list[str]]:
    count = 60 if asked.short else round(5200 * asked.scale)
    rows: Rows = [("mutation", "graphs", "at the line", "share")]
    found = []
    every = lines.mutate_all(asked.seed, count)
    for one in every:
        rows.append((one.way, one.tried, one.at_line, _share(one.at_line, one.tried)))
        found += _named(one.way, one.odd)
    tried = sum(one.tried for one in every)
    told = sum(one.at_line for one in every)
    rows.append(("all", tried, told, _share(told, tried)))
    if told < lines.GOAL * tried:
        found += [f"{one.way}: {miss}" for one in every for miss in one.missed]
    return rows, found


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.2f} %"


def _named(name: str, texts: Iterable[str]) -> list[str]:
    return [f"{name}: {text}" for text in texts]


_RUN: dict[str, Callable[[argparse.Namespace, Shop], tuple[Rows, list[str]]]] = {
    "kills": _kills,
    "faults": _faults,
    "power": _power,
    "memory": _memory,
    "fuzz": _fuzz,
    "lines": _lines,
    "soak": _soak,
}
