"""Patches of recordings with the class of each frame, transposed at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.batching.patches import take_patch
from ..base import Batch
from ..recordings import as_input
from .config import ChordsConfig
from .vocabulary import IGNORED, transposed


@dataclass(frozen=True)
class Track:
    """A recording: its features, the level they are divided by, and the class of each frame."""

    key: str
    feature: Any
    level: float
    classes: NDArray[np.int64]


def reader_of(feature: Any) -> Callable[..., Tensor]:
    """What reads frames [start, stop): of a complex transform the magnitudes."""
    return feature.magnitude if feature.is_complex else feature.read  # type: ignore[no-any-return]


def level_of(feature: Any, config: ChordsConfig) -> float:
    """The 90th percentile of the norms of the frames, over groups of 12 for chroma; 1 without compression."""
    if config.compression is None:
        return 1.0
    norms = reader_of(feature)().flatten(0, -2).norm(dim=0)
    return max(
        float(norms.quantile(0.9)) if norms.numel() < 1 << 24 else float(norms.max()),
        1e-9,
    )


def prepared(x: Tensor, level: float, config: ChordsConfig) -> Tensor:
    """What the model sees of features x (..., T)."""
    if config.compression is None:
        return x
    return torch.log1p(config.compression / level * x)


def moved(x: Tensor, semitones: int, config: ChordsConfig) -> Tensor:
    """Features (..., D, T) of the same music so many semitones higher."""
    if config.transpose == "chroma":
        return (
            x.reshape(*x.shape[:-2], -1, 12, x.shape[-1])
            .roll(semitones, -2)
            .flatten(-3, -2)
        )
    if config.transpose == "bins":
        bins = semitones * config.bins_per_semitone
        y = x.roll(bins, -2)
        y[..., slice(0, bins) if bins >= 0 else slice(bins, None), :] = 0
        if bins:
            return y
        return x
    return x


class Patches:
    """Training batches, each a pure function of (seed, step): inputs (B, ..., D, T), targets (B, T)."""

    def __init__(
        self,
        tracks: list[Track],
        config: ChordsConfig,
        rank: int,
        *,
        seed: int,
        batch_size: int,
        silence: float = 0.0,
    ) -> None:
        self.silence = silence
        self.tracks = tracks
        self.config = config
        self.rank = rank
        self.seed = seed
        self.batch_size = batch_size
        n_frames = np.array([track.feature.n_frames for track in tracks], np.float64)
        self._share = (
            n_frames / n_frames.sum()
        )  # each frame of the corpus is as likely as any other

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        config = self.config
        inputs = []
        targets = []
        names = []
        for row in rng.choice(len(self.tracks), self.batch_size, p=self._share):
            track = self.tracks[row]
            n_frames = track.feature.n_frames
            if config.transpose != "none":
                most = config.max_semitones
            else:
                most = 0
            start = int(rng.integers(max(n_frames - config.patch_frames, 0) + 1))
            semitones = int(rng.integers(-most, most + 1))
            patch = prepared(
                take_patch(
                    reader_of(track.feature),
                    start,
                    config.patch_frames,
                    n_frames,
                    self.silence,
                ),
                track.level,
                config,
            )
            inputs.append(moved(patch, semitones, config))
            classes = np.full(config.patch_frames, IGNORED)
            own = track.classes[start : start + config.patch_frames]
            classes[: len(own)] = transposed(own, semitones)
            targets.append(classes)
            names.append(f"{track.key} at frame {start}")
        return Batch(
            (as_input(torch.stack(inputs), self.rank),),
            torch.from_numpy(np.stack(targets)),
            tuple(names),
        )
