"""A read-only HDF5 file with a key per item, and what is refused in one, read or written."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean
from .reading import unreadable

SR_MIN_HZ = 1_000
SR_MAX_HZ = 1_000_000


class Store:
    """A read-only HDF5 file: opened late, one handle per process."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None
        self._pid = -1
        self._keys: tuple[str, ...] | None = None

    def keys(self) -> tuple[str, ...]:
        """Every dataset of the file, sorted; those in HDF5 groups as 'group/name'."""
        if self._keys is None:
            found: list[str] = []
            self._open().visititems(
                lambda name, node: (
                    found.append(name) if isinstance(node, h5py.Dataset) else None
                )
            )
            self._keys = tuple(sorted(found))
        return self._keys

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def __reduce__(self) -> tuple[object, ...]:
        if self.path.exists():
            status = self.path.stat()
        else:
            status = None
        return _reopened, (
            type(self),
            self.path,
            status and (status.st_ino, status.st_size, status.st_mtime_ns),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.path}')"

    def _open(self) -> h5py.File:
        if self._pid != os.getpid():
            self._file = None  # the handle of the parent process: HDF5 must not see it while it opens ours
            self._pid = os.getpid()
        if self._file is None:
            self._file = _open_file(self.path)
        return self._file

    def _dataset(self, key: str) -> h5py.Dataset:
        try:
            node = self._open().get(key)
        except (OSError, RuntimeError, KeyError) as error:
            raise corrupt(self.path, error) from error
        if not isinstance(node, h5py.Dataset):
            near = did_you_mean(key, self.keys())
            raise DataError(
                f"'{self.path}' has no key '{key}'",
                code="E402",
                help=near
                or f"it has {len(self.keys())} keys"
                + (f", the first is '{self.keys()[0]}'" * bool(self.keys())),
            )
        return node

    def _values(
        self, key: str, start: int, stop: int | None, size: int
    ) -> NDArray[Any]:
        if stop is None:
            stop = size
        if not 0 <= start <= stop <= size:
            raise ValueError(f"'{key}' holds [0, {size}), asked for [{start}, {stop})")
        try:
            return np.asarray(self._dataset(key)[start:stop])
        except (OSError, RuntimeError) as error:
            raise corrupt(self.path, error) from error


@functools.lru_cache(maxsize=8)
def _reopened(kind: type[Store], path: Path, signature: object) -> Store:  # noqa: ARG001
    """The process's one store of a file: unpickled items share it. A file replaced meanwhile is another one."""
    return kind(path)


def _open_file(path: Path) -> h5py.File:
    try:
        if not path.is_file():
            help = "check the path; the file is NAME_audio.hdf5"
            raise DataError(f"there is no file '{path}'", code="E400", help=help)
        return h5py.File(
            path, "r", locking=False
        )  # no lock: works on read-only and network folders
    except PermissionError as error:
        raise unreadable(path, error) from error
    except OSError as error:
        raise corrupt(path, error) from error


def corrupt(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path}' is not an HDF5 file, or a damaged one",
        code="E401",
        facts=[
            ("size", f"{path.stat().st_size} bytes"),
            ("hdf5", " ".join(str(error).split())),
        ],
        help="download or build it again",
    )


def wrong_form(
    path: str | Path, key: str, data: h5py.Dataset | NDArray[Any], expected: str
) -> DataError:
    return DataError(
        f"'{key}' of '{path}' is not {expected}",
        code="E403",
        facts=[("shape", str(data.shape)), ("type", str(data.dtype))],
    )


def refuse_empty(path: str | Path, key: str, data: h5py.Dataset | NDArray[Any]) -> None:
    if 0 in data.shape:
        raise DataError(
            f"'{key}' of '{path}' is empty",
            code="E405",
            facts=[("shape", str(tuple(data.shape)))],
            help="remove the key from the corpus, or build it again from its source",
        )


def refuse_nan(values: NDArray[Any], what: str, unit: str, start: int) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise DataError(
            f"{what} has NaN or infinity",
            code="E406",
            facts=[
                ("first", f"{unit} {start + int(np.argwhere(~finite)[0, 0])}"),
                ("count", str(int((~finite).sum()))),
            ],
            help="repair it or remove it from the corpus",
        )


def sr_hz_of(value: object, what: str) -> int:
    """The sampling rate as an int, or DataError E404."""
    if value is None:
        raise DataError(
            f"{what} has no attribute 'sr_hz'",
            code="E404",
            help="write the sampling rate in Hz to it",
        )
    if isinstance(value, np.generic):
        number: Any = value.item()
    else:
        number = value
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if is_number and SR_MIN_HZ <= number <= SR_MAX_HZ and number == int(number):
        return int(number)
    raise DataError(
        f"{what} has 'sr_hz' = {number!r}, expected a whole number of Hz from {SR_MIN_HZ} to {SR_MAX_HZ}",
        code="E404",
        help="write the sampling rate in Hz, such as 22050",
    )
