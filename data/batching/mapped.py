"""Frames in an HDF5 file, read without HDF5: arrays that lie in one piece are mapped into memory.

HDF5 costs some 50 µs a read, a chunked and compressed array its decompression, float64 twice the bytes. Time-major
contiguous float32 or float16, as `write_features` writes it, is read at the speed of memory: a patch is one copy, from
the page cache into the batch.
"""

from __future__ import annotations

import math
import mmap
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import DataError
from ..stores.hdf5_store import Store, corrupt, refuse_empty, refuse_nan, wrong_form

RELEASE_BYTES = 1 << 28  # of pages looked at before they are given back
HALF_VALUES = (
    1 << 15
)  # float16 values converted at once: they stay in the processor's cache


class MappedStore(Store):
    """Reader of arrays with time first, a key each: (T,), (T, D), (T, H, F), ... of numbers.

    Where an array does not lie in one piece, in this machine's byte order, it is read through HDF5, with a handle kept
    per process. A store may be pickled to workers or cross a fork. What has been looked at is given back every 256 MB,
    so the memory of the process does not grow with the corpus.

    Errors, all DataError: E400 missing file, E401 corrupt or cut short, E402 unknown key, E403 no array of numbers
    with a time axis, E405 empty, E406 NaN or infinity, E409 no permission.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._arrays: dict[
            str, tuple[tuple[int, ...], NDArray[Any] | None, np.float32 | None]
        ] = {}
        self._map: mmap.mmap | None = None
        self._seen_bytes = 0

    def n_frames(self, key: str) -> int:
        return self._array(key)[0][0]

    def frame_shape(self, key: str) -> tuple[int, ...]:
        """The shape of one frame: () for audio, (D,) for features."""
        return self._array(key)[0][1:]

    def view(self, key: str) -> NDArray[Any] | None:
        """The whole array (T, ...) as it lies in the file, read-only and not copied; None where it cannot be mapped.

        It has the file's type, and is not multiplied by the attribute `scale`. It stays valid as long as it is held.
        """
        return self._array(key)[1]

    def fill(self, key: str, start: int, out: NDArray[np.float32]) -> None:
        """Frames [start, start + len(out)) into `out` (n, ...), times the attribute `scale` where the key has one.

        Raises ValueError for frames that do not exist.
        """
        shape, mapped, scale = self._array(key)
        stop = start + len(out)
        if not 0 <= start <= stop <= shape[0]:
            raise ValueError(
                f"'{key}' holds [0, {shape[0]}), asked for [{start}, {stop})"
            )
        if mapped is None:
            out[...] = self._values(key, start, stop, shape[0])
        else:
            _copy(mapped[start:stop], out)
            self._seen_bytes += (stop - start) * mapped.strides[0]
            if self._seen_bytes > RELEASE_BYTES:
                self._release()
        if scale is not None:
            out *= scale
        if not math.isfinite(
            np.vdot(out, out)
        ):  # costs half of looking at each; may be infinite without any
            refuse_nan(out, f"'{key}' of '{self.path}'", "frame", start)

    def close(self) -> None:
        """Let go of the file; views that are still held keep it mapped."""
        super().close()
        self._arrays.clear()
        self._map = None

    def _release(self) -> None:
        self._seen_bytes = 0
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)  # they stay in the system's cache

    def _array(
        self, key: str
    ) -> tuple[tuple[int, ...], NDArray[Any] | None, np.float32 | None]:
        """(shape, mapped array or None, scale or None), looked up once."""
        if key not in self._arrays:
            data = self._dataset(key)
            if data.ndim < 1 or data.dtype.kind not in "fiu":
                raise wrong_form(
                    self.path,
                    key,
                    data,
                    "an array of numbers with time as its first axis",
                )
            refuse_empty(self.path, key, data)
            scale = data.attrs.get("scale")
            self._arrays[key] = (
                data.shape,
                self._mapped(data),
                None if scale is None else np.float32(scale),
            )
        return self._arrays[key]

    def _mapped(self, data: h5py.Dataset) -> NDArray[Any] | None:
        written = (
            data.id.get_space_status() == h5py.h5d.SPACE_STATUS_ALLOCATED
        )  # else there is nothing but a fill value
        in_one_piece = (
            data.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
            and not data.external
        )
        if not (written and in_one_piece and data.dtype.isnative):
            return None
        offset = int(data.id.get_offset())
        if self._map is None:
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if offset + data.id.get_storage_size() > len(
            self._map
        ):  # reading past its end would kill the process
            raise cut_short(
                self.path, len(self._map), offset + data.id.get_storage_size()
            )
        mapped: NDArray[Any] = np.ndarray(data.shape, data.dtype, self._map, offset)
        return mapped


def _copy(frames: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Convert `frames` into `out`. For float16, numpy takes 20 times as long as torch, which wants writable arrays."""
    if frames.dtype != np.float16:
        out[...] = frames
        return
    step = max(1, HALF_VALUES * len(frames) // max(frames.size, 1))
    for first in range(0, len(frames), step):
        part = slice(first, first + step)
        torch.from_numpy(out[part]).copy_(torch.from_numpy(frames[part].copy()))


def cut_short(path: Path, size: int, needed: int) -> DataError:
    """DataError E401: the file ends before its arrays do."""
    return corrupt(
        path, EOFError(f"the file ends after {size} bytes, its arrays after {needed}")
    )
