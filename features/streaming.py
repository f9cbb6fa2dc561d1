"""The features of one long recording, in memory that does not grow with it: read, resampled, transformed in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .base import FeatureConfig
from .extract import write_wave
from .feature_file import CachedFeature
from .resample import resample_stream

# Mono (N,), or (C, N) for a feature of several channels, at a rate in Hz.
Blocks = Iterator[tuple[NDArray[np.float32], int]]


@torch.inference_mode()
def stream_feature(
    read: Callable[[], Blocks],
    path: Path,
    config: FeatureConfig,
    on_share: Callable[[float], None],
) -> CachedFeature:
    """Write the features of the recording whose blocks `read()` gives from the start each time it is called.

    It is read twice, the first time to know its length: what the headers of compressed files say of it is not always
    true. `on_share` gets the share that is done, up to 1. Raises what `read` raises, before the file appears.
    """
    n_samples = sr_hz = 0
    # The header of the cache file comes before the frames and
    # holds their number, so the length must be known first.
    for block, rate_hz in read():
        n_samples = n_samples + block.shape[-1]
        sr_hz = rate_hz

    def chunks() -> Iterator[Tensor]:
        done = 0
        for block, _ in read():
            yield torch.from_numpy(block)[None]
            done += block.shape[-1]
            on_share(done / n_samples)

    n_resampled = -(-n_samples * config.sr_hz // sr_hz)
    write_wave(
        path, resample_stream(chunks(), sr_hz, config.sr_hz), n_resampled, config, {}
    )
    return CachedFeature(path)
