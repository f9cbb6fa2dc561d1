"""Sound to codes and back, with a trained codec: what the commands encode and decode, and `Model`, share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.stores.atomic import refuse_unwritable
from ..data.stores.together import refuse_taken, write_together
from ..features.resample import resample
from ..tasks.codec.interface import Codec
from ..tasks.codec.stored import Codes, decoded_wave, encoded_wave
from ..tasks.sounds import Sound

Blocks = Iterator[tuple[NDArray[np.float32], int]]  # mono (N,) at a rate in Hz


def encode(
    codec: Codec, read: Callable[[], Blocks], n_codebooks: int | None = None
) -> Codes:
    """The codes of a recording.

    Parameters
    ----------
    codec : Codec
        A codec.
    read : callable
        Gives the blocks of the recording: `blocks_of_file`, `blocks_of_array`.
    n_codebooks : int, optional
        The first codebooks only, for fewer bits; default: all of them.

    Returns
    -------
    Codes

    Raises
    ------
    DataError
        E430 to E432 for a recording that cannot be read.
    TaskError
        E584 for more codebooks than there are.
    """
    return encoded_wave(codec, _wave_of(read, codec.sr_hz), n_codebooks)


def decode(codec: Codec, codes: Codes, title: str = "") -> Sound:
    """The sound of codes; the same codes give the same samples to the bit. Raises TaskError E585 for other codecs'."""
    wave = decoded_wave(codec, codes)
    return Sound.of(wave, codec.sr_hz, title=title, codec=codes.codec)


def refuse_taken_or_unwritable(path: str | Path, *, replace: bool) -> None:
    """Raise, before the work is done, DataError E191 where a file is there, E408 where it cannot be written."""
    if not replace:
        refuse_taken(Path(path))
    refuse_unwritable(Path(path))


def write(path: str | Path, content: bytes, *, replace: bool) -> Path:
    """Write a file whole. Raises DataError E191 where one is there, E408 where it cannot be written."""
    write_together({Path(path): content}, replace=replace)
    return Path(path)


def _wave_of(read: Callable[[], Blocks], sr_hz: int) -> Tensor:
    """The samples (N,) of a recording at a rate."""
    blocks: list[Any] = []
    rate_hz = sr_hz
    for block, own_hz in read():
        blocks.append(block)
        rate_hz = own_hz
    wave = torch.from_numpy(np.concatenate(blocks))
    return resample(wave, rate_hz, sr_hz)
