"""Patches of recordings with the class of each frame, transposed at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from ...data.batching.patches import take_patch
from ..base import Batch
from ..patches import (
    Example,
    PatchBatches,
    level_of,
    random_start,
    shares,
    transposed,
)
from ..reading import Recorded, magnitudes_of
from .config import ChordsConfig
from .vocabulary import IGNORED, transposed_classes


@dataclass(frozen=True)
class Track:
    """A recording: its features, the level they are divided by, and the class of each frame."""

    key: str
    feature: Recorded
    level: float
    classes: NDArray[np.int64]


def level_in(feature: Recorded, config: ChordsConfig) -> float:
    """The level of a recording that compression is relative to; 1 without compression."""
    if config.compression is None:
        return 1.0
    read = magnitudes_of(feature)
    return level_of(lambda: read(0, feature.n_frames))


def prepared(x: Tensor, level: float, config: ChordsConfig) -> Tensor:
    """What the model sees of features x (..., T)."""
    if config.compression is None:
        return x
    # log(1 + c x / p): relative to the recording's own level p, so that a quiet
    # recording is compressed like a loud one.
    return torch.log1p(config.compression / level * x)


class Patches(PatchBatches):
    """Training batches: inputs (B, ..., D, T), targets (B, T)."""

    def __init__(
        self,
        tracks: Sequence[Track],
        config: ChordsConfig,
        *,
        seed: int,
        batch_size: int,
        input_rank: int,
        silence: float = 0.0,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=input_rank)
        self.tracks = tracks
        self.config = config
        self.silence = silence
        self._share = shares([track.feature for track in tracks])

    def draw(self, step: int, rng: Generator) -> Batch:
        # Long recordings are drawn more often, which makes every frame equally likely.
        rows = self.chosen(step, rng, len(self.tracks), self._share)
        return self.collated([self._example(self.tracks[row], rng) for row in rows])

    def _example(self, track: Track, rng: Generator) -> Example:
        """A patch from anywhere in a recording, in any key."""
        config = self.config
        size = config.patch_frames
        n_frames = track.feature.n_frames
        most = 0 if config.transpose == "none" else config.max_semitones

        # Place first, key second: the order of the draws is part of what a seed means.
        start = random_start(n_frames, size, rng)
        semitones = int(rng.integers(-most, most + 1))

        read = magnitudes_of(track.feature)
        patch = take_patch(read, start, size, n_frames, self.silence)
        # Features and classes move by the same semitones, so that each root is also
        # learned from the chords of all others.
        patch = transposed(
            prepared(patch, track.level, config),
            semitones,
            config.transpose,
            config.bins_per_semitone,
        )

        # Frames behind the end of a short recording teach nothing.
        classes = np.full(size, IGNORED)
        own = track.classes[start : start + size]
        classes[: len(own)] = transposed_classes(own, semitones)
        return Example(patch, classes, f"{track.key} at frame {start}")
