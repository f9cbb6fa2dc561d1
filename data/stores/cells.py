"""Cells of a table that no spreadsheet takes for a formula."""

from __future__ import annotations

import re

# What spreadsheets take for the begin of a formula; apostrophes before it come from here.
_FORMULA = re.compile(r"'*[=+\-@]")
_SIGNED_NUMBER = re.compile(r"[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def guarded_cell(text: str) -> str:
    """Return a cell for a CSV file: with an apostrophe before a =, +, - or @ that begins it; numbers stay.

    Labels come out of corpora of others, and a spreadsheet runs what looks like a formula.

    Parameters
    ----------
    text : str
        What the cell is to say.

    Returns
    -------
    str
        The cell. `unguarded_cell` gives `text` back.

    Examples
    --------
    >>> from mirbricks.data.stores.cells import guarded_cell
    >>> [guarded_cell(text) for text in ("=1+1", "-1.5", "rock")]
    ["'=1+1", '-1.5', 'rock']
    """
    if _FORMULA.match(text) and not _SIGNED_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def unguarded_cell(cell: str) -> str:
    """The text of a cell that `guarded_cell` has written, or that stands so in a table of somebody else."""
    if cell.startswith("'") and _FORMULA.match(cell):
        return cell[1:]
    return cell
