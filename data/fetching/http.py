"""One file over HTTP: resumed where it stopped, tried again when the line breaks, and never half there.

The file grows as NAME.part; beside it NAME.part.json keeps by which mark (ETag, Last-Modified) the server knows it.
Going on asks for the rest with `Range` and, so that two versions never mix, `If-Range`: a server that has another
file by now, or knows no ranges, answers with the whole of it, and the download begins again. So it does where the
server gives no mark.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError

from .line import BrokenError, answer, disk, given_up, line

OnBytes = Callable[
    [int, "int | None"], None
]  # is called with the bytes done, and of how many if that is known
PAUSES_S = (1.0, 2.0, 4.0, 8.0)  # before each further try without progress
CHUNK_BYTES = 1 << 18


def download(
    url: str, path: Path, on_bytes: OnBytes, *, pauses_s: Sequence[float] | None = None
) -> None:
    """Bring the file at `url` to `path`; a part of it that is there already, from a killed run too, is kept.

    Tries again after each of `pauses_s` (default: 1, 2, 4, 8 s), and from the first again when bytes have come since.

    Raises DataError: E408 no space or no right to write; E481 no network, no answer, a line that stays broken or a
    certificate that cannot be trusted; E482 the server refuses (404, 403) or fails (5xx).
    """
    pauses = PAUSES_S if pauses_s is None else pauses_s
    part = path.with_name(f"{path.name}.part")
    notes = notes_beside(path)
    with disk(path.parent):
        # Neither "r+b" nor "w+b": the part is made where it is missing, and kept where it is not.
        file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    with file:
        furthest = tries = 0
        while True:
            try:
                _attempt(url, file, notes, on_bytes)
                break
            except BrokenError as broken:
                # As long as bytes come, the line is slow rather than broken, and patience starts again.
                size = file.seek(0, os.SEEK_END)
                if size > furthest:
                    tries = 1
                else:
                    tries = tries + 1
                furthest = max(furthest, size)
                if tries > len(pauses):
                    if not size:
                        part.unlink()
                    raise given_up(url, broken, tries, size) from broken
                time.sleep(max(pauses[tries - 1], broken.wait_s))
    with disk(path.parent):
        part.replace(path)
        notes.unlink(missing_ok=True)


def notes_beside(path: Path) -> Path:
    """Where `download` keeps by which mark the server knows the file; a kill after the last byte leaves it there."""
    return path.with_name(f"{path.name}.part.json")


def _attempt(url: str, file: BinaryIO, notes: Path, on_bytes: OnBytes) -> None:
    """One request, from where the file ends."""
    have = file.seek(0, os.SEEK_END)
    mark = _noted(notes, url)
    headers = {"User-Agent": "mirbricks", "Accept-Encoding": "identity"}
    if have and mark:
        # If-Range: a file that has changed since comes whole, not as a part that does not fit.
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    try:
        with line(url), answer(url, headers) as response:
            start, total = _span(response, have if "Range" in headers else 0, mark)
            with disk(notes.parent):
                # First, so that no kill leaves the old bytes with the new mark.
                file.truncate(start)
                notes.write_text(
                    json.dumps({"url": url, "mark": _mark(response.headers)}),
                    encoding="utf-8",
                )
                # Better now than after an hour of download.
                to_come = (total or start) - start
                if shutil.disk_usage(notes.parent).free < to_come:
                    text = f"{to_come} bytes are to come, and the disk is full"
                    raise OSError(errno.ENOSPC, text)
            _receive(response, file, start, total, on_bytes, notes.parent)
    except HTTPError as error:
        # 416, there is no such part: nothing is missing where all was there, and the kill came before the renaming.
        whole = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        if not (whole and int(whole[1]) == have):
            file.truncate(0)
            raise BrokenError(
                "the server does not know the part that was asked for"
            ) from error
    except _OtherFileError as error:
        file.truncate(0)
        raise BrokenError(str(error)) from error


class _OtherFileError(Exception):
    """What comes does not belong to the bytes that are here."""


def _receive(
    response: Any,
    file: BinaryIO,
    start: int,
    total: int | None,
    on_bytes: OnBytes,
    folder: Path,
) -> None:
    done = file.seek(start)
    on_bytes(done, total)
    # What has come, and not a full chunk: a line that drips would keep `on_bytes` waiting, and a limit with it.
    while chunk := response.read1(CHUNK_BYTES):
        with disk(folder):
            file.write(chunk)
            # Each chunk is handed over at once: a killed run loses none that has come.
            file.flush()
        done += len(chunk)
        on_bytes(done, total)

    # A proxy may close a line as if all was well.
    if total is not None and done != total:
        raise BrokenError(f"the line was cut at {done} of {total} bytes")


def _span(response: Any, have: int, mark: str | None) -> tuple[int, int | None]:
    """(first byte that comes, size of the whole file if it is known)."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise BrokenError(
            f"the server sends it as '{headers['Content-Encoding']}', which was not asked for",
            "E482",
        )

    # A part fits only if it begins where ours ends, goes to the end, and is of the same file.
    if response.status == 206 and have:
        span = headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", span)
        first, last, total = map(int, found.groups()) if found else (-1, -1, 0)
        is_rest = first == have and last + 1 == total
        if not is_rest or _mark(headers) not in (None, mark):
            raise _OtherFileError("the server sent another part than was asked for")
        return have, total

    # 200 where a part was asked for: the file has changed, or the server knows no parts, and it comes whole.
    if response.status != 200:
        raise BrokenError(f"the server answered {response.status}", "E482")
    length = headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _noted(notes: Path, url: str) -> str | None:
    """The server's mark of the part on disk, if it is a part of the file at `url`."""
    try:
        said: dict[str, Any] = json.loads(notes.read_text(encoding="utf-8"))
        if said["url"] == url and said["mark"]:
            return str(said["mark"])
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # There is none, or it was cut short: the download begins again.
        return None


def _mark(headers: Message) -> str | None:
    """What `If-Range` may hold: a strong ETag, else the date of the last change."""
    tag: str | None = headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified")
