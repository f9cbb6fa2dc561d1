"""Worker processes: joblib's, kept between calls, in the caller's working folder, and gone when the caller is.

Those of `loky` are processes of this machine. A cluster has workers of its own, which other callers use too: `dask`
joins the scheduler that DASK_SCHEDULER_ADDRESS names, `ray` the cluster of RAY_ADDRESS; without these variables both
start workers on this machine.
"""

from __future__ import annotations

import concurrent.futures.process
import contextlib
import functools
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..errors import DataError
from .importers.optional import optional

T = TypeVar("T")

Backend = Literal["loky", "dask", "ray"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

# Transforms use several threads each; a worker per core has one for all.
LIMITS: dict[Backend, dict[str, Any]] = {
    "loky": {"inner_max_num_threads": 1},
    "dask": {},
    "ray": {},
}
ROUND = 256  # recordings that ray gets at once
LOOKS_EVERY_S = 0.5  # how often a worker looks whether its caller is alive


def in_workers(
    function: Callable[..., T],
    given: Iterable[tuple[Any, ...]],
    n_jobs: int,
    *,
    what: str,
    help: str = "--jobs 1 needs the least memory",
    in_order: bool = True,
    backend: Backend = "loky",
) -> Iterator[T]:
    """function(*arguments) for each of `given`; `what` the workers do, in words, for the message.

    n_jobs     worker processes, as joblib's: -1 is one a core, 1 is none
    in_order   False yields the outcomes as they come
    backend    whose workers: loky's processes of this machine, or a cluster's

    Raises DataError E456 where a worker is killed, E468 without the package of the cluster.
    """
    # Here, and not at the top: a command that starts no workers need not wait for joblib.
    from joblib import Parallel, delayed, parallel_config

    # A worker may have been started in another folder; relative paths must mean the same in all.
    folder = Path.cwd()
    caller = os.getpid()
    is_own = backend == "loky"
    calls = (
        delayed(_call)(caller, folder, function, arguments, is_own)
        for arguments in given
    )
    with (
        _cluster(backend, n_jobs) as killed,
        parallel_config(backend=backend, **LIMITS[backend]),
    ):
        try:
            if backend == "ray":
                # joblib gets outcomes of ray when all are there: they come round by round.
                parallel = Parallel(n_jobs=n_jobs)
                while outcomes := parallel(itertools.islice(calls, ROUND)):
                    yield from outcomes
                return
            order = "generator" if in_order else "generator_unordered"
            yield from Parallel(n_jobs=n_jobs, return_as=order)(calls)
        except killed as error:
            raise DataError(
                f"a worker process that {what} was killed, probably for want of memory",
                code="E456",
                help=help,
            ) from error


@contextlib.contextmanager
def _cluster(backend: Backend, n_jobs: int) -> Iterator[type[Exception]]:
    """Make a backend's workers known to joblib for as long as they are used; what it raises where one was killed."""
    if backend == "dask":
        distributed = optional("distributed", "dask")
        with distributed.Client(**_local_dask(n_jobs)):
            yield distributed.KilledWorker
    elif backend == "ray":
        ray = optional("ray", "ray")
        # A cluster that a notebook has joined stays; one that is started here ends.
        starts = not ray.is_initialized()
        if starts:
            ray.init(
                log_to_driver=False,
                include_dashboard=False,
                logging_level=logging.WARNING,
            )
        optional("ray.util.joblib", "ray").register_ray()
        try:
            yield ray.exceptions.WorkerCrashedError
        finally:
            if starts:
                ray.shutdown()
    else:
        yield concurrent.futures.process.BrokenProcessPool


def _local_dask(n_jobs: int) -> dict[str, Any]:
    """How dask starts workers here; nothing where it joins a scheduler, whose address it reads itself."""
    if os.environ.get("DASK_SCHEDULER_ADDRESS"):
        return {}
    n_workers = n_jobs if n_jobs > 0 else os.cpu_count()
    # Its page about the workers would need a port of its own.
    return {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None}


def _call(
    caller: int,
    folder: Path,
    function: Callable[..., T],
    arguments: tuple[Any, ...],
    is_own: bool,
) -> T:
    """What a worker does, or with one process the caller itself."""
    # A cluster's worker outlives its callers; one of our own must not.
    if is_own and os.getpid() != caller:
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
