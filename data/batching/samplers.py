"""Which patches make up the batch of a step: pure functions of (seed, step).

Nothing is remembered from step to step, so a training that is resumed, or loads with any number of workers, sees the
same batches as one that never stopped; its state is (seed, step). A step counts batches; with several processes, rank
r of w takes the batches step · w + r.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence

import numpy as np

from ...errors import DataError
from .sampling import (
    Deck,
    Int64,
    Picks,
    Sampler,
    anywhere,
    grouped,
    lengths_of,
    one_or_more,
    positions_of,
    rng_of,
)

__all__ = ["Balanced", "ByFile", "ByLength", "ByPatch", "ByWork", "Picks", "Sampler"]


class ByPatch:
    """Every patch of every file once an epoch, shuffled: those of `patch_starts`, which cover every frame.

    shuffle  False: in the order of the files, as for a validation; the first batch follows the last
    """

    def __init__(
        self,
        n_frames: Sequence[int],
        patch_frames: int,
        hop_frames: int,
        batch_size: int,
        seed: int = 0,
        *,
        shuffle: bool = True,
    ) -> None:
        """`n_frames`: the length of each file. Raises DataError E490 for no files, ValueError for other bad sizes."""
        lengths = lengths_of(n_frames)
        if not 1 <= hop_frames <= patch_frames or batch_size < 1:
            raise ValueError(
                f"no batches of {batch_size} patches of {patch_frames} frames, hop {hop_frames}"
            )
        self.seed = seed
        self.patch_frames = patch_frames
        self.hop_frames = hop_frames
        self.batch_size = batch_size
        self._last = np.maximum(lengths - patch_frames, 0)
        self._ends = np.cumsum(-(-self._last // hop_frames) + 1)
        self.n_patches = int(self._ends[-1])
        self.steps_per_epoch = math.ceil(self.n_patches / batch_size)
        self._deck = Deck(self.n_patches, seed, 1) if shuffle else None

    def picks(self, step: int) -> Picks:
        """Where one epoch ends inside a batch, the next begins in it."""
        positions = positions_of(step, self.batch_size)
        if self._deck:
            patches = self._deck.at(positions)
        else:
            patches = positions % self.n_patches
        items = np.searchsorted(self._ends, patches, side="right")
        before = np.where(items > 0, self._ends[items - 1], 0)
        starts = np.minimum((patches - before) * self.hop_frames, self._last[items])
        return Picks(items, starts, np.full(len(items), self.patch_frames))


class ByFile:
    """Every file once an epoch, shuffled, with one patch from anywhere in it: short and long files count the same."""

    def __init__(
        self, n_frames: Sequence[int], patch_frames: int, batch_size: int, seed: int = 0
    ) -> None:
        """Raises as `ByPatch`."""
        self._lengths = lengths_of(n_frames)
        self.seed = seed
        self.patch_frames = one_or_more(patch_frames)
        self.batch_size = one_or_more(batch_size)
        self.steps_per_epoch = math.ceil(len(self._lengths) / batch_size)
        self._deck = Deck(len(self._lengths), seed, 1)

    def picks(self, step: int) -> Picks:
        """Where one epoch ends inside a batch, the next begins in it."""
        items = self._deck.at(positions_of(step, self.batch_size))
        return anywhere(
            items, self._lengths, self.patch_frames, rng_of(self.seed, step)
        )


class ByWork:
    """P works with K versions each, for triplets: rows i K … i K + K - 1 of a batch are versions of one work.

    The works of a batch differ. A work with fewer than K versions repeats some, with other patches: leave pairs of the
    same file out of the positives. Works with one version are left out. Every work is seen once an epoch, but for the
    less than P left over at its end, others each time.
    """

    def __init__(
        self,
        n_frames: Sequence[int],
        works: Sequence[Hashable],
        patch_frames: int,
        works_per_batch: int,
        versions_per_work: int,
        seed: int = 0,
    ) -> None:
        """`works`: the work of each file. Raises DataError E490 for fewer than P works with two versions."""
        self._lengths = lengths_of(n_frames)
        self.seed = seed
        self.patch_frames = one_or_more(patch_frames)
        self.works_per_batch = one_or_more(works_per_batch)
        self.versions_per_work = versions_per_work
        if versions_per_work < 2 or len(works) != len(self._lengths):
            raise ValueError(
                f"{versions_per_work} versions a work; {len(works)} works of {len(self._lengths)} files"
            )
        self._versions = [
            files
            for files in grouped([(work,) for work in works]).values()
            if len(files) > 1
        ]
        if len(self._versions) < works_per_batch:
            raise DataError(
                f"cannot draw {works_per_batch} works a batch: {len(self._versions)} have two versions or more",
                code="E490",
                facts=[("files", f"{len(works)}, of {len(set(works))} works")],
                help=f"take {len(self._versions)} works a batch or fewer"
                if self._versions
                else "check the work of each file",
            )
        self.steps_per_epoch = len(self._versions) // works_per_batch
        self._deck = Deck(len(self._versions), seed, 1)

    def picks(self, step: int) -> Picks:
        epoch, inside = divmod(step, self.steps_per_epoch)
        works = self._deck.at(
            epoch * len(self._versions) + positions_of(inside, self.works_per_batch)
        )
        rng = rng_of(self.seed, step)
        items = np.concatenate(
            [
                np.resize(rng.permutation(self._versions[work]), self.versions_per_work)
                for work in works
            ]
        )
        return anywhere(items, self._lengths, self.patch_frames, rng)


class Balanced:
    """Every label as often as any other, and within a label every file as often as any other, with one patch each.

    A file may have several labels; it is then drawn for each of them. An epoch is as many rows as there are files.
    """

    def __init__(
        self,
        n_frames: Sequence[int],
        labels: Sequence[Hashable | Collection[Hashable]],
        patch_frames: int,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        """`labels`: the label of each file, or a list or a set of them. Raises DataError E490 for no label at all."""
        self._lengths = lengths_of(n_frames)
        self.seed = seed
        self.patch_frames = one_or_more(patch_frames)
        self.batch_size = one_or_more(batch_size)
        if len(labels) != len(self._lengths):
            raise ValueError(
                f"the labels of {len(labels)} files, the lengths of {len(self._lengths)}"
            )
        several = [
            one if isinstance(one, list | tuple | set | frozenset) else (one,)
            for one in labels
        ]
        self._files = list(grouped(several).values())
        if not self._files:
            raise DataError(
                "no file has a label to balance by",
                code="E490",
                help="check the annotation of the labels",
            )
        self.steps_per_epoch = math.ceil(len(self._lengths) / batch_size)
        self._labels = Deck(len(self._files), seed, 1)
        self._decks = [
            Deck(len(files), seed, 2, label) for label, files in enumerate(self._files)
        ]

    def picks(self, step: int) -> Picks:
        positions = positions_of(step, self.batch_size)
        # a label is drawn once a round
        labels = self._labels.at(positions)
        rounds = positions // len(self._files)
        pairs = zip(labels.tolist(), rounds.tolist(), strict=True)
        drawn = [
            self._files[label][self._decks[label].one(number)]
            for label, number in pairs
        ]
        return anywhere(
            np.array(drawn), self._lengths, self.patch_frames, rng_of(self.seed, step)
        )


class ByLength:
    """Whole files, in batches of about the same length, so that little is padding; every file once an epoch.

    max_frames  of a longer file so many, from anywhere in it
    shuffle     False: from the shortest to the longest
    """

    MIXED = 0.1  # by how much, relatively, lengths may differ and still change places from epoch to epoch

    def __init__(
        self,
        n_frames: Sequence[int],
        batch_size: int,
        seed: int = 0,
        *,
        max_frames: int | None = None,
        shuffle: bool = True,
    ) -> None:
        """Raises as `ByPatch`. The batch with the longest files, or the last, may have fewer rows."""
        self._lengths = lengths_of(n_frames)
        self.seed = seed
        self.batch_size = one_or_more(batch_size)
        if max_frames is None:
            self.max_frames = int(self._lengths.max())
        else:
            self.max_frames = one_or_more(max_frames)
        self._shuffle = shuffle
        self.steps_per_epoch = math.ceil(len(self._lengths) / batch_size)
        self._epoch: tuple[int, Int64, Int64] | None = None

    def picks(self, step: int) -> Picks:
        epoch, inside = divmod(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = epoch, *self._orders(epoch)
        _, files, batches = self._epoch
        first = int(batches[inside]) * self.batch_size
        items = files[first : first + self.batch_size]
        frames = np.minimum(self._lengths[items], self.max_frames)
        return anywhere(items, self._lengths, frames, rng_of(self.seed, step))

    def _orders(self, epoch: int) -> tuple[Int64, Int64]:
        """The files by their length, about; and the order of the batches cut from them."""
        lengths = np.minimum(self._lengths, self.max_frames)
        if not self._shuffle:
            return np.argsort(lengths, kind="stable"), np.arange(self.steps_per_epoch)
        rng = np.random.default_rng((self.seed, 3, epoch))
        mixed = lengths * rng.uniform(1.0, 1.0 + self.MIXED, len(lengths))
        return np.argsort(mixed, kind="stable"), rng.permutation(self.steps_per_epoch)
