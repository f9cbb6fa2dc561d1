"""Where the trials are made: inputs, a server, and what each verb writes when nobody disturbs it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from mirbricks.data import Atom, Definition, Entry, Pyjama, write_audio

from . import trial
from .steps import Steps, changes_in
from .trial import Ended
from .verbs import Verb, emptied, make_inputs, verbs

# What every verb imports, and takes seconds.
COMMON = (
    "torch",
    "h5py",
    "matplotlib.pyplot",
    "mirbricks.commands.models.train",
    "mirbricks.commands.corpora.import_",
    "mirbricks.report.html",
)


@dataclass
class Undisturbed:
    """What a verb does when it is left alone."""

    ended: Ended
    essence: dict[str, object]
    names: set[str]
    record: Path


@dataclass
class Workshop:
    """Inputs and a place for trials, for as long as `opened` lasts."""

    folder: Path
    verbs: dict[str, Verb]
    _known: dict[str, Undisturbed] = field(default_factory=dict)

    @property
    def inputs(self) -> Path:
        return self.folder / "inputs"

    def run(
        self,
        verb: Verb,
        out: Path,
        *,
        again: bool = False,
        before: Callable[[Steps], None] | None = None,
        kill_after_s: float | None = None,
    ) -> Ended:
        """Run a verb that writes into `out`; `again`: as one goes on after a disturbance."""
        words = verb.words(self.inputs, out)
        if again:
            words += verb.again
        return trial.run(words, self.folder / "process", before, kill_after_s)

    def undisturbed(self, verb: Verb) -> Undisturbed:
        """Run once, and remembered. Its changes are recorded."""
        if verb.name not in self._known:
            _warm(self, verb)
            out = self.place(verb)
            record = self.folder / f"record of {verb.name}"
            ended = self.run(
                verb, out, before=lambda steps: steps.watch(out.parent, record)
            )
            if ended.code:
                raise RuntimeError(f"{verb.name}: {ended.error}")
            verb.readable(out)
            self._known[verb.name] = Undisturbed(
                ended, verb.essence(out), names_in(out.parent), record
            )
        return self._known[verb.name]

    def place(self, verb: Verb) -> Path:
        """Where a trial of a verb is to write: not there yet. Always one path, as some files keep the command."""
        return emptied(self.folder / "trials" / verb.name.split(",")[0]) / "out"


def names_in(folder: Path) -> set[str]:
    """Every file and folder below, hidden ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@contextlib.contextmanager
def opened() -> Iterator[Workshop]:
    """A workshop in a temporary folder, with its server."""
    folder = Path(tempfile.mkdtemp(prefix="mirbricks-torture-"))
    os.environ["MIRBRICKS_CACHE"] = str(folder / "users-cache")
    os.environ["no_proxy"] = "*"
    os.environ["COLUMNS"] = "100"
    server, port = _server(folder / "hosted")
    shop = Workshop(folder, verbs(port))
    try:
        trial.warm(COMMON)
        make_inputs(shop.inputs, lambda words: _checked(words, folder))
        yield shop
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _checked(words: list[str], folder: Path) -> None:
    ended = trial.run(words, folder / "making")
    if ended.code:
        raise RuntimeError(ended.error)


def _warm(shop: Workshop, verb: Verb) -> None:
    """Run a verb once, in a child that writes down what it has imported; import that here."""
    note = shop.folder / "modules"

    def before(_: Steps) -> None:
        end = os._exit

        def noting(code: int) -> None:
            # Called at the very end of the command, when all is imported.
            note.write_text("\n".join(sys.modules))
            end(code)

        os._exit = noting  # type: ignore[assignment]  # in the child, to see its end

    ended = shop.run(verb, shop.place(verb), before=before)
    if ended.code:
        raise RuntimeError(f"{verb.name}: {ended.error}")
    trial.warm([one for one in note.read_text().split() if one != "__main__"])


def _server(folder: Path) -> tuple[int, int]:
    """A small corpus hosted by a process of its own: a thread in this one would be forked with every trial."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    keys = ("a.wav", "b.wav")
    path = folder / "bach10_audio.hdf5"
    items = ((key, rng.standard_normal(30_000, np.float32), 22050) for key in keys)
    write_audio(path, items)
    Pyjama(
        {"filepath": Definition("global", "text")},
        [Entry({"filepath": (Atom(key),)}) for key in keys],
    ).save(folder / "bach10.pyjama")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, path.name)
    (folder / f"{path.name}.zip").write_bytes(packed.getvalue())
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    process = os.fork()
    if not process:
        _serve(listening, folder)
    port = listening.getsockname()[1]
    listening.close()
    return process, port


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _serve(listening: socket.socket, folder: Path) -> None:
    """Answer until the parent is gone; never returns."""
    parent = os.getppid()
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    server.serve_forever()
    os._exit(0)


def last_changes(record: Path) -> list[str]:
    """The kinds of the changes in a record."""
    return [change.kind for change in changes_in(record)]
