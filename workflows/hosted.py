"""A packed model from elsewhere: one file at an address, or a folder, that is what its checksum says.

An archive `NAME.mirb` is a zip of the files of a packed model. It is fetched once into the user's cache folder, and
compared with its checksum each time. Nothing in it is executed or unpickled, nothing but the known files is unpacked,
and only what the user names is fetched: no graph can ask for an address.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..data.fetching.http import download
from ..data.fetching.line import disk
from ..data.stores.atomic import part_of, put_in_place
from ..data.stores.together import write_folder
from ..data.user_cache import cache_folder
from ..errors import DataError, RunError
from ..zoo import CARD, GRAPH, MODELS, WEIGHTS, located

ENDING = ".mirb"
MOST_FETCHED_BYTES = 100_000_000
MOST_FETCHING_S = 600.0
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CHECKSUM = re.compile(r"[0-9a-fA-F]{64}")
_FILES = "|".join(map(re.escape, (GRAPH, WEIGHTS, CARD)))
_MEMBER = re.compile(rf"({MODELS}/[A-Za-z0-9_-]{{1,64}}/){{0,2}}({_FILES})")
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # so that the same files give the same archive


def here(source: str | Path, sha256: str | None = None) -> str | Path:
    """The folder of a model, wherever it is: what is at an address, or in an archive, is unpacked into the cache.

    Parameters
    ----------
    source : str or Path
        An address that begins with https:// or http:// and ends in `#sha256=...`, an archive of `mirbricks pack`, a
        folder, or `zoo:NAME`.
    sha256 : str, optional
        The checksum, where it is not part of the source.

    Returns
    -------
    str or Path
        A folder on this machine; `zoo:NAME` and folders as they came.

    Raises
    ------
    RunError
        E615 for an address or an archive that cannot be used, and for what is not what its checksum says.
    """
    text = str(source)
    name, _, stated = text.partition("#sha256=")
    checksum = _read(sha256 or stated or None, text)
    if _ADDRESS.match(name):
        return _fetched(name, checksum)
    if name.endswith(ENDING) and Path(name).is_file():
        with disk(Path(name).parent):
            content = Path(name).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if checksum is not None:
            _compare(name, checksum, found)
        return _unpacked(name, content, found)
    if checksum is None:
        return source
    _compare(name, checksum, checksum_of(located(name)))
    return name


def checksum_of(folder: Path) -> str:
    """The SHA-256 of a packed model in a folder: of the lines that `sha256sum` prints of its files, sorted by name.

    Raises RunError E615 where the folder is missing or cannot be read.
    """
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            raise _refused(str(folder), "there is no packed model", "check the path")
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
            for path in files
        ]
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refused(str(folder), reason, "check the path") from error
    return hashlib.sha256("".join(sorted(lines, key=_name)).encode()).hexdigest()


def archive_of(contents: Mapping[str, bytes]) -> bytes:
    """The archive of a packed model; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            info = zipfile.ZipInfo(name, _FIRST_DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def _name(line: str) -> str:
    return line[66:]


def _read(given: str | None, source: str) -> str | None:
    """The checksum in small letters."""
    if given is None:
        return None
    if not _CHECKSUM.fullmatch(given):
        raise _refused(
            source,
            f"'{given[:80]}' is not a SHA-256 checksum",
            "it has 64 digits from 0 to f, as `sha256sum FILE` prints them",
        )
    return given.lower()


def _compare(source: str, wanted: str, found: str) -> None:
    if wanted != found:
        raise RunError(
            f"cannot load '{source}': it is not what its checksum says",
            code="E615",
            facts=[("expected", wanted), ("came", found)],
            help="take the checksum from whoever published the model; where it is right, the file was changed or "
            "cut on its way",
        )


def _fetched(url: str, checksum: str | None) -> Path:
    """The unpacked model at an address, from the cache where it is there already."""
    if urlsplit(url).scheme not in ("http", "https"):
        hint = "give an address that begins with https://, a folder, or zoo:NAME"
        raise _refused(url, "only https:// and http:// are fetched", hint)
    # Whoever answers under an address may change what is there; a checksum is what makes it the model that was meant.
    if checksum is None:
        hint = f"add #sha256=... as its publisher states it: '{url}#sha256=...'"
        raise _refused(url, "a model from the network needs its checksum", hint)

    folder = cache_folder(None) / "models"
    archive = folder / f"{checksum}{ENDING}"
    with disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not archive.is_file() or _digest(archive) != checksum:
        _download(url, archive, checksum)
    with disk(folder):
        content = archive.read_bytes()
    return _unpacked(url, content, checksum)


def _download(url: str, archive: Path, checksum: str) -> None:
    """Bring the archive into the cache; under its name there is never another file than the one that was meant."""
    began_s = time.monotonic()

    def watch(done: int, total: int | None) -> None:
        if max(done, total or 0) > MOST_FETCHED_BYTES:
            size = f"it is larger than {MOST_FETCHED_BYTES / 1e6:g} MB"
            raise _refused(url, size, "a packed model is smaller: check the address")
        if time.monotonic() - began_s > MOST_FETCHING_S:
            took = f"it did not come within {MOST_FETCHING_S:g} s"
            raise _refused(url, took, "try again later, or from another address")

    # In a folder of its own: what a killed download leaves in it goes with the next one.
    with part_of(archive) as own, disk(archive.parent):
        own.mkdir()
        came = own / archive.name
        try:
            download(url, came, watch)
        except DataError as error:
            # One message for whatever went wrong on the way, with the reason in it.
            reason = error.message.replace(f"cannot fetch '{url}': ", "")
            hint = "check the address, and the network"
            raise _refused(url, reason, hint) from error
        _compare(url, checksum, _digest(came))
        # It lies in a folder that goes with it, so its own name is the last.
        put_in_place(came, archive)


def _unpacked(source: str, content: bytes, checksum: str) -> Path:
    """The folder in the cache with the files of an archive, written again where one is missing or another."""
    files = _members(source, content)
    # The name of the model is that of its file, which is how reports and cards call it.
    name = re.sub(r"[^A-Za-z0-9_-]", "_", Path(urlsplit(source).path).stem) or "model"
    folder = cache_folder(None) / "models" / checksum[:16] / name
    if all(_holds(folder / one, inner) for one, inner in files.items()):
        return folder
    try:
        # What is there is not this model, or not all of it.
        shutil.rmtree(folder, ignore_errors=True)
        write_folder(folder, files)
    except DataError:
        # Another process may have unpacked the same meanwhile.
        if not all(_holds(folder / one, inner) for one, inner in files.items()):
            raise
    return folder


def _members(source: str, content: bytes) -> dict[str, bytes]:
    """The files of an archive, by name; nothing but those of a packed model, and no more than memory can hold."""
    hint = "give a file that `mirbricks pack RUN --out NAME.mirb` has written"
    files: dict[str, bytes] = {}
    left = MOST_FETCHED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if not _MEMBER.fullmatch(info.filename) or info.filename in files:
                    what = f"'{info.filename[:80]}' does not belong into a packed model"
                    raise _refused(source, what, hint)
                # The size that is stated may be a lie: what comes out is counted.
                with archive.open(info) as member:
                    inner = member.read(left + 1)
                left -= len(inner)
                if left < 0:
                    raise _refused(source, "it unpacks to too many bytes", hint)
                files[info.filename] = inner
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise _refused(source, "it is not an archive of a model", hint) from error
    missing = [name for name in (GRAPH, WEIGHTS, CARD) if name not in files]
    if missing:
        raise _refused(source, f"it has no {', '.join(missing)}", hint)
    return files


def _digest(path: Path) -> str:
    with disk(path.parent):
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _refused(source: str, reason: str, hint: str) -> RunError:
    return RunError(f"cannot load '{source}': {reason}", code="E615", help=hint)
