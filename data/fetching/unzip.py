"""One file out of a zip archive from elsewhere: only the member that is expected, and only as much as fits.

Where the file goes is never read from the archive. Even so an archive is refused whole if any of its names would lead
out of a folder, if the member is a link, or if it unpacks to far more than arrays of numbers do.
"""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

from ...errors import DataError
from ...printable import listed
from .line import disk

MOST_ENTRIES = 10_000
MOST_RATIO = 250  # bytes out of one byte; float audio gives 2, silence 1000
ALWAYS_ALLOWED_BYTES = 1 << 26
CHUNK_BYTES = 1 << 20


def unpack(
    archive: Path, member: str, target: Path, on_bytes: Callable[[int, int], None]
) -> None:
    """Write the one file called `member`, in whatever folder of the archive it lies, to the path `target`.

    Other members are left alone. `on_bytes` is called with the bytes done, of how many.

    Raises DataError: E408 no space; E483 no zip file, a damaged or truncated one, or one without the member; E484 an
    archive that tries what an honest one never does.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            # Every name, then the size, then the space: nothing is written before all three are right.
            info = _expected(archive, opened.infolist(), member)
            _refuse_bomb(archive, info)
            with disk(target.parent):
                if shutil.disk_usage(target.parent).free < info.file_size:
                    raise OSError(
                        errno.ENOSPC,
                        f"'{member}' unpacks to {info.file_size} bytes, and the disk is full",
                    )
            _copy(opened, info, target, on_bytes)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        ValueError,
        UnicodeError,
    ) as error:
        raise _damaged(archive, error) from error


def _copy(
    opened: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    target: Path,
    on_bytes: Callable[[int, int], None],
) -> None:
    """zipfile stops at the size that is announced, and compares the checksum at the end."""
    done = 0
    with opened.open(info) as packed, disk(target.parent), target.open("wb") as file:
        # In chunks, so that an archive is never in memory, whatever it claims to hold.
        while chunk := packed.read(CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            on_bytes(done, info.file_size)
    if done != info.file_size:
        raise EOFError(f"'{info.filename}' ends after {done} of {info.file_size} bytes")


def _expected(
    archive: Path, infos: list[zipfile.ZipInfo], member: str
) -> zipfile.ZipInfo:
    if len(infos) > MOST_ENTRIES:
        raise _hostile(archive, f"it has {len(infos)} members, one is expected")
    # One hostile name condemns the archive, though only one member would be unpacked.
    for info in infos:
        _refuse_names(archive, info)

    # The folder of the member is the archive's own matter; only its name is known.
    found = [
        info
        for info in infos
        if PurePosixPath(info.filename).name == member and not info.is_dir()
    ]
    if len(found) != 1:
        names = [info.filename for info in infos]
        raise DataError(
            f"'{archive.name}' holds {len(found) or 'no'} '{member}', expected one",
            code="E483",
            facts=[("members", listed(names, 5) or "none")],
            help="report it to the corpus's host; --base-url takes another server",
        )
    if found[0].flag_bits & 1:
        raise _hostile(archive, f"'{member}' is encrypted")
    return found[0]


def _refuse_names(archive: Path, info: zipfile.ZipInfo) -> None:
    for name in (info.filename, info.orig_filename):
        # Names are read as both systems would: an archive may have been made for the other one.
        windows = PureWindowsPath(name)
        posix = PurePosixPath(name)
        is_absolute = windows.drive or windows.root or posix.is_absolute()
        if is_absolute or ".." in windows.parts or "\0" in name:
            raise _hostile(
                archive, f"its member '{name}' would be written outside the folder"
            )

    # The upper half of the attributes holds Unix modes; a link could lead a later member anywhere.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _hostile(
            archive, f"its member '{info.filename}' is a link or a device, not a file"
        )


def _refuse_bomb(archive: Path, info: zipfile.ZipInfo) -> None:
    packed = min(info.compress_size, archive.stat().st_size)
    if info.file_size > max(MOST_RATIO * packed, ALWAYS_ALLOWED_BYTES):
        raise _hostile(
            archive,
            f"'{info.filename}' unpacks from {packed} to {info.file_size} bytes",
        )


def _hostile(archive: Path, what: str) -> DataError:
    return DataError(
        f"'{archive.name}' is not a corpus's archive: {what}",
        code="E484",
        help="nothing was unpacked; check where the file comes from, and report it to its host",
    )


def _damaged(archive: Path, error: Exception) -> DataError:
    with archive.open("rb") as file:
        begins = file.read(16)
    return DataError(
        f"'{archive.name}' is not a zip file, or a damaged one",
        code="E483",
        facts=[
            ("size", f"{archive.stat().st_size} bytes"),
            ("begins", repr(begins.decode("latin-1"))),
            ("zip", " ".join(str(error).split()) or type(error).__name__),
        ],
        help="fetch it again",
    )
