"""Readers and writers of NAME_audio.hdf5 (1-D float, attribute `sr_hz`) and NAME_feat.hdf5 ((T, D)), a key per item.

Readers open the file on first use and once per process: a store may be pickled to workers or cross a fork. They never
load more than what is asked for, so memory does not grow with the corpus. Writers stream: one item in memory at a time.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean
from .atomic import written_whole
from .reading import unreadable

Float32 = NDArray[np.float32]
SR_MIN_HZ, SR_MAX_HZ = 1_000, 1_000_000
_AUDIO_FORM = "a 1-D float array"
_FEATURE_FORM = "a 2-D array of numbers, (frames, features)"
_METADATA_BYTES = 1 << 13  # more than HDF5 needs for the name, header and attribute table of one item


class _Store:
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
            self._open().visititems(lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) else None)
            self._keys = tuple(sorted(found))
        return self._keys

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def __reduce__(self) -> tuple[object, ...]:
        status = self.path.stat() if self.path.exists() else None
        return _reopened, (type(self), self.path, status and (status.st_ino, status.st_size, status.st_mtime_ns))

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
            raise _corrupt(self.path, error) from error
        if not isinstance(node, h5py.Dataset):
            near = did_you_mean(key, self.keys())
            raise DataError(
                f"'{self.path}' has no key '{key}'",
                code="E402",
                help=near
                or f"it has {len(self.keys())} keys" + (f", the first is '{self.keys()[0]}'" * bool(self.keys())),
            )
        return node

    def _values(self, key: str, start: int, stop: int | None, size: int) -> NDArray[Any]:
        stop = size if stop is None else stop
        if not 0 <= start <= stop <= size:
            raise ValueError(f"'{key}' holds [0, {size}), asked for [{start}, {stop})")
        try:
            return np.asarray(self._dataset(key)[start:stop])
        except (OSError, RuntimeError) as error:
            raise _corrupt(self.path, error) from error


class AudioStore(_Store):
    """Reader of NAME_audio.hdf5.

    Errors, all DataError: E400 missing file, E401 corrupt file, E402 unknown key, E403 not 1-D float, E404 `sr_hz`
    missing or wrong, E405 empty audio, E406 NaN or infinity, E409 no permission.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._checked: dict[str, tuple[int, int]] = {}

    def n_samples(self, key: str) -> int:
        return self._describe(key)[0]

    def sr_hz(self, key: str) -> int:
        return self._describe(key)[1]

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Float32:
        """Samples [start, stop) as float32 (N,)."""
        audio = self._values(key, start, stop, self.n_samples(key)).astype(np.float32, copy=False)
        _refuse_nan(audio, f"'{key}' of '{self.path}'", "sample", start)
        return audio

    def _describe(self, key: str) -> tuple[int, int]:
        """(n_samples, sr_hz), checked once per key."""
        if key not in self._checked:
            data = self._dataset(key)
            if data.ndim != 1 or data.dtype.kind != "f":
                raise _wrong_form(self.path, key, data, _AUDIO_FORM)
            _refuse_empty(self.path, key, data)
            self._checked[key] = data.shape[0], _sr_hz(data.attrs.get("sr_hz"), f"'{key}' of '{self.path}'")
        return self._checked[key]


class FeatureStore(_Store):
    """Reader of NAME_feat.hdf5: a (T, D) array of numbers a key. Errors as `AudioStore`."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._checked: dict[str, tuple[int, int]] = {}

    def shape(self, key: str) -> tuple[int, int]:
        """(n_frames, n_features)."""
        if key not in self._checked:
            data = self._dataset(key)
            if data.ndim != 2 or data.dtype.kind not in "fiu":
                raise _wrong_form(self.path, key, data, _FEATURE_FORM)
            _refuse_empty(self.path, key, data)
            self._checked[key] = data.shape[0], data.shape[1]
        return self._checked[key]

    def attributes(self, key: str) -> dict[str, Any]:
        """The attributes of the key, such as `hop_s`."""
        return dict(self._dataset(key).attrs)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Float32:
        """Frames [start, stop) as float32 (T, D), times the attribute `scale` where the key has one."""
        features = self._values(key, start, stop, self.shape(key)[0]).astype(np.float32, copy=False)
        scale = self._dataset(key).attrs.get("scale")
        if scale is not None:
            features = features * np.float32(scale)
        _refuse_nan(features, f"'{key}' of '{self.path}'", "frame", start)
        return features


def write_audio(path: str | Path, items: Iterable[tuple[str, NDArray[np.floating[Any]], int]]) -> None:
    """Write (key, audio (N,), sr_hz) triples as they come, contiguous float32. The file appears when all are in.

    Raises DataError: E403 to E406 for an item that the reader would refuse, E407 for a key given twice, E408 for a
    full disk or a folder that cannot be written.
    """
    with _writing(path) as add:
        for key, audio, sr_hz in items:
            audio = np.asarray(audio)
            if audio.ndim != 1 or audio.dtype.kind != "f":
                raise _wrong_form(path, key, audio, _AUDIO_FORM)
            add(key, audio, "sample", {"sr_hz": _sr_hz(sr_hz, f"'{key}' of '{path}'")})


def write_features(path: str | Path, items: Iterable[tuple[str, NDArray[Any], Mapping[str, Any]]]) -> None:
    """Write (key, features (T, D), attributes) triples as they come, contiguous float32; otherwise as `write_audio`."""
    with _writing(path) as add:
        for key, features, attributes in items:
            features = np.asarray(features)
            if features.ndim != 2 or features.dtype.kind not in "fiu":
                raise _wrong_form(path, key, features, _FEATURE_FORM)
            add(key, features, "frame", attributes)


@contextlib.contextmanager
def _writing(path: str | Path) -> Iterator[Callable[[str, NDArray[Any], str, Mapping[str, Any]], None]]:
    """Yield add(key, values, unit, attributes) for a new file that appears whole or not at all.

    HDF5 does not survive a full disk: every later close fails, or crashes the process. So the space of an item is
    reserved before HDF5 sees the item.
    """
    reserved = 0

    def reserve(raw: BinaryIO, n_bytes: int) -> None:
        nonlocal reserved
        reserved += n_bytes
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(raw.fileno(), 0, reserved)

    def add(key: str, values: NDArray[Any], unit: str, attributes: Mapping[str, Any]) -> None:
        if key in file:
            message = f"the key '{key}' was given twice for '{path}'"
            raise DataError(message, code="E407", help="give every recording its own key")
        _refuse_empty(path, key, values)
        _refuse_nan(values, f"'{key}' for '{path}'", unit, 0)
        reserve(raw, values.size * 4 + sum(np.asarray(value).nbytes for value in attributes.values()) + _METADATA_BYTES)
        file.create_dataset(key, data=values.astype(np.float32, copy=False)).attrs.update(attributes)

    with written_whole(path) as temporary:
        with temporary.open("w+b") as raw:
            reserve(raw, 16 * _METADATA_BYTES)
            with h5py.File(temporary, "w") as file:
                yield add
                size = file.id.get_filesize()
        os.truncate(temporary, size)  # what was reserved and not used


@functools.lru_cache(maxsize=8)
def _reopened(kind: type[_Store], path: Path, signature: object) -> _Store:  # noqa: ARG001
    """The process's one store of a file: unpickled items share it. A file replaced meanwhile is another one."""
    return kind(path)


def _open_file(path: Path) -> h5py.File:
    try:
        if not path.is_file():
            help = "check the path; the file is NAME_audio.hdf5"
            raise DataError(f"there is no file '{path}'", code="E400", help=help)
        return h5py.File(path, "r", locking=False)  # no lock: works on read-only and network folders
    except PermissionError as error:
        raise unreadable(path, error) from error
    except OSError as error:
        raise _corrupt(path, error) from error


def _corrupt(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path}' is not an HDF5 file, or a damaged one",
        code="E401",
        facts=[("size", f"{path.stat().st_size} bytes"), ("hdf5", " ".join(str(error).split()))],
        help="download or build it again",
    )


def _wrong_form(path: str | Path, key: str, data: h5py.Dataset | NDArray[Any], expected: str) -> DataError:
    return DataError(
        f"'{key}' of '{path}' is not {expected}",
        code="E403",
        facts=[("shape", str(data.shape)), ("type", str(data.dtype))],
    )


def _refuse_empty(path: str | Path, key: str, data: h5py.Dataset | NDArray[Any]) -> None:
    if 0 in data.shape:
        raise DataError(
            f"'{key}' of '{path}' is empty",
            code="E405",
            facts=[("shape", str(tuple(data.shape)))],
            help="remove the key from the corpus, or build it again from its source",
        )


def _refuse_nan(values: NDArray[Any], what: str, unit: str, start: int) -> None:
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


def _sr_hz(value: object, what: str) -> int:
    """The sampling rate as an int, or DataError E404."""
    if value is None:
        raise DataError(f"{what} has no attribute 'sr_hz'", code="E404", help="write the sampling rate in Hz to it")
    number: Any = value.item() if isinstance(value, np.generic) else value
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if is_number and SR_MIN_HZ <= number <= SR_MAX_HZ and number == int(number):
        return int(number)
    raise DataError(
        f"{what} has 'sr_hz' = {number!r}, expected a whole number of Hz from {SR_MIN_HZ} to {SR_MAX_HZ}",
        code="E404",
        help="write the sampling rate in Hz, such as 22050",
    )
