"""What the ratings of a listening test say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...metrics.listening import (
    MOST_FAILED,
    Binomial,
    Interval,
    Paired,
    binomial,
    holm,
    mean_interval,
    paired,
    post_screening,
)
from ..progress import plural
from .anchor import MID_HZ, anchor_name
from .folders import REFERENCE
from .ratings import Rating, read_ratings

Unit = Literal["listeners", "items", "ratings"]
UNITS: tuple[Unit, ...] = ("listeners", "items", "ratings")
SCREENING = "ITU-R BS.1534-3, 4.1.2"
FEWEST = 6  # pairs below which the signed-rank test cannot fall under .05


@dataclass(frozen=True)
class Pair:
    """Two systems, the test of their difference, and its probability adjusted for all pairs (Holm)."""

    first: str
    second: str
    test: Paired
    p_holm: float


@dataclass(frozen=True)
class Results:
    """The results of a test.

    Attributes
    ----------
    test : str
        "mushra", "abx" or "mos".
    listeners, items : list of str
        Those that count.
    left_out : dict of str to str
        Listeners who do not count, with the reason.
    unit : str
        What intervals and tests are made over.
    systems : dict of str to Interval
        The mean score of each system, the best first; empty for ABX.
    pairs : list of Pair
        Each two systems.
    answers : dict of str to Binomial
        The right answers of ABX: of all, of each listener and of each item.
    notes : list of str
        What a reader of the figures must know.
    """

    test: str
    listeners: list[str]
    items: list[str]
    left_out: dict[str, str]
    unit: str
    systems: dict[str, Interval] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    answers: dict[str, Binomial] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def results_of(
    paths: Sequence[str], *, unit: Unit = "listeners", screen: bool = True
) -> Results:
    """The results in several csv files.

    Parameters
    ----------
    paths : sequence of str
        The files that the page of one test has downloaded.
    unit : {"listeners", "items", "ratings"}
        What intervals and tests are made over: listeners say what other listeners would rate, items what other items
        would be rated. Single ratings are not independent, and their intervals are too narrow.
    screen : bool
        Whether listeners are left out by the rule of ITU-R BS.1534-3; only MUSHRA has it.

    Raises
    ------
    DataError
        E643 for the files; E644 where no listener is left.
    """
    ratings = read_ratings(paths)
    test = ratings[0].test
    left_out: dict[str, str] = {}
    if test == "mushra" and screen:
        left_out = _screened(ratings)
    kept = [one for one in ratings if one.listener not in left_out]
    if not kept:
        raise DataError(
            "the post-screening leaves no listener",
            code="E644",
            facts=list(left_out.items()),
            help="--no-screening counts all of them",
        )
    listeners = _distinct(kept, lambda one: one.listener)
    items = _distinct(kept, lambda one: one.item)
    if test == "abx":
        return Results(
            test, listeners, items, left_out, "answers", answers=_answers(kept)
        )
    return _rated(test, kept, listeners, items, left_out, unit)


def _rated(
    test: str,
    ratings: Sequence[Rating],
    listeners: list[str],
    items: list[str],
    left_out: dict[str, str],
    unit: Unit,
) -> Results:
    """Means and paired tests of a test with scores."""
    names, scores, n_incomplete = _table(ratings, unit)
    means = {name: mean_interval(scores[:, i]) for i, name in enumerate(names)}
    best_first = sorted(names, key=lambda name: -means[name].value)

    tests = []
    for first, second in itertools.combinations(best_first, 2):
        columns = scores[:, names.index(first)], scores[:, names.index(second)]
        tests.append((first, second, paired(*columns)))
    adjusted = holm([one.p_wilcoxon for *_, one in tests])
    pairs = [Pair(*one, p) for one, p in zip(tests, adjusted, strict=True)]

    notes = []
    n_units = len(scores)
    if n_incomplete:
        verb = "is" if n_incomplete == 1 else "are"
        notes.append(
            f"{plural(n_incomplete, unit[:-1])} without a rating of every system {verb} left out"
        )
    if n_units == 1:
        notes.append(
            f"one of the {unit} alone gives no interval; --unit items makes one over the items"
        )
    elif n_units < FEWEST:
        notes.append(
            f"with {n_units} {unit} the signed-rank test cannot find a difference at .05"
        )
    return Results(
        test,
        listeners,
        items,
        left_out,
        unit,
        systems={name: means[name] for name in best_first},
        pairs=pairs,
        notes=notes,
    )


def _table(
    ratings: Sequence[Rating], unit: Unit
) -> tuple[list[str], NDArray[np.float64], int]:
    """The systems, the mean score of each by each unit (units, systems), and how many units lack one."""
    keys: dict[str, Callable[[Rating], Any]] = {
        "listeners": lambda one: one.listener,
        "items": lambda one: one.item,
        "ratings": lambda one: (one.listener, one.item),
    }
    key = keys[unit]
    names = _distinct(ratings, lambda one: one.system)
    cells: dict[Any, dict[str, list[float]]] = {}
    for one in ratings:
        of_unit = cells.setdefault(key(one), {})
        of_unit.setdefault(one.system, []).append(one.score)
    complete = [of_unit for of_unit in cells.values() if len(of_unit) == len(names)]
    rows = []
    for of_unit in complete:
        rows.append([float(np.mean(of_unit[name])) for name in names])
    scores = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    return names, scores, len(cells) - len(complete)


def _screened(ratings: Sequence[Rating]) -> dict[str, str]:
    """The listeners whom the post-screening of BS.1534-3 leaves out, with the reason."""
    mid = anchor_name(MID_HZ)
    reasons = {}
    for listener in _distinct(ratings, lambda one: one.listener):
        own = [one for one in ratings if one.listener == listener]
        reference = [one.score for one in own if one.system == REFERENCE]
        anchor = [one.score for one in own if one.system == mid]
        if not reference:
            continue
        low, high = post_screening(np.array(reference), np.array(anchor))
        if low > MOST_FAILED:
            reasons[listener] = (
                f"rated the hidden reference below 90 in {low:.0%} of the items"
            )
        elif high > MOST_FAILED:
            reasons[listener] = (
                f"rated the mid-range anchor above 90 in {high:.0%} of the items"
            )
    return reasons


def _answers(ratings: Sequence[Rating]) -> dict[str, Binomial]:
    """The right answers of all, of each listener, and of each item."""
    found = {"all": _binomial(ratings)}
    for listener in _distinct(ratings, lambda one: one.listener):
        own = [one for one in ratings if one.listener == listener]
        found[f"listener {listener}"] = _binomial(own)
    for item in _distinct(ratings, lambda one: one.item):
        own = [one for one in ratings if one.item == item]
        found[f"item {item}"] = _binomial(own)
    return found


def _binomial(ratings: Sequence[Rating]) -> Binomial:
    correct = sum(one.score == 1.0 for one in ratings)
    return binomial(correct, len(ratings))


def _distinct(ratings: Sequence[Rating], key: Callable[[Rating], str]) -> list[str]:
    return sorted({key(one) for one in ratings})
