"""From one recording to one cache file: read, check, hash, resample, transform, write. Runs in worker processes."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.stores.downmix import Levels, fitted
from ..errors import DataError
from .base import Feature, FeatureConfig
from .cache_index import Stamp
from .feature_file import is_whole, write_array, write_feature
from .kinds import feature_of
from .resample import resample

CHUNK_SAMPLES = 1 << 20


class AudioItem(Protocol):
    """What `FeatureCache.build` reads; it is pickled to worker processes.

    An item may also have `source`, the Path of the file it lies in: while that file does not change, the audio of
    cached features is not read again. Features of several channels are computed from `read_channels()`, which gives
    (C, N) and the rate; without it an item is mono.
    """

    @property
    def key(self) -> str: ...
    def read(self) -> tuple[NDArray[np.float32], int]: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one item: the digest that names its cache file, or an error.

    was_damaged  whether there was a file that could not be used
    cancelled    whether its channels cancel each other, so that the mono audio that was read is nearly silent
    """

    key: str
    stamp: Stamp | None
    digest: str | None = None
    error: DataError | None = None
    was_damaged: bool = False
    cancelled: bool = False


def settings_of(config: FeatureConfig) -> str:
    """What changes the values in the cache."""
    return json.dumps(config.settings(), sort_keys=True)


def extract(item: AudioItem, folder: Path, config: FeatureConfig) -> Outcome:
    """Read, hash and, unless its file is there, transform one recording."""
    stamp = Stamp.of(getattr(item, "source", None))
    try:
        audio, sr_hz = _read(item, config.audio_channels)
        cancelled = config.audio_channels == 1 and _cancelled(item, audio)
        settings = settings_of(config)
        digest = _digest(audio, sr_hz, settings)
        path = folder / f"{digest}.safetensors"
        there = path.exists()
        # An earlier run, or the same audio under another key, may have made it already.
        if not is_whole(path):
            wave = resample(torch.from_numpy(audio)[None], sr_hz, config.sr_hz)
            about = {"settings": settings, "audio_and_settings": digest}
            write_wave(
                path,
                torch.split(wave, CHUNK_SAMPLES, dim=-1),
                wave.shape[-1],
                config,
                about,
            )
            return Outcome(
                item.key, stamp, digest, was_damaged=there, cancelled=cancelled
            )
    except DataError as error:
        return Outcome(item.key, stamp, error=error)
    return Outcome(item.key, stamp, digest, cancelled=cancelled)


def _read(item: AudioItem, n_channels: int) -> tuple[NDArray[np.float32], int]:
    """The audio, checked: (N,), or (C, N) of several channels.

    Raises DataError naming the key: E435, E451, E452, E453, or what the item's own reader raises.
    """
    if n_channels > 1:
        read = getattr(item, "read_channels", item.read)
    else:
        read = item.read
    try:
        audio, sr_hz = read()
    except DataError:
        raise
    except (
        Exception
    ) as error:  # a reader from anywhere: whatever it raises is about this item only
        raise DataError(
            f"the audio of '{item.key}' cannot be read: {' '.join(str(error).split()) or type(error).__name__}",
            code="E451",
            help="replace the recording or leave it out",
        ) from error
    if n_channels > 1:
        audio = np.atleast_2d(audio)
        expected = "samples (C, N) in floating point"
    else:
        expected = "mono floating-point samples"
    form = min(2, n_channels)
    if audio.ndim != form or audio.size == 0 or audio.dtype.kind != "f" or sr_hz <= 0:
        raise DataError(
            f"the audio of '{item.key}' is not {expected} at a positive rate",
            code="E452",
            facts=[
                ("shape", str(audio.shape)),
                ("type", str(audio.dtype)),
                ("sr_hz", str(sr_hz)),
            ],
            help="replace the recording or leave it out",
        )
    # One sample that is not a number would spread over all frames around it.
    finite = np.isfinite(audio)
    if not finite.all():
        raise DataError(
            f"the audio of '{item.key}' has NaN or infinity, first at sample {_first(finite)}",
            code="E453",
            help="replace the recording or leave it out",
        )
    samples = np.ascontiguousarray(audio, np.float32)
    if n_channels > 1:
        samples = fitted(samples, n_channels, f"'{item.key}'")
    return samples, sr_hz


def _cancelled(item: AudioItem, mono: NDArray[np.float32]) -> bool:
    """Whether next to nothing is left of the channels in their mean."""
    if getattr(item, "n_channels", 1) == 1:
        return False
    channels, _ = item.read_channels()  # type: ignore[attr-defined]  # items of several channels have it
    return Levels.of(channels, mono).cancelled


def _first(finite: NDArray[np.bool_]) -> int:
    """The first sample, (N,) or (C, N), that is not finite in every channel."""
    return int(np.atleast_2d(finite).all(axis=0).argmin())


def _digest(audio: NDArray[np.float32], sr_hz: int, settings: str) -> str:
    # Samples alone do not determine a feature: rate and settings are hashed with them.
    digest = hashlib.blake2b(f"{sr_hz} {settings} ".encode(), digest_size=16)
    digest.update(audio.data)
    return digest.hexdigest()


@functools.lru_cache(maxsize=2)
def _transform(config: FeatureConfig) -> Feature:
    """One transform per process: making its kernels costs as much as half a minute of audio."""
    return feature_of(config)


@torch.inference_mode()
def write_wave(
    path: Path,
    chunks: Iterable[Tensor],
    n_samples: int,
    config: FeatureConfig,
    about: Mapping[str, str],
) -> None:
    """Write the features of a waveform at `config.sr_hz` that comes in chunks (1, n), or (1, C, n) of several channels.

    Raises as `write_feature`.
    """
    transform = _transform(config)
    # A generator's own variable would hold a piece while the next one is computed; `map` has none.
    pieces: Iterable[Tensor] = map(itemgetter(0), transform.stream(chunks))
    n_frames = transform.n_frames(n_samples)
    storage = config.storage
    # The header comes first and holds the number of frames; where that does not follow
    # from the length, all are computed before any is written.
    if not transform.counted:
        pieces = list(pieces)
        n_frames = sum(piece.shape[-1] for piece in pieces)
    if storage == "complex":
        n_channels, n_bins = config.shape
        write_feature(path, pieces, (n_frames, n_channels, n_bins), about)
    else:
        write_array(path, pieces, (n_frames, *config.shape), storage, about)
