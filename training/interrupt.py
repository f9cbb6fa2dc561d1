"""Stopping cleanly on Ctrl-C or on a scheduler's SIGTERM."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """While entered, the first SIGINT or SIGTERM sets `requested`; the second raises KeyboardInterrupt.

    Python hands signals to the main thread only; entered from another thread it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        # Python refuses to set handlers elsewhere, as in a notebook server that trains in a thread.
        if threading.current_thread() is threading.main_thread():
            self._previous = {one: signal.signal(one, self._note) for one in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for one, handler in self._previous.items():
            # None stands for a handler that was not set by Python, which cannot be put back
            signal.signal(one, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the form of a handler
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
