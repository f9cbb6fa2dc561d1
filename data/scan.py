"""What only reading the audio or the features tells: levels, clipping, and which recordings are the same."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .corpus import FeatureItem, Item
from .stores.downmix import Levels
from .workers import in_workers

BLOCK = 1 << 20  # samples or values at a time
SILENT = 1e-4  # -80 dB: a peak below it is silence
# clipped: at FLAT of a peak above FULL_SCALE for RUN samples and more
FULL_SCALE = 0.99
FLAT = 0.999
RUN = 3
CLIPPED_SHARE = 1e-3
OnDone = Callable[..., None]


@dataclass(frozen=True)
class Scanned:
    """A recording that was read through: its peak, the share of samples that are clipped, and a hash of them.

    Of features, `peak` is the largest magnitude. `error` says why it could not be read to the end; then the hash is "".
    `opposite` are the pairs of channels, counted from 1, that cancel each other, and `cancelled` says whether all of
    them together do: then mono readers see next to nothing.
    """

    key: str
    peak: float
    clipped: float
    digest: str
    error: DataError | None = None
    opposite: tuple[tuple[int, int], ...] = ()
    cancelled: bool = False


def scan(
    items: Sequence[Item | FeatureItem], n_jobs: int = 1, on_done: OnDone | None = None
) -> list[Scanned]:
    """Read every recording through, block by block, in several processes; `on_done` is called with each key."""
    found = []
    # More workers than recordings would start for nothing.
    if n_jobs > 0:
        n_jobs = min(n_jobs, len(items))
    for scanned in in_workers(
        _scanned, ((item,) for item in items), n_jobs, what="reads recordings"
    ):
        found.append(scanned)
        if on_done is not None:
            on_done(scanned.key, scanned.error)
    return found


def same_recordings(scanned: Iterable[Scanned]) -> list[list[str]]:
    """The keys that hold the same audio at the same rate (or the same features), two and more at a time."""
    by_digest: dict[str, list[str]] = {}
    for one in scanned:
        if one.digest:
            by_digest.setdefault(one.digest, []).append(one.key)
    return [keys for keys in by_digest.values() if len(keys) > 1]


def _scanned(item: Item | FeatureItem) -> Scanned:
    digest = hashlib.blake2b(digest_size=16)
    peak = 0.0
    flat = 0
    n_channels = item.n_channels if isinstance(item, Item) else 1
    products = np.zeros((n_channels, n_channels))
    try:
        # A clipped recording is read a second time: the level of its runs is known only after its peak.
        for block in _blocks(item, digest):
            peak = max(peak, float(np.abs(block).max()))
            if n_channels > 1:
                wide = block.astype(np.float64)
                products += wide @ wide.T
        if isinstance(item, Item) and peak >= FULL_SCALE:
            flat = _flat_samples(item, FLAT * peak)
    except DataError as error:
        return Scanned(item.key, peak, 0.0, "", error)
    return Scanned(
        item.key,
        peak,
        flat / (n_channels * item.n_samples) if isinstance(item, Item) else 0.0,
        digest.hexdigest(),
        opposite=_opposite(products),
        cancelled=_cancel(products),
    )


def _opposite(products: NDArray[np.float64]) -> tuple[tuple[int, int], ...]:
    """The pairs of channels that cancel each other, of the scalar products of all channels, (C, C)."""
    pairs = itertools.combinations(range(len(products)), 2)
    return tuple(
        (first + 1, second + 1)
        for first, second in pairs
        if _cancel(products[np.ix_((first, second), (first, second))])
    )


def _cancel(products: NDArray[np.float64]) -> bool:
    """Whether the mean of channels has next to none of their power."""
    n_channels = len(products)
    power = np.trace(products) / n_channels
    return Levels(float(power), float(products.sum()) / n_channels**2).cancelled


def _blocks(
    item: Item | FeatureItem, digest: hashlib.blake2b | None = None
) -> Iterable[NDArray[np.float32]]:
    """Audio as (C, n), features as (n, D)."""
    if isinstance(item, Item):
        size = item.n_samples
        step = BLOCK
        about = str(item.sr_hz)
        # Two channels are not one of twice the length.
        if item.n_channels > 1:
            about += f" {item.n_channels}"
    else:
        size = item.n_frames
        step = max(1, BLOCK // item.n_features)
        about = str(item.n_features)
    # Equal samples at another rate are other audio, so the rate is part of what is compared.
    if digest:
        digest.update(about.encode())
    for start in range(0, size, step):
        stop = min(size, start + step)
        if isinstance(item, Item):
            block = item.read_channels(start, stop)[0]
        else:
            block = item.read(start, stop)
        if digest:
            digest.update(np.ascontiguousarray(block).data)
        yield block


def _flat_samples(item: Item, level: float) -> int:
    """How many samples of all channels are in runs of `RUN` and more at or above the level."""
    count = 0
    for block in _blocks(item):
        for channel in block:
            at = np.abs(channel) >= level
            # Silence at both ends gives every run a rise and a fall; a run across two blocks counts as two.
            edges = np.diff(np.concatenate([[False], at, [False]]).astype(np.int8))
            runs = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
            count += int(runs[runs >= RUN].sum())
    return count
