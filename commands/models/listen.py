"""The command listen: a page for a blind listening test, and its results."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from ...errors import DataError
from ...metrics.listening import Binomial, Interval
from ...printable import printable
from ...runs.json_numbers import finite
from ...workflows.listening.anchor import LOW_HZ
from ...workflows.listening.make import Options, make_page
from ...workflows.listening.results import SCREENING, Results, results_of
from ..screen import console, plural, progress_for


def listen(arguments: Namespace) -> int:
    """Write the page of a test, or print what the ratings say."""
    if arguments.results:
        return _results(arguments)
    if not arguments.folders or arguments.out is None:
        raise DataError(
            "a page needs folders of sounds and --out",
            code="E641",
            help="mirbricks listen A/ B/ --reference R/ --out page; --results FILE ... reads what listeners sent back",
        )
    options = Options(
        test=arguments.test,
        reference=arguments.reference,
        anchors_hz=tuple(arguments.anchor or (LOW_HZ,)),
        trials=arguments.trials,
        seed=arguments.seed,
        title=arguments.title,
        match_levels=arguments.match_levels,
    )
    progress = progress_for(arguments)
    made = make_page(arguments.folders, Path(arguments.out), options, progress)
    items = plural(len(made.items), "item")
    print(printable(f"{made.index}: {items}, {', '.join(made.systems)}"))
    print(
        "give the whole folder to the listeners; `mirbricks listen --results *.csv` reads what they send back"
    )
    return 0


def _results(arguments: Namespace) -> int:
    if arguments.folders:
        raise DataError(
            "--results takes no folders",
            code="E641",
            help="make a page first, and read its results in a command of their own",
        )
    found = results_of(
        arguments.results, unit=arguments.unit, screen=not arguments.no_screening
    )
    if arguments.json:
        print(json.dumps(finite(asdict(found)), allow_nan=False))
        return 0
    for listener, reason in found.left_out.items():
        line = f"left out by {SCREENING}: '{listener}' {reason}"
        print(printable(line), file=sys.stderr)
    for note in found.notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    screen = console()
    if found.answers:
        screen.print(_answers(found))
    else:
        screen.print(_scores(found))
        if found.pairs:
            screen.print(_pairs(found))
    return 0


def _scores(found: Results) -> Table:
    table = _table(f"{found.test}: {_judged(found)}", "system")
    for heading in ("mean", "95 % interval", f"n {found.unit}"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, mean in found.systems.items():
        table.add_row(name, f"{mean.value:.2f}", _bounds(mean), str(mean.n))
    return table


def _pairs(found: Results) -> Table:
    table = _table("pairs of systems, on the same sounds by the same listeners", "pair")
    for heading in ("difference", "95 % interval", "Wilcoxon p", "Holm", "t test p"):
        table.add_column(heading, justify="right", no_wrap=True)
    for pair in found.pairs:
        test = pair.test
        table.add_row(
            f"{pair.first} - {pair.second}",
            f"{test.difference.value:+.2f}",
            _bounds(test.difference),
            _probability(test.p_wilcoxon),
            _probability(pair.p_holm),
            _probability(test.p_t),
        )
    return table


def _answers(found: Results) -> Table:
    table = _table(f"abx: {_judged(found)}", "answers")
    for heading in ("right", "of", "share", "95 % interval", "p, by guessing"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, answers in found.answers.items():
        table.add_row(name, *_answer_cells(answers))
    return table


def _answer_cells(answers: Binomial) -> list[str]:
    share = answers.share
    counts = [str(answers.correct), str(share.n)]
    return [*counts, f"{share.value:.2f}", _bounds(share), _probability(answers.p)]


def _table(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, overflow="fold")
    return table


def _judged(found: Results) -> str:
    listeners = plural(len(found.listeners), "listener")
    return f"{listeners}, {plural(len(found.items), 'item')}"


def _bounds(interval: Interval) -> str:
    if math.isnan(interval.low):
        return "-"
    return f"{interval.low:.2f} … {interval.high:.2f}"


def _probability(p: Any) -> str:
    if math.isnan(p):
        return "-"
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}"
