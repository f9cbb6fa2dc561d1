"""What the functions of the front door take, looked at before any work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError

MOST = 2**64  # seeds are below it


def path_of(value: Any, name: str) -> str:
    """The path that is meant: a path itself, or the folder of a corpus, a model or a run.

    Raises DataError E437 for anything else; `name` is the parameter.
    """
    if isinstance(value, str | os.PathLike):
        path = os.fspath(value)
        if path and isinstance(path, str):
            return path
    for attribute in ("folder", "path"):
        found = getattr(value, attribute, None)
        if isinstance(found, os.PathLike):
            return str(found)
    raise wrong(name, "a path", value)


def optional_path_of(value: Any, name: str) -> str | None:
    """The same, where None stands for a default."""
    if value is None:
        return None
    return path_of(value, name)


def paths_of(value: Any, name: str) -> tuple[str, ...]:
    """Several paths; one alone is a list of one."""
    if isinstance(value, list | tuple):
        return tuple(path_of(one, name) for one in value)
    return (path_of(value, name),)


def jobs_of(value: Any) -> int:
    """A number of processes; -1 is one per core."""
    if isinstance(value, int) and not isinstance(value, bool) and value != 0:
        return value
    raise wrong("jobs", "a number of processes, or -1 for all cores", value)


def flag_of(value: Any, name: str) -> bool:
    """True or False: a word such as "no" would count as true."""
    if isinstance(value, bool):
        return value
    raise wrong(name, "True or False", value)


def size_of(value: Any, name: str) -> int:
    """A whole number, 0 or more."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise wrong(name, "a whole number, 0 or more", value)


def count_of(value: Any, name: str, expected: str, least: int = 1) -> int:
    """A whole number from `least` on, NumPy's included, that a random generator takes as its seed.

    `expected` says so in words.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_whole and least <= value < MOST:
        return int(value)
    raise wrong(name, expected, value)


def names_of(value: Any, name: str) -> tuple[str, ...]:
    """One name or several, as a sequence."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and value:
        return tuple(value)
    raise wrong(name, "a name or a list of names", value)


def wrong(name: str, expected: str, value: Any) -> DataError:
    """DataError E437: a parameter is not what it must be."""
    if isinstance(value, str):
        came = f"'{value}'"
    elif value is None or isinstance(value, bool | int | float):
        came = repr(value)
    else:
        kind = type(value).__name__
        article = "an" if kind[0].lower() in "aeiou" else "a"
        came = f"{article} {kind}"
    return DataError(
        f"expected {expected} as '{name}', got {came}",
        code="E437",
        help="`help()` of the function says what it takes",
    )
