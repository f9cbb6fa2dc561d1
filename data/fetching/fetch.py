"""The tutorial's hosted corpora: fetched, unpacked, and checked against what was fetched before.

A corpus NAME is NAME.pyjama and NAME_audio.hdf5 or NAME_feat.hdf5, hosted as a zip. NAME.fetch.json beside them
records from where they came, when, and the SHA-256 of each file and of the zip. The host publishes no checksums: the
first fetch takes what comes (whole, by the zip's own checksum), each later one must bring the same.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

import h5py

from ...errors import DataError, did_you_mean
from ..stores.atomic import make_folder, put_in_place, written_whole
from ..stores.locks import InUse, lock
from ..stores.reading import unreadable
from .http import download, notes_beside
from .line import disk
from .record import Record, Stamp
from .unzip import unpack

LOCK = ".fetch.lock"
BASE_URL = "https://perso.telecom-paristech.fr/gpeeters/tuto_DL101forMIR/"
HOSTED = {  # name -> whether it holds audio or features
    "bach10": "audio",
    "cover1000": "feat",
    "datacos-benchmark": "feat",
    "gtzan-genre": "audio",
    "maps": "audio",
    "mtt": "audio",
    "rwc-pop_chord": "audio",
}


class Watch(Protocol):
    """Is called with what is done at the moment, and how many bytes of how many; None while nobody knows."""

    def __call__(self, label: str, done: int, total: int | None, /) -> None: ...


@dataclass(frozen=True)
class Fetched:
    """The files of a corpus in a folder; `fresh` are those that this fetch has brought."""

    name: str
    folder: Path
    files: dict[str, Stamp]
    fresh: tuple[str, ...]


def fetch(
    name: str,
    folder: str | Path,
    base_url: str = BASE_URL,
    watch: Watch = lambda *_: None,
) -> Fetched:
    """Bring the corpus `name` into `folder`; what is there already is checked and kept, never written over.

    A killed fetch goes on where it stopped.

    Raises DataError: E480 an unknown name, a wrong address, another fetch in the folder; E481, E482 network
    and server; E483, E484 the archive; E485 a file that is not as it was fetched; E486 the host has another one than
    before; E408 disk, E409 a folder that cannot be read.
    """
    if name not in HOSTED:
        near = did_you_mean(name, HOSTED) or f"hosted are: {', '.join(sorted(HOSTED))}"
        raise DataError(f"no corpus '{name}' is hosted", code="E480", help=near)

    # file:// and others would read what is on this machine, under the name of a hosted corpus.
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        message = f"expected an address that begins with https:// or http://, got '{base_url}'"
        raise DataError(message, code="E480", help=f"--base-url {BASE_URL}")
    return _Fetch(name, Path(folder), f"{base_url.rstrip('/')}/", watch).run()


class _Fetch:
    """One fetch of one corpus."""

    def __init__(self, name: str, folder: Path, base_url: str, watch: Watch) -> None:
        self.name = name
        self.folder = folder
        self.base_url = base_url
        self.watch = watch
        self.notes = f"{name}.pyjama"
        self.data = f"{name}_{HOSTED[name]}.hdf5"
        self.fresh: list[str] = []

    def run(self) -> Fetched:
        with disk(self.folder):
            make_folder(self.folder)

        # Two fetches in one folder would write to the same parts.
        with _alone(self.folder):
            # What an earlier fetch has brought is compared with its record, and only what is missing is fetched.
            self.record = Record.read(
                self.folder / f"{self.name}.fetch.json", self.name
            )
            missing = [
                file for file in (self.notes, self.data) if not self._is_there(file)
            ]
            if self.notes in missing:
                self._fetch_notes()
            if self.data in missing:
                self._fetch_data()
            with disk(self.folder):
                # The archive is kept until both files are checked: a second try then needs no network.
                self._packed.unlink(missing_ok=True)
                notes_beside(self._packed).unlink(missing_ok=True)
        return Fetched(self.name, self.folder, self.record.files, tuple(self.fresh))

    def _is_there(self, file: str) -> bool:
        """Whether a file is there as it was fetched. Raises E485 where it is there otherwise."""
        path = self.folder / file
        if not path.exists():
            return False
        then = self.record.files.get(file)
        if then is None:
            raise DataError(
                f"there is a file '{path}' already, which no fetch has written",
                code="E485",
                help="choose another folder with --out, or move the file away",
            )

        # Whoever has changed a file wants to keep it: nothing is written over.
        if self._stamp(path) != then:
            raise DataError(
                f"'{path}' is not as it was fetched: its checksum differs",
                code="E485",
                facts=[("fetched", self.record.when), ("sha256 then", then.sha256)],
                help="move it away and fetch again; nothing is written over",
            )
        return True

    def _fetch_notes(self) -> None:
        path = self.folder / f".{self.notes}"  # out of sight until it is checked
        self._download(self.notes, path)
        try:
            _refuse_other(path, self.notes)
            self._settle(path, self.notes)
        finally:
            path.unlink(missing_ok=True)

    def _fetch_data(self) -> None:
        packed = self._packed
        path = self.folder / f".{self.data}"
        if not packed.exists():  # else a full disk or a kill came between
            self._download(f"{self.data}.zip", packed)
        try:
            # The archive is known by its checksum before anything in it is looked at.
            stamp = self._stamp(packed)
            self._compare(packed.name.lstrip("."), stamp)
            unpack(
                packed,
                self.data,
                path,
                lambda done, total: self.watch(f"unpacking {self.data}", done, total),
            )
            _refuse_other(path, self.data)
            self._record(packed.name.lstrip("."), stamp)
            self._settle(path, self.data)
        except DataError as error:
            # An archive that is damaged is of no use; one that met a full disk is.
            if error.code != "E408":
                packed.unlink(missing_ok=True)
            raise
        finally:
            path.unlink(missing_ok=True)

    @property
    def _packed(self) -> Path:
        return self.folder / f".{self.data}.zip"

    def _download(self, file: str, path: Path) -> None:
        download(
            self.base_url + quote(file),
            path,
            lambda done, total: self.watch(file, done, total),
        )

    def _settle(self, path: Path, file: str) -> None:
        """Record a checked file, and give it its name."""
        stamp = self._stamp(path)
        self._compare(file, stamp)
        self._record(file, stamp)
        with disk(self.folder):
            put_in_place(path, self.folder / file)
        self.fresh.append(file)

    def _record(self, file: str, stamp: Stamp) -> None:
        if file not in self.record.files:
            self.record = self.record.plus(file, stamp, self.base_url)
            with written_whole(self.folder / f"{self.name}.fetch.json") as temporary:
                temporary.write_text(self.record.text(), encoding="utf-8")

    def _compare(self, file: str, stamp: Stamp) -> None:
        """Raise E486 where something else came before."""
        # A host that changes a corpus silently would make figures differ that should be equal.
        then = self.record.files.get(file, stamp)
        if then != stamp:
            raise DataError(
                f"'{file}' is not the file that was fetched before: its checksum differs",
                code="E486",
                facts=[
                    (
                        "before",
                        f"{then.sha256}, {then.n_bytes} bytes, {self.record.when}, {self.record.base_url}",
                    ),
                    ("now", f"{stamp.sha256}, {stamp.n_bytes} bytes, {self.base_url}"),
                ],
                help=f"if the host says that it has changed the corpus, remove '{self.name}.fetch.json' and all "
                "that it names, and fetch again",
            )

    def _stamp(self, path: Path) -> Stamp:
        digest = hashlib.sha256()
        size = path.stat().st_size
        done = 0
        try:
            with path.open("rb") as file:
                # In blocks: a corpus may be larger than the memory.
                while block := file.read(1 << 20):
                    digest.update(block)
                    done += len(block)
                    self.watch(f"checking {path.name.lstrip('.')}", done, size)
        except OSError as error:
            raise unreadable(path, error) from error
        return Stamp(digest.hexdigest(), size)


def _refuse_other(path: Path, file: str) -> None:
    """Raise E483 where what came as `file` does not begin as JSON or as HDF5."""
    with path.open("rb") as opened:
        begins = opened.read(64)
    # A text may begin with a byte order mark and white space.
    if file.endswith(".pyjama"):
        form = "JSON"
        is_right = begins.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{")
    else:
        form = "HDF5"
        is_right = h5py.is_hdf5(path)
    if is_right:
        return
    raise DataError(
        f"what came as '{file}' is not {form}",
        code="E483",
        facts=[("begins", repr(begins[:40].decode("latin-1")))],
        help="a login page or a proxy may have answered instead of the host; open the address in a browser",
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process fetches into the folder meanwhile. Raises E480."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock(folder / LOCK))
        except InUse as error:
            owner = f" ({error})" if str(error) else ""
            raise DataError(
                f"another process fetches into '{folder}'{owner}",
                code="E480",
                help="wait until it ends, or choose another --out",
            ) from None
        except OSError as error:
            # Where no lock can be written, no corpus can: whatever is missing is refused when it is written, and a
            # whole corpus in a folder that can only be read needs nothing.
            with disk(folder):
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                next(folder.iterdir(), None)
        yield
