"""Where the time of a training goes: torch's profiler over a few of its steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ..data.stores.atomic import written_whole

TRACE = "profile.json"
# The first steps also make what later ones find ready, such as the optimizer's state.
FIRST_STEPS = 2
STEPS = 10
ROWS = 20
WAITING = "waiting for the batch"


class Profiling:
    """Profiles some steps of a training; of one that is `off` it does nothing.

    Parameters
    ----------
    folder : Path
        The run, which gets the trace, `profile.json`: it opens in chrome://tracing and in ui.perfetto.dev.
    device : torch.device
        Where the model is; its own time is measured too.
    off : bool
        Whether nothing is to be profiled.
    """

    def __init__(self, folder: Path, device: torch.device, *, off: bool) -> None:
        self.folder = folder
        self.off = off
        activities = [ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self._profile = profile(activities=activities)
        self._done = 0
        # The rows that cost most, once the steps are over.
        self.table: str | None = None

    def waiting(self) -> AbstractContextManager[object]:
        """Around the wait for a batch, so that it has a row of its own."""
        if self.off:
            return contextlib.nullcontext()
        return record_function(WAITING)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Around all steps; what was profiled when they end, however that comes, is written."""
        try:
            yield
        finally:
            if FIRST_STEPS < self._done <= FIRST_STEPS + STEPS:
                self._end()

    def step(self) -> None:
        """Before each step."""
        if self.off:
            return
        if self._done == FIRST_STEPS:
            self._profile.start()
        if self._done == FIRST_STEPS + STEPS:
            self._end()
        self._done += 1

    def _end(self) -> None:
        self._profile.stop()
        with written_whole(self.folder / TRACE) as part:
            self._profile.export_chrome_trace(str(part))
        self.table = self._profile.key_averages().table(
            sort_by="self_cpu_time_total", row_limit=ROWS, max_name_column_width=40
        )
