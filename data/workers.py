"""Worker processes: joblib's, kept between calls, and in the caller's working folder."""

from __future__ import annotations

import concurrent.futures.process
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config

from ..errors import DataError

T = TypeVar("T")


def in_workers(
    function: Callable[..., T],
    given: Iterable[tuple[Any, ...]],
    n_jobs: int,
    *,
    what: str,
    help: str = "--jobs 1 needs the least memory",
    in_order: bool = True,
) -> Iterator[T]:
    """function(*arguments) for each of `given`; `what` the workers do, in words, for the message.

    n_jobs     worker processes, as joblib's: -1 is one a core, 1 is none
    in_order   False yields the outcomes as they come

    Raises DataError E456 where a worker is killed.
    """
    folder = Path.cwd()
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(
            n_jobs=n_jobs, return_as="generator" if in_order else "generator_unordered"
        )
        try:
            yield from parallel(
                delayed(_call)(folder, function, arguments) for arguments in given
            )
        except concurrent.futures.process.BrokenProcessPool as error:
            raise DataError(
                f"a worker process that {what} was killed, probably for want of memory",
                code="E456",
                help=help,
            ) from error


def _call(folder: Path, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """A worker stays in the folder it was started in: once the caller has moved on, relative paths need this."""
    if Path.cwd() != folder:
        os.chdir(folder)
    return function(*arguments)
