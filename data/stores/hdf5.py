"""Readers and writers of NAME_audio.hdf5 (float, (N,) or (C, N), attribute `sr_hz`) and NAME_feat.hdf5 ((T, D)).

Both have a key per item.

Readers open the file on first use and once per process: a store may be pickled to workers or cross a fork. They never
load more than what is asked for, so memory does not grow with the corpus. Writers stream: one item in memory at a time.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .atomic import written_whole
from .audio_store import AUDIO_FORM
from .audio_store import AudioStore as AudioStore
from .hdf5_store import (
    Store,
    refuse_empty,
    refuse_lying,
    refuse_nan,
    sr_hz_of,
    wrong_form,
)

if TYPE_CHECKING:
    import h5py

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
_FEATURE_FORM = "a 2-D array of numbers, (frames, features)"


class FeatureStore(Store):
    """Reader of NAME_feat.hdf5: a (T, D) array of numbers per key. Errors as `AudioStore`."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._checked: dict[str, tuple[int, int]] = {}
        self._scales: dict[str, np.float32 | None] = {}

    def shape(self, key: str) -> tuple[int, int]:
        """(n_frames, n_features)."""
        if key not in self._checked:
            shape, kind = self._form(key)
            if len(shape) != 2 or kind not in "fiu":
                raise wrong_form(self.path, key, self._dataset(key), _FEATURE_FORM)
            refuse_empty(self.path, key, shape)
            self._checked[key] = (shape[0], shape[1])
        return self._checked[key]

    def attributes(self, key: str) -> Mapping[str, Any]:
        """The attributes of the key, such as `hop_s`: their names now, a value when it is asked for."""
        return self._attributes(key)

    def times_s(self, key: str) -> Float64 | None:
        """When each frame is, (T,): the attribute `time`, or `t0_s` (default 0) + n `hop_s`; None without either.

        Raises DataError E416 for times that are not T increasing numbers, and a `hop_s` that is not above 0.
        """
        n_frames = self.shape(key)[0]
        found = {name: self._attribute(key, name) for name in ("time", "hop_s", "t0_s")}
        attributes = {name: value for name, value in found.items() if value is not None}
        if attributes.keys().isdisjoint(("time", "hop_s")):
            return None
        times_s = _times(attributes, n_frames)
        if times_s is None:
            names = [name for name in ("time", "hop_s", "t0_s") if name in attributes]
            raise DataError(
                f"the attributes of '{key}' of '{self.path}' do not say when its {n_frames} frames are",
                code="E416",
                facts=[(name, _shown(attributes[name])) for name in names],
                help="write 'hop_s' (above 0) and 't0_s' in seconds, or 'time': a number for each frame, increasing",
            )
        return times_s

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Float32:
        """Frames [start, stop) as float32 (T, D), times the attribute `scale` where the key has one."""
        features = self._values(key, start, stop, self.shape(key)[0]).astype(
            np.float32, copy=False
        )
        scale = self._scale(key)
        if scale is not None:
            with np.errstate(over="ignore", invalid="ignore"):  # it is looked for below
                features = features * scale
        refuse_nan(features, f"'{key}' of '{self.path}'", "frame", start)
        return features

    def _scale(self, key: str) -> np.float32 | None:
        """The attribute `scale`, looked up once per key. Raises DataError E403 for one that is not a number."""
        if key not in self._scales:
            given = self._attribute(key, "scale")
            self._scales[key] = None if given is None else self._number(key, given)
        return self._scales[key]

    def _number(self, key: str, given: object) -> np.float32:
        number = np.asarray(given)
        if number.size == 1 and number.dtype.kind in "fiu":
            with np.errstate(over="ignore"):
                scale: np.float32 = np.float32(number.item())
            if np.isfinite(scale):
                return scale
        raise DataError(
            f"the attribute 'scale' of '{key}' of '{self.path}' is {_shown(given)}, expected a number",
            code="E403",
            help="the features are multiplied by it; write a number, or leave it out",
        )


def _times(attributes: Mapping[str, Any], n_frames: int) -> Float64 | None:
    """The times that the attributes give, (n_frames,); None where they are not increasing, finite numbers."""
    try:
        if "time" in attributes:
            times_s = np.asarray(attributes["time"], np.float64)
        else:
            hop_s = float(attributes["hop_s"])
            t0_s = float(attributes.get("t0_s", 0.0))
            with np.errstate(over="ignore", invalid="ignore"):  # it is looked for below
                times_s = t0_s + hop_s * np.arange(n_frames, dtype=np.float64)
            # The differences below say nothing about a single frame.
            if not hop_s > 0:
                return None
    except (TypeError, ValueError):
        return None

    # One number for each frame, finite, and increasing: all that frames are looked up by.
    if times_s.shape != (n_frames,) or not np.isfinite(times_s).all():
        return None
    if (np.diff(times_s) <= 0).any():
        return None
    return times_s


def write_audio(
    path: str | Path, items: Iterable[tuple[str, NDArray[np.floating[Any]], int]]
) -> None:
    """Write NAME_audio.hdf5: contiguous float32, one recording in memory at a time.

    Parameters
    ----------
    path : str or Path
        The file. It appears when all recordings are in.
    items : iterable of (str, array of float, int)
        The key, the audio and the sampling rate in Hz of each recording. Audio is (N,), or (C, N) of C channels.

    Raises
    ------
    DataError
        E403 to E406 for an item that the reader would refuse, E407 for a key given twice, E408 for a full disk or a
        folder that cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.data import AudioStore, write_audio
    >>> write_audio("a_audio.hdf5", [("a.wav", np.zeros(22050, np.float32), 22050)])
    >>> AudioStore("a_audio.hdf5").n_samples("a.wav")
    22050
    """
    with _writing(path) as add:
        for key, audio, sr_hz in items:
            audio = np.asarray(audio)
            if audio.ndim not in (1, 2) or audio.dtype.kind != "f":
                raise wrong_form(path, key, audio, AUDIO_FORM)
            refuse_lying(path, key, audio.shape)
            # One channel has one form, whichever way it came.
            if len(audio) == 1 and audio.ndim == 2:
                audio = audio[0]
            rate = sr_hz_of(sr_hz, f"'{key}' of '{path}'")
            add(key, audio, "sample", {"sr_hz": rate})


def write_features(
    path: str | Path, items: Iterable[tuple[str, NDArray[Any], Mapping[str, Any]]]
) -> None:
    """Write NAME_feat.hdf5: contiguous float32, time first, one recording in memory at a time.

    Parameters
    ----------
    path : str or Path
        The file. It appears when all recordings are in.
    items : iterable of (str, array of numbers (T, D), mapping)
        The key, the features and the attributes of each recording: `hop_s` and `t0_s`, or `time`, say when the frames
        are, in seconds; the reader multiplies by `scale`.

    Raises
    ------
    DataError
        As `write_audio`.

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.data import FeatureStore, write_features
    >>> write_features("a_feat.hdf5", [("a", np.ones((4, 12)), {"hop_s": 0.1})])
    >>> FeatureStore("a_feat.hdf5").shape("a")
    (4, 12)
    """
    with _writing(path) as add:
        for key, features, attributes in items:
            features = np.asarray(features)
            if features.ndim != 2 or features.dtype.kind not in "fiu":
                raise wrong_form(path, key, features, _FEATURE_FORM)
            add(key, features, "frame", attributes)


@contextlib.contextmanager
def _writing(
    path: str | Path,
) -> Iterator[Callable[[str, NDArray[Any], str, Mapping[str, Any]], None]]:
    """Yield add(key, values, unit, attributes) for a new file that appears whole or not at all."""
    # Here, and not at the top: a command that only checks a graph writes no store.
    import h5py

    def add(
        key: str, values: NDArray[Any], unit: str, attributes: Mapping[str, Any]
    ) -> None:
        if key in file:
            message = f"the key '{key}' was given twice for '{path}'"
            raise DataError(
                message, code="E407", help="give every recording its own key"
            )
        refuse_empty(path, key, values.shape)
        # Of audio the first moment is named, not the first channel: its last axis is time.
        by_unit = values.T if unit == "sample" else values
        refuse_nan(by_unit, f"'{key}' for '{path}'", unit, 0)
        data = _dataset_of(file, key, values)
        data.attrs.update(attributes)
        disk.refuse_failed()

    with written_whole(path) as temporary, _Disk(temporary) as disk:
        with h5py.File(disk, "w") as file:
            yield add
        disk.refuse_failed()


class _Disk(io.FileIO):
    """The file that HDF5 writes. It is told that all goes well: what fails is raised afterwards.

    HDF5 does not survive a disk that is full or broken: every later close fails, or crashes the process.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._failed: OSError | None = None

    def refuse_failed(self) -> None:
        """Raise the first OSError that there was."""
        if self._failed:
            raise self._failed

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        whole = len(rest)
        # The system may take less at once: of 2 GB and more it does.
        while rest and not self._failed:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self._failed = error
        return whole

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._failed = self._failed or error
            return size or 0


def _dataset_of(file: h5py.File, key: str, values: NDArray[Any]) -> h5py.Dataset:
    """A new dataset of float32 in one piece."""
    if values.flags.c_contiguous:
        return file.create_dataset(key, data=values.astype(np.float32, copy=False))
    # HDF5 would copy all of an array that lies otherwise, such as an import's frames of channels: row by row only one
    # channel is in memory.
    data = file.create_dataset(key, values.shape, np.float32)
    for row, channel in enumerate(values):
        data[row] = channel
    return data


def _shown(value: object) -> str:
    """An attribute in a message: its value, or the shape of an array."""
    array = np.asarray(value)
    if array.size > 1:
        return f"shape {array.shape}"
    return str(value)
