"""The index of a feature cache: which audio file, as it was then, gave which cache file.

It only saves the reading of audio whose features are already there. So it may be lost, stale or damaged at any time:
what it does not know is read and hashed again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """A file as it was: if size and time of change are the same, so is its content."""

    source: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, source: Path | None) -> Stamp | None:
        """None without a file: audio from elsewhere is always hashed."""
        if source is None:
            return None
        try:
            status = source.stat()
        except OSError:
            return None
        return cls(str(source.resolve()), status.st_size, status.st_mtime_ns)


class CacheIndex:
    """(settings, source file, key) -> (stamp, digest), in SQLite: safe with several processes and when killed."""

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        self.settings = settings

    def load(self) -> dict[tuple[str, str], tuple[Stamp, str]]:
        """(source, key) -> (stamp, digest) of these settings; empty if the index cannot be read."""
        try:
            with self._connected() as connection:
                rows = connection.execute(
                    "SELECT source, key, size, mtime_ns, digest FROM features WHERE settings = ?",
                    (self.settings,),
                ).fetchall()
        except sqlite3.Error:
            return {}
        return {
            (source, key): (Stamp(source, size, mtime_ns), digest)
            for source, key, size, mtime_ns, digest in rows
        }

    def add(self, stamp: Stamp, key: str, digest: str) -> None:
        row = (self.settings, stamp.source, key, stamp.size, stamp.mtime_ns, digest)
        try:
            self._insert(row)
        except sqlite3.OperationalError:
            return  # locked for long, or a full disk: the next cache file reports it
        except sqlite3.DatabaseError:
            # A damaged index is thrown away: all that it saves is reading audio again.
            self.path.unlink(missing_ok=True)
            self._insert(row)

    def _insert(self, row: tuple[str, str, str, int, int, str]) -> None:
        with self._connected() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?, ?)", row
            )

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with (
            contextlib.closing(sqlite3.connect(self.path, timeout=30.0)) as connection,
            connection,
        ):
            # A row that a power cut loses costs one reading of the audio; waiting for
            # the disk at every row would cost more.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features (settings TEXT, source TEXT, key TEXT, size INTEGER, "
                "mtime_ns INTEGER, digest TEXT, PRIMARY KEY (settings, source, key))"
            )
            yield connection
