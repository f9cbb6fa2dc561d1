"""A process beside the server that does what may take long, or never end; it is killed then, and started again."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from ..errors import MirbricksError, RunError

Answer = dict[str, Any]
START_S = 120.0  # to import torch on a busy machine
MOST_MESSAGE = 500  # characters of what an unexpected exception says


class Worker:
    """One process at a time, which answers one question at a time.

    Parameters
    ----------
    room : str
        The module of the studio whose `ANSWERS` it gives: "desk" or "ear".
    limit_s : float
        How long an answer may take.
    plugins : sequence of str
        Modules to load first: those of the command line, never of the page.
    folder : str
        Where it keeps sounds and pictures.
    """

    def __init__(
        self, room: str, limit_s: float, plugins: Sequence[str] = (), folder: str = ""
    ) -> None:
        self.room = room
        self.limit_s = limit_s
        self.plugins = tuple(plugins)
        self.folder = folder
        self._lock = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, None before the first question."""
        return self._process.pid if self._process else None

    def warm(self) -> None:
        """Start the process now, in the background, so that the first question need not wait."""
        threading.Thread(target=self._warm, daemon=True).start()

    def _warm(self) -> None:
        # What fails here fails again at the first question, which reports it.
        with self._lock, contextlib.suppress(EOFError, OSError):
            self._started()

    def ask(self, question: str, values: Mapping[str, Any]) -> Answer:
        """The answer; `{"error": {...}}` where the user's input is wrong, or where it took too long."""
        with self._lock:
            try:
                pipe = self._started()
                pipe.send((question, dict(values)))
                if pipe.poll(self.limit_s):
                    answer: Answer = pipe.recv()
                    return answer
            except (EOFError, OSError):
                # It has ended by itself: too little memory, or a block that ends Python.
                self._end()
                message = "the process that answers has ended; a new one is started"
            else:
                self._end()
                message = f"no answer within {self.limit_s:.0f} s: it was ended, and a new one is started"
            self.warm()
            help = "make the graph or the recording smaller"
            return _error(RunError(message, code="E903", help=help))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _started(self) -> Connection:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(
            target=_work,
            args=(there, self.room, self.plugins, self.folder),
            daemon=True,
        )
        self._process.start()
        there.close()
        if here.poll(START_S):
            here.recv()
        self._pipe = here
        return here

    def _end(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._pipe = None


def _work(pipe: Connection, room: str, plugins: Sequence[str], folder: str) -> None:
    """What the process does: load the room, say so, and answer."""
    from ..catalogue import load_plugin

    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # a plugin may lie beside the graph, as for the commands
    try:
        for one in plugins:
            load_plugin(one)
    except MirbricksError as error:
        print(error, file=sys.stderr)
        return
    module = importlib.import_module(f"{__package__}.{room}")
    module.begin(folder)
    pipe.send("ready")
    while True:
        try:
            question, values = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(_answer(module.ANSWERS[question], values))


def _answer(function: Any, values: Mapping[str, Any]) -> Answer:
    try:
        answer: Answer = function(**values)
        return answer
    except MirbricksError as error:
        return _error(error)
    except (
        Exception
    ) as error:  # a block of a plug-in may raise anything, and the studio goes on
        text = f"{type(error).__name__}: {error}"[:MOST_MESSAGE]
        return {"error": {"message": text, "code": "", "help": "", "text": text}}


def _error(error: MirbricksError) -> Answer:
    return {
        "error": {
            "message": error.message,
            "code": error.code,
            "help": error.help or "",
            "text": str(error),
        }
    }
