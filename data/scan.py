"""What only reading the audio or the features tells: levels, clipping, and which recordings are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .corpus import FeatureItem, Item
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
    """

    key: str
    peak: float
    clipped: float
    digest: str
    error: DataError | None = None


def scan(
    items: Sequence[Item | FeatureItem], n_jobs: int = 1, on_done: OnDone | None = None
) -> list[Scanned]:
    """Read every recording through, block by block, in several processes; `on_done` is told each key."""
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
    try:
        # A clipped recording is read a second time: the level of its runs is known only after its peak.
        for block in _blocks(item, digest):
            peak = max(peak, float(np.abs(block).max()))
        if isinstance(item, Item) and peak >= FULL_SCALE:
            flat = _flat_samples(item, FLAT * peak)
    except DataError as error:
        return Scanned(item.key, peak, 0.0, "", error)
    return Scanned(
        item.key,
        peak,
        flat / item.n_samples if isinstance(item, Item) else 0.0,
        digest.hexdigest(),
    )


def _blocks(
    item: Item | FeatureItem, digest: hashlib.blake2b | None = None
) -> Iterable[NDArray[np.float32]]:
    if isinstance(item, Item):
        size = item.n_samples
        step = BLOCK
        about = str(item.sr_hz)
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
            block = item.read(start, stop)[0]
        else:
            block = item.read(start, stop)
        if digest:
            digest.update(np.ascontiguousarray(block).data)
        yield block


def _flat_samples(item: Item, level: float) -> int:
    """How many samples are in runs of `RUN` and more at or above the level."""
    count = 0
    for block in _blocks(item):
        at = np.abs(block) >= level
        # Silence at both ends gives every run a rise and a fall; a run across two blocks counts as two.
        edges = np.diff(np.concatenate([[False], at, [False]]).astype(np.int8))
        runs = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
        count += int(runs[runs >= RUN].sum())
    return count
