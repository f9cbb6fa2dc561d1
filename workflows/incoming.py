"""Samples in the blocks in which they come: from a file, or from a pipe that is still being written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..data.stores.audio import stream_audio
from ..errors import DataError

FILE_SAMPLES = 1 << 15  # nobody waits for those of a file, and larger blocks are faster
PIPE_SAMPLES = 1 << 13
FORMS: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "int16": np.dtype("<i2")}
INT16_RANGE = 32768.0

Block = NDArray[np.float32]


@dataclass(frozen=True)
class Incoming:
    """One recording: its rate, and its samples (n,), block by block; `blocks` can be asked for once."""

    sr_hz: int
    blocks: Callable[[], Iterator[Block]]

    @classmethod
    def of_file(cls, path: Path) -> Incoming:
        """An audio file, whose channels are averaged. Raises DataError E430 to E432 as its blocks are read."""
        blocks = stream_audio(path, FILE_SAMPLES)
        # The rate comes with the first block.
        first, sr_hz = next(blocks)

        def samples() -> Iterator[Block]:
            return itertools.chain([first], (block for block, _ in blocks))

        return cls(sr_hz, samples)

    @classmethod
    def of_pipe(cls, pipe: BinaryIO, sr_hz: int, form: str = "float32") -> Incoming:
        """Raw samples of one channel, little-endian: float32, or int16, whose range becomes -1 … 1.

        Raises, as its blocks are read, DataError E431 where there are none, E436 for a part of a sample at the end.
        """
        return cls(sr_hz, lambda: _raw_blocks(pipe, FORMS[form]))


def _raw_blocks(pipe: BinaryIO, form: np.dtype[Any]) -> Iterator[Block]:
    held = b""
    came = False
    # A buffered reader waits until a block is full unless it is asked for what is there.
    read = getattr(pipe, "read1", pipe.read)
    while data := read(PIPE_SAMPLES * form.itemsize):
        held += data
        whole = len(held) // form.itemsize * form.itemsize
        block = np.frombuffer(held[:whole], form).astype(np.float32)
        held = held[whole:]
        if form.kind == "i":
            block /= INT16_RANGE
        if len(block):
            came = True
            yield block
    if held:
        raise DataError(
            f"standard input ends in the middle of a sample: {len(held)} of {form.itemsize} bytes",
            code="E436",
            help="write float32, or int16 with --samples int16, of one channel",
        )
    if not came:
        raise DataError(
            "standard input has no samples",
            code="E431",
            help="write float32, or int16 with --samples int16, of one channel",
        )
