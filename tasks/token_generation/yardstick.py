"""What a model of codes must beat: n-gram models of order 3 over the same training codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from ...metrics.ngrams import CodeNgram
from ..encoded import Encoded
from .patterns import Pattern

ORDER = 3
CONTEXTS: tuple[Literal["flattened"], Literal["own"]] = ("flattened", "own")
YARDSTICKS = tuple(f"ngram_nats_{context}" for context in CONTEXTS)


class Yardstick:
    """An n-gram model for each kind of context: the codes just before, and those of the same codebook."""

    def __init__(self, models: Sequence[CodeNgram], n_codebooks: int) -> None:
        self.models = models
        self.n_codebooks = n_codebooks

    @classmethod
    def of(
        cls, pattern: Pattern, encoded: Mapping[int, Encoded], keys: Sequence[str]
    ) -> Yardstick:
        """Counted over the recordings of these keys, as they are and transposed: what the model learns from too."""
        sizes = [pattern.n_codes] * pattern.n_codebooks
        models = [CodeNgram(sizes, ORDER, context) for context in CONTEXTS]
        recordings = []
        for codes in encoded.values():
            for key in keys:
                recordings.append(codes.read(key)[: pattern.n_codebooks].numpy())
        for model in models:
            model.fit(recordings)
        return cls(models, pattern.n_codebooks)

    def nats_of(self, codes: Tensor) -> dict[str, float]:
        """What the codes (Q, T) of a recording cost each of them, by the names of YARDSTICKS."""
        own = codes[: self.n_codebooks].numpy()
        found = {}
        for name, model in zip(YARDSTICKS, self.models, strict=True):
            found[name] = float(-model.log_probabilities(own).sum())
        return found
