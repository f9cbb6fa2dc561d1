"""Worker processes: joblib's, kept between calls, in the caller's working folder, and gone when the caller is."""

from __future__ import annotations

import concurrent.futures.process
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DataError

T = TypeVar("T")

LOOKS_EVERY_S = 0.5  # how often a worker looks whether its caller is alive


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
    # Here, and not at the top: a command that starts no workers need not wait for joblib.
    from joblib import Parallel, delayed, parallel_config

    # A worker may have been started in another folder; relative paths must mean the same in all.
    folder = Path.cwd()
    caller = os.getpid()
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(
            n_jobs=n_jobs, return_as="generator" if in_order else "generator_unordered"
        )
        try:
            yield from parallel(
                delayed(_call)(caller, folder, function, arguments)
                for arguments in given
            )
        except concurrent.futures.process.BrokenProcessPool as error:
            raise DataError(
                f"a worker process that {what} was killed, probably for want of memory",
                code="E456",
                help=help,
            ) from error


def _call(
    caller: int,
    folder: Path,
    function: Callable[..., T],
    arguments: tuple[Any, ...],
) -> T:
    """What a worker does, or with one process the caller itself."""
    if os.getpid() != caller:
        _end_with(caller)
    # A worker stays in the folder it was started in, which may be deleted by now; relative paths are the caller's.
    os.chdir(folder)
    return function(*arguments)


@functools.cache
def _end_with(caller: int) -> None:
    """End this process when the caller dies: a killed caller cannot tell its workers, which would go on for hours."""

    def watch() -> None:
        # An orphan gets another parent, whose number is another one.
        while os.getppid() == caller:
            time.sleep(LOOKS_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name="mirbricks-watch", daemon=True).start()
