"""Vectors kept as a few bytes each, in lists of neighbours (FAISS IVF-PQ), for libraries that no memory holds.

Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", PAMI 2011. The numbers are kept as tensors
of our own and put into FAISS when they are searched: its own files must not come from a stranger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RunError
from ..tasks.covers import Library
from ..tasks.covers.matching import Alike
from ..tasks.covers.whitening import Statistics
from .faiss_search import faiss_library, refuse_chunks

CODES = 256  # values of one byte
LISTS_PER_ROOT = 4  # lists per square root of the number of vectors: FAISS' own advice
PROBES = 16  # lists that a search looks into, unless it is asked for others
SPARE = (
    4  # candidates per result, where what is near everything is held back afterwards
)
MOST_ASKED = 500  # recordings that the recall is measured with


@dataclass(frozen=True)
class Compressed:
    """Recordings of one vector (per rotation), compressed.

    centres    (L, D) middles of the lists
    codebooks  (M, 256, D / M) of the M bytes of a vector: what is left of it after its list's middle is taken off
    codes      (S, M) bytes, and `lists` (S,): the list of each vector, S = n · R
    counts, mean, deviation, alike_by    as those of `Library`; every count is 1
    probes     lists that a search looks into
    whitening  as of `Library`: how queries from elsewhere are embedded
    """

    centres: Tensor
    codebooks: Tensor
    codes: Tensor
    lists: Tensor
    counts: Tensor
    mean: Tensor
    deviation: Tensor
    alike_by: Alike = "cosine"
    probes: int = PROBES
    whitening: Statistics = field(default_factory=dict)

    @classmethod
    def of(cls, library: Library, n_bytes: int) -> Compressed:
        """From the exact vectors. Raises RunError E634 without faiss, and E635 for what cannot be compressed so."""
        refuse_chunks(library)
        vectors = library.vectors.flatten(0, 1).contiguous().numpy()
        count, size = vectors.shape
        _refuse(count, size, n_bytes)
        faiss = faiss_library()
        n_lists = _lists_for(count)
        quantizer = faiss.IndexFlatL2(size)
        index = faiss.IndexIVFPQ(quantizer, size, n_lists, n_bytes, 8)
        # FAISS would print a warning where there are few vectors; `index` prints the recall.
        for clustering in (index.cp, index.pq.cp):
            clustering.min_points_per_centroid = 1
        index.train(vectors)
        lists = quantizer.search(vectors, 1)[1][:, 0]
        # One code per vector, in the order of the recordings: residuals from the middles of their lists.
        centres = quantizer.reconstruct_n(0, n_lists)
        codes = index.pq.compute_codes(np.ascontiguousarray(vectors - centres[lists]))
        books = faiss.vector_to_array(index.pq.centroids)
        return cls(
            torch.from_numpy(centres),
            torch.from_numpy(books.reshape(n_bytes, CODES, size // n_bytes)),
            torch.from_numpy(codes),
            torch.from_numpy(lists),
            library.counts,
            library.mean,
            library.deviation,
            library.alike_by,
            min(PROBES, n_lists),
            library.whitening,
        )

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def n_rotations(self) -> int:
        return len(self.codes) // len(self.counts)

    def refuse_damaged(self) -> None:
        """Raise ValueError where parts do not fit together: FAISS would read beyond the end of its memory."""
        n_lists, size = self.centres.shape
        n_bytes = self.codes.shape[1]
        n_vectors = len(self.codes)
        fits = (
            self.codebooks.shape == (n_bytes, CODES, size // max(n_bytes, 1))
            and size == n_bytes * self.codebooks.shape[2]
            and len(self.lists) == n_vectors
            and len(self.counts) > 0
            and n_vectors % len(self.counts) == 0
            and n_vectors >= len(self.counts)
        )
        kinds = (self.centres.dtype, self.codebooks.dtype) == (torch.float32,) * 2
        kinds = kinds and (self.codes.dtype, self.lists.dtype) == (
            torch.uint8,
            torch.int64,
        )
        if not fits or not kinds or not bool((self.counts == 1).all()):
            raise ValueError("its parts do not fit together")
        if int(self.lists.min()) < 0 or int(self.lists.max()) >= n_lists:
            raise ValueError("a vector is in a list that is not there")
        if type(self.probes) is not int or not 1 <= self.probes <= n_lists:
            raise ValueError(f"it looks into {self.probes} of {n_lists} lists")

    def query(self, number: int) -> Tensor:
        """The vector (1, D) of a recording, as near as its bytes say."""
        row = number * self.n_rotations
        parts = [
            book[int(code)]
            for book, code in zip(self.codebooks, self.codes[row], strict=True)
        ]
        return (self.centres[int(self.lists[row])] + torch.cat(parts))[None]

    def nearest(self, queries: Sequence[Tensor], most: int) -> tuple[Tensor, Tensor]:
        """Scores and numbers (Q, most) of the nearest recordings that were looked at, best first.

        Where fewer were found the number is -1 and the score minus infinity.
        """
        asked = torch.cat(list(queries)).contiguous()
        index = self._index
        index.nprobe = self.probes
        # All rotations of a recording may be nearer than any other recording, and the normalisation moves ranks.
        wanted = min(len(self.codes), most * self.n_rotations * SPARE)
        distances, rows = index.search(asked.numpy(), wanted)
        scores = torch.full((len(asked), most), -torch.inf)
        numbers = torch.full((len(asked), most), -1)
        for place, (squares, found) in enumerate(zip(distances, rows, strict=True)):
            best, own = self._best(squares[found >= 0], found[found >= 0], most)
            scores[place, : len(best)] = own
            numbers[place, : len(best)] = best
        return scores, numbers

    def _best(self, squares: Any, rows: Any, most: int) -> tuple[Tensor, Tensor]:
        """Numbers and scores of the best recordings, of the squared distances of some of their vectors."""
        which = torch.from_numpy(rows) // self.n_rotations
        squared = torch.from_numpy(squares)
        # Between vectors of unit length |a - b|² is 2 less twice the cosine.
        if self.alike_by == "cosine":
            alike = 1 - squared / 2
        else:
            alike = -squared / self.centres.shape[1]
        scores = (alike - self.mean[which]) / self.deviation[which]
        order = scores.argsort(descending=True, stable=True)
        kept: dict[int, float] = {}
        # A recording counts by its best rotation.
        pairs = zip(which[order].tolist(), scores[order].tolist(), strict=True)
        for number, score in pairs:
            if len(kept) == most:
                break
            kept.setdefault(number, score)
        return torch.tensor(list(kept)), torch.tensor(list(kept.values()))

    @property
    def _index(self) -> Any:
        """The index as FAISS searches it; made when it is first asked for."""
        if "_made" not in self.__dict__:
            # The class is frozen, and this is not a field.
            self.__dict__["_made"] = self._made_index()
        return self.__dict__["_made"]

    def _made_index(self) -> Any:
        faiss = faiss_library()
        n_lists, size = self.centres.shape
        quantizer = faiss.IndexFlatL2(size)
        quantizer.add(self.centres.numpy())
        index = faiss.IndexIVFPQ(quantizer, size, n_lists, len(self.codebooks), 8)
        faiss.copy_array_to_vector(self.codebooks.numpy().ravel(), index.pq.centroids)
        index.is_trained = True
        index.precompute_table()
        # Vectors of one list lie together: they are found by one sort, not by a search per list.
        order = torch.argsort(self.lists, stable=True)
        ends = torch.bincount(self.lists, minlength=n_lists).cumsum(0).tolist()
        begin = 0
        for number, end in enumerate(ends):
            rows = np.ascontiguousarray(order[begin:end].numpy())
            codes = np.ascontiguousarray(self.codes[rows].numpy())
            if end > begin:
                index.invlists.add_entries(
                    number, end - begin, faiss.swig_ptr(rows), faiss.swig_ptr(codes)
                )
            begin = end
        index.ntotal = len(self.lists)
        return index


def recall(compressed: Compressed, library: Library, most: int) -> float:
    """The share of the `most` nearest recordings, by the exact search, that the compressed one finds too.

    The queries are recordings of the library, spread over it evenly, each without itself.
    """
    n = len(library)
    most = min(most, n - 1)
    step = max(1, n // MOST_ASKED)
    numbers = range(0, n, step)
    queries = [library.query(number) for number in numbers]
    found = compressed.nearest(queries, most + 1)[1].tolist()
    hits = 0
    for number, query, row in zip(numbers, queries, found, strict=True):
        exact = library.scores([query])[0]
        exact[number] = -torch.inf
        hits += len(set(exact.topk(most).indices.tolist()) & set(row))
    return hits / (most * len(queries))


def with_probes(compressed: Compressed, probes: int) -> Compressed:
    """The same, searched in more lists or in fewer."""
    made = replace(compressed, probes=min(probes, len(compressed.centres)))
    if "_made" in compressed.__dict__:
        made.__dict__["_made"] = compressed.__dict__["_made"]
    return made


def _lists_for(count: int) -> int:
    # At least 39 vectors per list, as FAISS wants to place a middle by.
    return max(1, min(int(LISTS_PER_ROOT * count**0.5), count // 39))


def _refuse(count: int, size: int, n_bytes: int) -> None:
    """Raise RunError E635 for too few vectors, or bytes that do not share a vector out evenly."""
    if count < CODES:
        raise RunError(
            f"an index of {count} vectors cannot be compressed: codes of one byte need {CODES} at least",
            code="E635",
            help="leave --compress out: so few are searched exactly in no time",
        )
    if size % n_bytes:
        fitting = [one for one in range(1, size + 1) if size % one == 0]
        nearest = min(fitting, key=lambda one: abs(one - n_bytes))
        raise RunError(
            f"a vector of {size} numbers cannot be shared out to {n_bytes} bytes evenly",
            code="E635",
            help=f"--compress {nearest}",
        )
