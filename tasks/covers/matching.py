"""How alike recordings are: cosines of their vectors or minus their distance, in blocks of bounded memory.

A reference may have a vector for each of 12 rotations, of which the best counts, and one for each chunk: the score is
then the mean over the query's chunks of the greatest over the reference's; with `both_ways` the mean of that and of
the same with query and reference exchanged. A reference that is near to everything is held back by `normalise`: its
scores less their mean, over their deviation, neither of which needs a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from .whitening import Statistics

Alike = Literal["cosine", "squared_per_dim"]
BLOCK_VALUES = 1 << 24  # scores held at once
HELD = 2048  # recordings whose scores among one another are kept
FEWEST = 3  # references from which on a deviation means something


@dataclass(frozen=True)
class Library:
    """Recordings as vectors.

    vectors  (S, R, D): all chunks of the first recording, then of the second; R rotations. Of unit length for cosines
    counts   (n,) chunks of each recording
    mean     (n,) of the scores that each gives to the others, and `deviation`: 0 and 1 where nothing is normalised
    alike_by the cosine, or minus the mean of squared differences (Yesiler et al., "Accurate and Scalable Version
             Identification Using Musically-Motivated Embeddings", ICASSP 2020, section 3.4)
    both_ways  whether the chunks of the reference look for their likest in the query, too
    whitening  the statistics of the layers Whitening that made the vectors, where they are not the model's own: those
               of the collection. Queries from elsewhere are embedded with them, too
    """

    vectors: Tensor
    counts: Tensor
    mean: Tensor
    deviation: Tensor
    alike_by: Alike = "cosine"
    both_ways: bool = False
    whitening: Statistics = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        embeddings: Sequence[Tensor],
        normalise: bool,
        alike_by: Alike = "cosine",
        both_ways: bool = False,
        whitening: Statistics | None = None,
    ) -> Library:
        """From (R, M, D) of each recording. Raises ValueError where one is not finite."""
        vectors = torch.cat([one.movedim(0, 1) for one in embeddings]).float()
        if not vectors.isfinite().all():
            raise ValueError("an embedding is not finite")
        counts = torch.tensor([one.shape[1] for one in embeddings])

        # Products of unit vectors are cosines.
        if alike_by == "cosine":
            vectors = functional.normalize(vectors, dim=-1)
        plain = cls(
            vectors,
            counts,
            torch.zeros(len(counts)),
            torch.ones(len(counts)),
            alike_by,
            both_ways,
            whitening or {},
        )
        if not normalise or len(counts) < FEWEST:
            return plain

        # The normalisation needs all scores; those of a small library are kept, so that
        # `rows` does not compute them a second time.
        if len(plain) <= HELD:
            whole = plain.rows(slice(0, len(plain)))
        else:
            whole = None
        mean, deviation = plain.statistics(whole)
        made = replace(plain, mean=mean, deviation=deviation)
        if whole is not None:
            # The class is frozen and this is not a field:
            # neither equality nor repr sees it.
            made.__dict__["_whole"] = (whole - made.mean) / made.deviation
        return made

    def __len__(self) -> int:
        return len(self.counts)

    def query(self, number: int) -> Tensor:
        """The vectors (M, D) of a recording as it is, without rotation."""
        first = int(self.counts[:number].sum())
        return self.vectors[first : first + int(self.counts[number]), 0]

    def scores(self, queries: Sequence[Tensor]) -> Tensor:
        """(Q, n) scores of queries, each of (M, D) vectors; a larger one is more alike."""
        lengths = torch.tensor([len(query) for query in queries])

        # The chunks of all queries go through one matrix product.
        flat = torch.cat(list(queries))
        out = torch.empty(len(queries), len(self))
        ends = torch.cat([torch.zeros(1, dtype=torch.long), self.counts.cumsum(0)])
        for first, last in self._blocks(len(flat)):
            part = self.vectors[int(ends[first]) : int(ends[last])]
            alike = self._alike(flat, part)
            counts = self.counts[first:last].tolist()
            total = _best_of_references(alike, lengths, counts)
            if self.both_ways:
                total = (total + _best_of_queries(alike, lengths, counts)) / 2
            # The rotation is chosen last, after the mean over the chunks: a performance is in one key throughout.
            out[:, first:last] = total.amax(2)
        return (out - self.mean) / self.deviation

    def _alike(self, queries: Tensor, references: Tensor) -> Tensor:
        """(M, S, R) of queries (M, D) and references (S, R, D)."""
        products = queries @ references.flatten(0, 1).T
        products = products.reshape(len(queries), *references.shape[:2])
        if self.alike_by == "cosine":
            return products
        # |a - b|² = |a|² + |b|² - 2ab takes one matrix product; its rounding may fall under 0.
        squares = references.square().sum(-1) - 2 * products
        squares += queries.square().sum(-1)[:, None, None]
        return -squares.clamp_min(0) / queries.shape[1]

    def rows(self, rows: slice) -> Tensor:
        """The scores of some recordings as queries; few enough at a time for the memory."""
        if "_whole" in self.__dict__:
            found: Tensor = self.__dict__["_whole"][rows]
            return found
        numbers = range(*rows.indices(len(self)))

        # A query may have several chunks, hence the 8; `scores` cuts the references
        # into blocks where that is still too much.
        step = max(
            1,
            BLOCK_VALUES // (8 * max(1, self.vectors.shape[0] * self.vectors.shape[1])),
        )
        parts = [
            numbers[first : first + step] for first in range(0, len(numbers), step)
        ]
        return torch.cat(
            [self.scores([self.query(number) for number in part]) for part in parts]
        )

    def statistics(self, whole: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and deviation (n,) of the scores that all others get from each recording.

        whole  all scores (n, n), where they are known already
        """
        n = len(self)

        # In double precision: the variance is a small difference of large sums.
        total = torch.zeros(n, dtype=torch.float64)
        squares = torch.zeros(n, dtype=torch.float64)
        step = max(1, BLOCK_VALUES // max(1, n))
        for first in range(0, n, step):
            rows = slice(first, first + step)
            scores = (
                self.rows(rows) if whole is None else whole[rows].clone()
            ).double()
            # A recording is not a reference for itself: its
            # score, the greatest, would bias the mean.
            itself = torch.arange(first, first + len(scores))
            scores[torch.arange(len(scores)), itself] = 0
            total += scores.sum(0)
            squares += scores.square().sum(0)

        # σ² = E[s²] - E[s]²; rounding may bring it below 0,
        # and equal scores must not divide by 0.
        mean = total / (n - 1)
        deviation = (
            (squares / (n - 1) - mean.square()).clamp_min(0).sqrt().clamp_min(1e-6)
        )
        return mean.float(), deviation.float()

    def _blocks(self, n_rows: int) -> list[tuple[int, int]]:
        """Ranges of recordings whose scores with so many rows fit into a block; one at least."""
        most = BLOCK_VALUES // max(1, n_rows * self.vectors.shape[1])
        blocks = []
        first = 0
        held = 0
        for number, count in enumerate(self.counts.tolist()):
            if number > first and held + count > most:
                blocks.append((first, number))
                first = number
                held = 0
            held += count
        return [*blocks, (first, len(self))]


def _best_of_references(alike: Tensor, lengths: Tensor, counts: list[int]) -> Tensor:
    """(Q, n, R) of chunks (M, S, R): the mean over those of each query of the greatest over those of each reference."""
    # For each rotation the best chunk of a reference: the music only has to meet somewhere.
    if max(counts) > 1:
        alike = torch.stack([one.amax(1) for one in torch.split(alike, counts, 1)], 1)
    owner = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    total = alike.new_zeros(len(lengths), *alike.shape[1:])
    return total.index_add_(0, owner, alike) / lengths[:, None, None]


def _best_of_queries(alike: Tensor, lengths: Tensor, counts: list[int]) -> Tensor:
    """(Q, n, R) of chunks (M, S, R): the mean over those of each reference of the greatest over those of each query."""
    best = torch.stack([one.amax(0) for one in torch.split(alike, lengths.tolist())])
    return torch.stack([one.mean(1) for one in torch.split(best, counts, 1)], 1)
