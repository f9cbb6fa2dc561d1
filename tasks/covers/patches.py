"""Training batches: P works with K patches each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from ...data.batching.sampling import Deck, grouped, positions_of
from ...errors import TaskError
from ..base import Batch
from ..patches import PatchBatches, shares
from ..reading import Recorded
from .config import CoversConfig
from .views import for_graph, moment, view


@dataclass(frozen=True)
class Track:
    """A recording: its feature, the level of it, and the number of its work."""

    key: str
    feature: Recorded
    level: float
    work: int


class Patches(PatchBatches):
    """Training batches: inputs (P K, ..., D, T), targets (P K,).

    Rows i K to i K + K - 1 belong together. From works: they are of one work, whose number is the target, and works
    differ; of a work with less than K recordings some come twice, as other views. Each epoch has every work once, but
    for less than P at its end. From moments: they are views of one place in one recording, and i is the target; every
    frame of the corpus is as likely as any other.
    """

    stream = (7,)

    def __init__(
        self,
        tracks: Sequence[Track],
        config: CoversConfig,
        *,
        seed: int,
        batch_size: int,
        input_rank: int,
    ) -> None:
        """Raises TaskError E521."""
        super().__init__(seed=seed, batch_size=batch_size, input_rank=input_rank)
        self.tracks = tracks
        self.config = config
        groups = grouped([(track.work,) for track in tracks]).values()
        self.works = [files for files in groups if len(files) > 1 or config.singles]
        self.n_works = batch_size // config.versions_per_work
        # Moments need no works: as many places as a batch has rows for can be drawn.
        there = self.n_works if config.learn_from == "moments" else len(self.works)
        refuse_batch(batch_size, there, config)
        # Works left over at the end of an epoch are skipped: a batch that goes on into
        # the next one could hold a work twice.
        self.steps_per_epoch = len(self.works) // self.n_works
        self._deck = Deck(len(self.works), seed, 1)
        self._share = shares([track.feature for track in tracks])

    def draw(self, step: int, rng: Generator) -> Batch:
        if self.config.learn_from == "moments":
            tracks, patches = self._moments(rng)
            k = self.config.versions_per_work
            targets = torch.arange(self.n_works).repeat_interleave(k)
        else:
            tracks, patches = self._versions(step, rng)
            targets = torch.tensor([track.work for track in tracks])
        inputs = for_graph(torch.stack(patches), self.config, self.input_rank)
        return Batch((inputs,), targets, tuple(track.key for track in tracks))

    def _versions(self, step: int, rng: Generator) -> tuple[list[Track], list[Tensor]]:
        epoch, inside = divmod(step, self.steps_per_epoch)
        # The deck is read at the position in the whole training, so
        # that a resumed one goes on with the same works.
        drawn = self._deck.at(
            epoch * len(self.works) + positions_of(inside, self.n_works)
        )
        k = self.config.versions_per_work
        # A shuffled work is repeated up to K: where it has
        # fewer recordings, some come twice, as two views.
        rows = np.concatenate(
            [np.resize(rng.permutation(self.works[work]), k) for work in drawn]
        )
        tracks = [self.tracks[row] for row in rows]
        return tracks, [
            view(track.feature, track.level, self.config, rng) for track in tracks
        ]

    def _moments(self, rng: Generator) -> tuple[list[Track], list[Tensor]]:
        tracks = []
        patches = []
        for row in rng.choice(len(self.tracks), self.n_works, p=self._share):
            track = self.tracks[row]
            # Place and key are drawn once per moment; what
            # differs between its views is drawn later.
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
