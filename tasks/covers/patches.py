"""Training batches: P works with K patches each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.batching.sampling import Deck, grouped, positions_of
from ...errors import TaskError
from ..base import Batch
from .config import CoversConfig
from .views import for_graph, moment, view


@dataclass(frozen=True)
class Track:
    """A recording: its feature, the level of it, and the number of its work."""

    key: str
    feature: Any
    level: float
    work: int


class Patches:
    """Batches, each a pure function of (seed, step): inputs (P K, ..., D, T), targets (P K,).

    Rows i K to i K + K - 1 belong together. From works: they are of one work, whose number is the target, and works
    differ; of a work with less than K recordings some come twice, as other views. Each epoch has every work once, but
    for less than P at its end. From moments: they are views of one place in one recording, and i is the target; every
    frame of the corpus is as likely as any other.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        config: CoversConfig,
        rank: int,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        """Raises TaskError E521."""
        self.tracks = tracks
        self.config = config
        self.rank = rank
        self.seed = seed
        groups = grouped([(track.work,) for track in tracks]).values()
        self.works = [files for files in groups if len(files) > 1 or config.singles]
        self.n_works = batch_size // config.versions_per_work
        refuse_batch(
            batch_size,
            self.n_works if config.learn_from == "moments" else len(self.works),
            config,
        )
        self.steps_per_epoch = len(self.works) // self.n_works
        self._deck = Deck(len(self.works), seed, 1)
        n_frames = np.array([track.feature.n_frames for track in tracks], np.float64)
        self._share = n_frames / n_frames.sum()

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, 7, step))
        if self.config.learn_from == "moments":
            tracks, patches = self._moments(rng)
        else:
            tracks, patches = self._versions(step, rng)
        inputs = for_graph(torch.stack(patches), self.config, self.rank)
        targets = torch.tensor([track.work for track in tracks])
        if self.config.learn_from == "moments":
            targets = torch.arange(self.n_works).repeat_interleave(
                self.config.versions_per_work
            )
        return Batch((inputs,), targets, tuple(track.key for track in tracks))

    def _versions(
        self, step: int, rng: np.random.Generator
    ) -> tuple[list[Track], list[Tensor]]:
        epoch, inside = divmod(step, self.steps_per_epoch)
        drawn = self._deck.at(
            epoch * len(self.works) + positions_of(inside, self.n_works)
        )
        k = self.config.versions_per_work
        rows = np.concatenate(
            [np.resize(rng.permutation(self.works[work]), k) for work in drawn]
        )
        tracks = [self.tracks[row] for row in rows]
        return tracks, [
            view(track.feature, track.level, self.config, rng) for track in tracks
        ]

    def _moments(self, rng: np.random.Generator) -> tuple[list[Track], list[Tensor]]:
        tracks = []
        patches = []
        for row in rng.choice(len(self.tracks), self.n_works, p=self._share):
            track = self.tracks[row]
            at = moment(track.feature, self.config, rng)
            for _ in range(self.config.versions_per_work):
                tracks.append(track)
                patches.append(view(track.feature, track.level, self.config, rng, at))
        return tracks, patches


def refuse_batch(batch_size: int, n_works: int, config: CoversConfig) -> None:
    """Raise TaskError E521 where a batch is not two works or more with K patches each, or there are too few works."""
    k = config.versions_per_work
    if batch_size % k or batch_size < 2 * k:
        raise TaskError(
            f"train.batch_size {batch_size} is not two works or more with {k} versions each",
            code="E521",
            help=f"set it to a multiple of task.versions_per_work, such as {max(2, batch_size // k) * k}",
        )
    if n_works < batch_size // k:
        if config.singles:
            least = ""
        else:
            least = " with two recordings or more"
        raise TaskError(
            f"a batch of {batch_size} needs {batch_size // k} works{least}, and the training has {n_works}",
            code="E521",
            help=f"set train.batch_size to {n_works * k}"
            if n_works > 1
            else "take a corpus with more covers, or set task.singles to learn from views of one recording",
        )
