"""A read-only HDF5 file with a key per item, and what is refused in one, read or written."""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean
from .reading import refuse_missing, unreadable

# h5py is imported when a file is opened: a command that only checks a graph opens none.
if TYPE_CHECKING:
    import h5py

SR_MIN_HZ = 1_000
SR_MAX_HZ = 1_000_000
# What h5py raises where a file is damaged: each was seen while bytes of sound files were changed at random.
_DAMAGE = (
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SystemError,
    TypeError,
    ValueError,
)
KEPT_BYTES = 1 << 18  # as they are in the file, where a key takes 300 bytes
_LARGEST_RATIO = 2000  # more than deflate reaches, which is 1032


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
            # The tree is walked once: on a network folder with many keys this takes seconds.
            found: list[str] = []

            def visit(name: str | bytes, node: object) -> None:
                if isinstance(name, bytes):
                    raise ValueError(f"the name {name!r} is not UTF-8")
                if _is_dataset(node):
                    found.append(name)

            file = self._open()
            with damage_named(self.path):
                file.visititems(visit)
            self._keys = tuple(sorted(found))
        return self._keys

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def __reduce__(self) -> tuple[object, ...]:
        signature = None
        if self.path.exists():
            status = self.path.stat()
            signature = (status.st_ino, status.st_size, status.st_mtime_ns)
        return _reopened, (type(self), self.path, signature)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.path}')"

    def _open(self) -> h5py.File:
        if self._pid != os.getpid():
            # The handle of the parent process: HDF5 must not see it while it opens ours.
            self._file = None
            self._pid = os.getpid()
        if self._file is None:
            self._file = _open_file(self.path)
        return self._file

    def _dataset(self, key: str) -> h5py.Dataset:
        file = self._open()
        with damage_named(self.path, key):
            node = file.get(key)
        if _is_dataset(node):
            return node

        # Most often the ending differs, such as .mp3 for .wav: the nearest key is named, or one as an example.
        keys = self.keys()
        near = did_you_mean(key, keys) or f"it has {len(keys)} keys"
        if keys and not did_you_mean(key, keys):
            near += f", the first is '{keys[0]}'"
        raise DataError(f"'{self.path}' has no key '{key}'", code="E402", help=near)

    def _form(self, key: str) -> tuple[tuple[int, ...], str]:
        """(shape, kind of number as `dtype.kind`) of a key whose values are all in the file."""
        data = self._dataset(key)
        with damage_named(self.path, key):
            shape = tuple(int(size) for size in data.shape or ())
            kind = str(data.dtype.kind)
            missing = _missing_values(data)
        if missing:
            raise corrupt(self.path, EOFError(missing), key)
        return shape, kind

    def _attributes(self, key: str) -> Mapping[str, Any]:
        """All attributes of a key, each read when it is asked for."""
        return _Attributes(self.path, key, self._dataset(key))

    def _attribute(self, key: str, name: str) -> Any:
        """One attribute of a key, None where it has none; of a kind that no number has, only that it is there.

        Texts of any length and references lie in a heap of the file, and a damaged heap can keep HDF5 busy for ever.
        """
        data = self._dataset(key)
        with damage_named(self.path, key):
            if name not in data.attrs:
                return None
            if _is_plain(data.attrs.get_id(name).get_type()):
                return data.attrs[name]
            return _NOT_PLAIN

    def _values(
        self, key: str, start: int, stop: int | None, size: int, axis: int = 0
    ) -> NDArray[Any]:
        """The values [start, stop) of an axis that has `size` of them."""
        if stop is None:
            stop = size
        if not 0 <= start <= stop <= size:
            raise ValueError(f"'{key}' holds [0, {size}), asked for [{start}, {stop})")
        data = self._dataset(key)
        part = (*[slice(None)] * axis, slice(start, stop))
        with damage_named(self.path, key):
            return np.asarray(data[part])


class _Attributes(Mapping[str, Any]):
    """The attributes of a key. What nobody asks for, be it a long text or a damaged one, is not read.

    Raises DataError E401 where a value that is asked for cannot be read, KeyError where there is none.
    """

    def __init__(self, path: Path, key: str, data: h5py.Dataset) -> None:
        self._path = path
        self._key = key
        self._data = data

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        with damage_named(self._path, self._key):
            return self._data.attrs[name]

    def __contains__(self, name: object) -> bool:
        with damage_named(self._path, self._key):
            return name in self._data.attrs

    def __iter__(self) -> Iterator[str]:
        with damage_named(self._path, self._key):
            names = list(self._data.attrs)
        return iter(names)

    def __len__(self) -> int:
        with damage_named(self._path, self._key):
            return len(self._data.attrs)

    def __repr__(self) -> str:
        return f"<attributes of '{self._key}': {', '.join(self)}>"


class _NotPlain:
    """Stands for an attribute that was not read."""

    def __repr__(self) -> str:
        return "a text, or something else that is not a number"


_NOT_PLAIN = _NotPlain()


def _is_plain(kind: Any) -> bool:
    """Whether values of a type lie beside it in the file: numbers, and texts of a fixed length."""
    from h5py import h5t

    if kind.get_class() == h5t.STRING:
        return not kind.is_variable_str()
    return kind.get_class() in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM)


@functools.lru_cache(maxsize=64)  # a corpus may lie in many parts
def _reopened(kind: type[Store], path: Path, signature: object) -> Store:  # noqa: ARG001 (it is part of the cache's key)
    """The process's one store of a file: unpickled items share it. A file replaced meanwhile is another one."""
    return kind(path)


def _is_dataset(node: object) -> TypeGuard[h5py.Dataset]:
    import h5py

    return isinstance(node, h5py.Dataset)


def _open_file(path: Path) -> h5py.File:
    refuse_missing(
        path, code="E400", help="check the path; the file is NAME_audio.hdf5"
    )
    import h5py

    try:
        # No lock, so that read-only and network folders can be read.
        file = h5py.File(path, "r", locking=False)
        _keep_little(file)
        return file
    except PermissionError as error:
        raise unreadable(path, error) from error
    except _DAMAGE as error:
        raise corrupt(path, error) from error


def _keep_little(file: h5py.File) -> None:
    """Bound what HDF5 keeps of the keys it has seen, 4 kB of memory for each: 26 MB unless it is told otherwise."""
    limits = file.id.get_mdc_config()
    limits.set_initial_size = True
    limits.min_size = limits.initial_size = limits.max_size = KEPT_BYTES
    file.id.set_mdc_config(limits)


def _missing_values(data: h5py.Dataset) -> str:
    """What a damaged header claims beyond what the file holds, or "".

    Without this look, a size of 10^15 samples is taken for a recording of years: what is not in the file reads as 0.
    """
    if data.is_virtual or data.external or data.shape is None:
        return ""

    # What the header claims against what was stored: compact or chunked, both sizes are known without reading.
    claimed = math.prod(data.shape) * data.dtype.itemsize
    held = data.id.get_storage_size()
    if data.chunks is None:
        most = held
    else:
        # Chunks that were never written take no space, nor do those that compress well: but not without end.
        most = _LARGEST_RATIO * (held + math.prod(data.chunks) * data.dtype.itemsize)
    if claimed > most:
        return f"it claims {claimed} bytes of values, and the file holds {held}"
    return ""


@contextlib.contextmanager
def damage_named(path: Path, key: str | None = None) -> Iterator[None]:
    """What h5py raises inside, of a damaged file, as DataError E401 that names the file and the key."""
    try:
        yield
    except _DAMAGE as error:
        raise corrupt(path, error, key) from error


def corrupt(path: Path, error: Exception, key: str | None = None) -> DataError:
    """DataError E401."""
    if key is None:
        message = f"'{path}' is not an HDF5 file, or a damaged one"
    else:
        message = f"'{key}' of '{path}' cannot be read: the file is damaged"
    try:
        size = f"{path.stat().st_size} bytes"
    except OSError:
        size = "unknown: the file is gone"
    return DataError(
        message,
        code="E401",
        facts=[("size", size), ("hdf5", " ".join(str(error).split()))],
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


def refuse_empty(path: str | Path, key: str, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise DataError(
            f"'{key}' of '{path}' is empty",
            code="E405",
            facts=[("shape", str(shape))],
            help="remove the key from the corpus, or build it again from its source",
        )


def refuse_lying(path: str | Path, key: str, shape: tuple[int, ...]) -> None:
    """Raise DataError E403 for audio with more channels than samples: (N, C), not (C, N)."""
    if len(shape) == 2 and shape[0] > shape[1]:
        raise DataError(
            f"'{key}' of '{path}' has {shape[0]} channels of {shape[1]} samples",
            code="E403",
            help="audio is (C, N), a row per channel: transpose the array",
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

    # HDF5 gives NumPy's numbers, and a float such as 22050.0 is as good as a whole number.
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
