"""One cached feature on disk: a safetensors file that is written and read in pieces. Two forms:

    hcqt        (T, H, F, 2) float16: real and imaginary part, each frame divided by its peak; a patch is one read
    frame_peak  (T,) float32: the largest magnitude of each frame

    values      (T, ...) float16 or float32: the frames of a real feature
    peak        (1,) float32: the largest absolute value

Complex, not magnitude: the sum of the stems' transforms is the transform of their mix. A peak per frame keeps float16
precise in quiet passages and lets the file be written while the audio streams.

The format (8 bytes with the header's length, a JSON header, the tensors) is that of the safetensors library, which
reads these files; it has no way to write a tensor in pieces.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..data.stores.atomic import written_whole
from ..errors import DataError

FORMAT = "mirbricks hcqt 1"
ARRAY_FORMAT = "mirbricks feature 1"
BLOCK_FRAMES = 64  # written at once: small enough for the processor's cache
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20
_BYTES = {"F16": 2, "F32": 4}


@dataclass(frozen=True)
class _Header:
    """What a file holds: the first tensor's name, type and shape, and where in the file both tensors begin."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    second: int


def write_feature(
    path: Path,
    pieces: Iterable[Tensor],
    shape: tuple[int, int, int],
    about: Mapping[str, str],
) -> None:
    """Write complex (H, F, t) pieces that together are `shape` = (T, H, F). The file appears whole or not at all.

    Raises DataError E408: full disk, folder missing or read-only.
    """
    layout = _layout(hcqt=("F16", (*shape, 2)), frame_peak=("F32", shape[:1]))
    with written_whole(path) as temporary, temporary.open("wb") as file:
        _write_header(file, {"__metadata__": {"format": FORMAT, **about}, **layout})
        peaks = []
        for piece in pieces:
            for block in torch.split(piece, BLOCK_FRAMES, dim=-1):
                # Each frame over its own peak: then float16 is as exact in quiet passages as in loud ones.
                values = block.permute(2, 0, 1).contiguous()
                peak = values.abs().amax(dim=(1, 2))
                values = values / peak.clamp_min(1e-30)[:, None, None]
                halves = torch.view_as_real(values).to(torch.float16)
                file.write(halves.cpu().numpy().data)
                peaks.append(peak.cpu())
            # The next piece is computed before its name stands for it: two would be held.
            del piece, block
        file.write(torch.cat(peaks).numpy().data)


def write_array(
    path: Path,
    pieces: Iterable[Tensor],
    shape: tuple[int, ...],
    dtype: Literal["float16", "float32"],
    about: Mapping[str, str],
) -> None:
    """Write real (..., t) pieces that together are `shape` = (T, ...). The file appears whole or not at all.

    What float16 cannot hold becomes its largest value, 65504. Raises DataError E408 as `write_feature`.
    """
    if dtype == "float16":
        kind = torch.float16
    else:
        kind = torch.float32
    most = torch.finfo(kind).max
    layout = _layout(
        values=("F16" if dtype == "float16" else "F32", shape), peak=("F32", (1,))
    )
    with written_whole(path) as temporary, temporary.open("wb") as file:
        _write_header(
            file, {"__metadata__": {"format": ARRAY_FORMAT, **about}, **layout}
        )
        peak = 0.0
        for piece in pieces:
            # Frames come first on the disk, so that a patch is one piece of the file.
            values = piece.movedim(-1, 0).clamp(-most, most).to(kind).contiguous()
            peak = max(peak, float(values.abs().max()))
            file.write(values.cpu().numpy().data)
            # As above: two pieces would be held.
            del piece, values
        file.write(np.array([peak], np.float32).data)


def _layout(**tensors: tuple[str, tuple[int, ...]]) -> dict[str, Any]:
    """The header's part about the tensors, one behind the other."""
    layout = {}
    start = 0
    for name, (dtype, shape) in tensors.items():
        stop = start + _BYTES[dtype] * math.prod(shape)
        layout[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [start, stop],
        }
        start = stop
    return layout


def _write_header(file: BinaryIO, header: Mapping[str, Any]) -> None:
    text = json.dumps(header).encode()
    # Up to a multiple of 8 bytes, so that the mapped tensors are aligned.
    text += b" " * (-len(text) % _LENGTH_BYTES)
    file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)


def is_whole(path: Path) -> bool:
    """Whether the file is there, is one of ours and has all its bytes."""
    try:
        _read_header(path)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _read_header(path: Path) -> _Header:
    """Raises OSError, ValueError, KeyError or TypeError for what is not a whole file of ours."""
    with path.open("rb") as file:
        n_text = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        # A damaged length must not make the whole file be read as a header.
        header: dict[str, Any] = json.loads(file.read(min(n_text, _MAX_HEADER_BYTES)))
    first, second = {FORMAT: ("hcqt", "frame_peak"), ARRAY_FORMAT: ("values", "peak")}[
        header["__metadata__"]["format"]
    ]
    start = _LENGTH_BYTES + n_text
    # Our files appear whole, so that a wrong length means a copy that was cut short.
    if path.stat().st_size != start + header[second]["data_offsets"][1]:
        raise ValueError("cut short")
    shape = tuple(map(int, header[first]["shape"]))
    return _Header(
        first,
        header[first]["dtype"],
        shape,
        start,
        start + header[second]["data_offsets"][0],
    )


class CachedFeature:
    """A feature on disk, read a patch at a time: a patch costs that patch. Pickles as its path.

    n_frames    frames of the recording
    shape       sizes of one frame: (H, F) of an HCQT, (n_mels,) of a log-mel spectrogram
    is_complex  whether `read` gives complex values
    """

    def __init__(self, path: Path) -> None:
        """Raises DataError E455 for a file that is missing or damaged."""
        self.path = path
        try:
            self._header = _read_header(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the cache file '{path}' is missing or damaged",
                code="E455",
                help="build the cache again: only what is missing or damaged is computed",
            ) from error
        self.is_complex = self._header.name == "hcqt"
        if self.is_complex:
            self.n_frames, *sizes = self._header.shape[:3]
        else:
            self.n_frames, *sizes = self._header.shape
        self.shape = tuple(sizes)

    def __reduce__(self) -> tuple[object, ...]:
        return CachedFeature, (self.path,)

    def __len__(self) -> int:
        return self.n_frames

    @property
    def n_harmonics(self) -> int:
        """Of an HCQT."""
        return self.shape[0]

    @property
    def n_bins(self) -> int:
        return self.shape[-1]

    @property
    def peak(self) -> float:
        """The largest magnitude of the recording."""
        return float(self._peaks.max())

    @functools.cached_property
    def _peaks(self) -> npt.NDArray[np.float32]:
        count = self.n_frames if self.is_complex else 1
        return np.fromfile(self.path, np.float32, count, offset=self._header.second)

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as complex64 (H, F, T), or as float32 (*shape, T).

        Strides are those of the disk, frames outermost.
        """
        values, peak = self._read(start, stop)
        if peak is None:
            return values.movedim(0, -1)
        return torch.view_as_complex(values.mul_(peak[..., None])).permute(1, 2, 0)

    def magnitude(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as float32 magnitudes (H, F, T) or (*shape, T); strides as those of `read`."""
        values, peak = self._read(start, stop)
        if peak is None:
            return values.abs_().movedim(0, -1)
        # Without the complex tensor that `read().abs()` would make first.
        real, imaginary = values.unbind(-1)
        return (
            real.square()
            .addcmul_(imaginary, imaginary)
            .sqrt_()
            .mul_(peak)
            .permute(1, 2, 0)
        )

    def _read(self, start: int, stop: int | None) -> tuple[Tensor, Tensor | None]:
        """float32 copies of the values, frames first, and of an HCQT the peaks (T, 1, 1) that they are divided by."""
        if stop is None:
            stop = self.n_frames
        if not 0 <= start <= stop <= self.n_frames:
            raise ValueError(
                f"the feature has frames [0, {self.n_frames}), asked for [{start}, {stop})"
            )
        # Read and not mapped: pages of a mapped file count as memory of the process as long as it is open, over a
        # corpus those of all its recordings.
        kind = np.dtype(np.float16 if self._header.dtype == "F16" else np.float32)
        sizes = self._header.shape[1:]
        per_frame = math.prod(sizes)
        found = np.fromfile(
            self.path,
            kind,
            (stop - start) * per_frame,
            offset=self._header.start + start * per_frame * kind.itemsize,
        )
        values = torch.from_numpy(found.reshape(-1, *sizes)).float()
        if not self.is_complex:
            return values, None
        return values, torch.from_numpy(self._peaks[start:stop, None, None])
