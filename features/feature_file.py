"""One cached HCQT on disk: a safetensors file that is written and read in pieces.

    hcqt        (T, H, F, 2) float16: real and imaginary part, each frame divided by its peak; a patch is one read
    frame_peak  (T,) float32: the largest magnitude of each frame

Complex, not magnitude: the sum of the stems' transforms is the transform of their mix. A peak a frame keeps float16
precise in quiet passages and lets the file be written while the audio streams.

The format (8 bytes with the header's length, a JSON header, the tensors) is that of the safetensors library, which
reads these files; it has no way to write a tensor in pieces.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..data.atomic import written_whole
from ..errors import DataError

FORMAT = "mirbricks hcqt 1"
BLOCK_FRAMES = 64  # written at once: small enough for the processor's cache
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20


def write_feature(path: Path, pieces: Iterable[Tensor], shape: tuple[int, int, int], about: Mapping[str, str]) -> None:
    """Write complex (H, F, t) pieces that together are `shape` = (T, H, F). The file appears whole or not at all.

    Raises DataError E408: full disk, folder missing or read-only.
    """
    n_frames, n_harmonics, n_bins = shape
    n_values = n_frames * n_harmonics * n_bins * 2
    header = {
        "__metadata__": {"format": FORMAT, **about},
        "hcqt": {"dtype": "F16", "shape": [*shape, 2], "data_offsets": [0, 2 * n_values]},
        "frame_peak": {
            "dtype": "F32",
            "shape": [n_frames],
            "data_offsets": [2 * n_values, 2 * n_values + 4 * n_frames],
        },
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        peaks = []
        for block in (block for piece in pieces for block in torch.split(piece, BLOCK_FRAMES, dim=-1)):
            values = block.permute(2, 0, 1).contiguous()
            peak = values.abs().amax(dim=(1, 2))
            values = values / peak.clamp_min(1e-30)[:, None, None]
            file.write(torch.view_as_real(values).to(torch.float16).cpu().numpy().data)
            peaks.append(peak.cpu())
        file.write(torch.cat(peaks).numpy().data)


def is_whole(path: Path) -> bool:
    """Whether the file is there, is one of ours and has all its bytes."""
    try:
        _read_header(path)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _read_header(path: Path) -> tuple[tuple[int, int, int], int]:
    """(T, H, F) and the offset of the first tensor. Raises OSError, ValueError, KeyError or TypeError."""
    with path.open("rb") as file:
        n_text = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        header: dict[str, Any] = json.loads(file.read(min(n_text, _MAX_HEADER_BYTES)))
    if header["__metadata__"]["format"] != FORMAT:
        raise ValueError("another format")
    n_frames, n_harmonics, n_bins, _ = header["hcqt"]["shape"]
    start = _LENGTH_BYTES + n_text
    if path.stat().st_size != start + header["frame_peak"]["data_offsets"][1]:
        raise ValueError("cut short")
    return (n_frames, n_harmonics, n_bins), start


class CachedFeature:
    """An HCQT on disk, mapped into memory: reading a patch costs that patch. Pickles as its path."""

    def __init__(self, path: Path) -> None:
        """Raises DataError E455 for a file that is missing or damaged."""
        self.path = path
        try:
            (self.n_frames, self.n_harmonics, self.n_bins), self._start = _read_header(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the cache file '{path}' is missing or damaged",
                code="E455",
                help="build the cache again: only what is missing or damaged is computed",
            ) from error

    def __reduce__(self) -> tuple[object, ...]:
        return CachedFeature, (self.path,)

    def __len__(self) -> int:
        return self.n_frames

    @property
    def peak(self) -> float:
        """The largest magnitude of the recording."""
        return float(self._frame_peak.max())

    @functools.cached_property
    def _hcqt(self) -> npt.NDArray[np.float16]:
        shape = (self.n_frames, self.n_harmonics, self.n_bins, 2)
        return np.memmap(self.path, np.float16, "c", self._start, shape)  # never written; torch wants it writable

    @functools.cached_property
    def _frame_peak(self) -> npt.NDArray[np.float32]:
        offset = self._start + 2 * math.prod((self.n_frames, self.n_harmonics, self.n_bins, 2))
        return np.array(np.memmap(self.path, np.float32, "r", offset, (self.n_frames,)))

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as complex64 (H, F, T); strides are those of the disk, frames outermost."""
        values, peak = self._values(start, stop)
        return torch.view_as_complex(values.mul_(peak[..., None])).permute(1, 2, 0)

    def magnitude(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) as float32 magnitudes (H, F, T); strides as those of `read`."""
        values, peak = self._values(start, stop)
        real, imaginary = values.unbind(-1)
        return real.square().addcmul_(imaginary, imaginary).sqrt_().mul_(peak).permute(1, 2, 0)

    def _values(self, start: int, stop: int | None) -> tuple[Tensor, Tensor]:
        """(T, H, F, 2) normalised values and (T, 1, 1) peaks, both float32 copies."""
        stop = self.n_frames if stop is None else stop
        if not 0 <= start <= stop <= self.n_frames:
            raise ValueError(f"the feature has frames [0, {self.n_frames}), asked for [{start}, {stop})")
        values = torch.empty((stop - start, self.n_harmonics, self.n_bins, 2))
        values.copy_(torch.from_numpy(self._hcqt[start:stop]))
        return values, torch.from_numpy(self._frame_peak[start:stop, None, None])
