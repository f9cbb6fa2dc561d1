"""Errors as JSON, for editors and for CI that read `--json`."""

from __future__ import annotations

from typing import Any

from ..errors import ErrorList, MirbricksError


def problems_of(error: MirbricksError) -> list[dict[str, Any]]:
    """An object per error; a list of errors is taken apart."""
    if isinstance(error, ErrorList):
        return [problem for one in error.errors for problem in problems_of(one)]
    problem: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.where:
        place = error.where
        problem |= {
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "length": place.length,
        }
    problem["facts"] = [list(fact) for fact in error.facts]
    problem["help"] = error.help
    return [problem]
