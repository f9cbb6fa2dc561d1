"""The csv files of a listening test, read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...data.stores.cells import unguarded_cell
from ...data.stores.reading import refuse_missing, unreadable
from ...errors import DataError, Where
from .make import KINDS

COLUMNS = ("page", "test", "listener", "trial", "item", "system", "answer", "score")
RANGES = {"mushra": (0.0, 100.0), "mos": (1.0, 5.0), "abx": (0.0, 1.0)}
HELP = "give the csv files that the page of a listening test has downloaded, unchanged"


@dataclass(frozen=True)
class Rating:
    """One answer of one listener; see report/listening.js, which writes them."""

    page: str
    test: str
    listener: str
    item: str
    system: str
    answer: str
    score: float


def read_ratings(paths: Sequence[str]) -> list[Rating]:
    """All ratings of several files.

    Raises
    ------
    DataError
        E643 for a file that is missing or not such a table, for ratings of different tests, for a sound that is rated
        twice, and for a listener who is in two files; E409 for one that cannot be read.
    """
    ratings: list[Rating] = []
    owners: dict[str, str] = {}
    for path in paths:
        own = _read(Path(path))
        first = own[0]
        if ratings and first.page != ratings[0].page:
            raise DataError(
                f"'{path}' belongs to the test '{first.page}', and '{paths[0]}' to '{ratings[0].page}'",
                code="E643",
                help="give the results of one page",
            )
        for listener in sorted({one.listener for one in own}):
            if listener in owners:
                raise DataError(
                    f"the listener '{listener}' is in '{owners[listener]}' and in '{path}'",
                    code="E643",
                    help="leave one of the files out, or give the listener another name in one of them",
                )
            owners[listener] = path
        ratings += own
    return ratings


def _read(path: Path) -> list[Rating]:
    refuse_missing(path, code="E643", help=HELP)
    try:
        # Spreadsheets put a byte order mark before the first word.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{path}' is not a text file in UTF-8", code="E643", help=HELP
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    table = csv.DictReader(text.splitlines(keepends=True))
    lacking = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if lacking:
        raise DataError(
            f"'{path}' has no column '{lacking[0]}'", code="E643", help=HELP
        )
    try:
        ratings = _ratings(table, path)
    except csv.Error as error:
        raise DataError(
            f"'{path}' is not a table of comma-separated values: {error}",
            code="E643",
            help=HELP,
        ) from error
    if not ratings:
        raise DataError(f"'{path}' has no ratings", code="E643", help=HELP)
    return ratings


def _ratings(table: csv.DictReader[str], path: Path) -> list[Rating]:
    """The rows of the table. Raises DataError E643 at the line of one that does not belong to it."""
    ratings: list[Rating] = []
    # Where each sound was rated: tables that were put into one file may hold a listener twice.
    lines: dict[tuple[str, ...], int] = {}
    for row in table:
        where = Where(str(path), table.line_num, 1)
        rating = _rating(row, where)
        _refuse_other_test(rating, ratings, where)
        ratings.append(rating)
        key = (rating.listener, row["trial"], rating.item, rating.system)
        if key in lines:
            raise DataError(
                f"'{rating.listener}' rated '{rating.item}' twice in one trial (first on line {lines[key]})",
                code="E643",
                where=where,
                help="leave one of the ratings out, or give the listener another name in one of them",
            )
        lines[key] = table.line_num
    return ratings


def _refuse_other_test(rating: Rating, before: Sequence[Rating], where: Where) -> None:
    """Raise DataError E643 for a rating of another page, or of another kind of test, than the first of its file."""
    if not before:
        return
    first = before[0]
    if (rating.page, rating.test) != (first.page, first.test):
        raise DataError(
            f"expected a rating of '{first.page}', a test {first.test}, got one of '{rating.page}', {rating.test}",
            code="E643",
            where=where,
            help="give the results of one page",
        )


def _rating(row: dict[str, str], where: Where) -> Rating:
    """A row of the table. Raises DataError E643 at its line."""
    # Only the answer may be empty: ratings have none.
    for name in COLUMNS:
        if name != "answer" and not (row[name] or "").strip():
            raise DataError(
                f"the column '{name}' is empty", code="E643", where=where, help=HELP
            )
    test = row["test"]
    if test not in KINDS:
        raise DataError(
            f"there is no test '{test}'", code="E643", where=where, help=HELP
        )
    low, high = RANGES[test]
    try:
        score = float(row["score"])
    except (TypeError, ValueError):
        score = float("nan")
    if not low <= score <= high:
        raise DataError(
            f"expected a score from {low:g} to {high:g}, got '{row['score']}'",
            code="E643",
            where=where,
            help=HELP,
        )
    texts = {
        name: row[name] or "" for name in COLUMNS if name not in ("trial", "score")
    }
    # The page guards what a spreadsheet would take for a formula.
    words = {name: unguarded_cell(text) for name, text in texts.items()}
    return Rating(**words, score=score)
