"""Training batches of codes, and the windows that a recording is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from ..base import Batch
from ..conditions import Conditions, value_of
from ..encoded import Encoded
from ..patches import PatchBatches
from ..takes import Take
from .config import TokenGenerationConfig
from .patterns import Pattern

ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class Window:
    """A part of a recording: `frames` frames of it from `start` on, of which the first `known` are context alone."""

    key: str
    row: int
    start: int
    frames: int
    known: int = 0


class TokenBatches(PatchBatches):
    """Batches by name: the codes in their pattern and the conditions; targets are the codes (B, Q, T).

    Parameters
    ----------
    takes : sequence of Take
        The training recordings, as they are and transposed.
    encoded : mapping of int to Encoded
        Their codes, by semitones.
    conditions : Conditions
        Fitted on the takes.
    config : TokenGenerationConfig
        Frames, crop, dropout of conditions.
    pattern : Pattern
        How codes stand in a sequence.
    codes : str
        The graph's input for codes.
    seed, batch_size : int
        As in `PatchBatches`.
    """

    def __init__(
        self,
        takes: Sequence[Take],
        encoded: Mapping[int, Encoded],
        conditions: Conditions,
        config: TokenGenerationConfig,
        pattern: Pattern,
        codes: str,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=3)
        self.takes = takes
        self.encoded = encoded
        self.conditions = conditions
        self.config = config
        self.pattern = pattern
        self.codes = codes
        self.inputs = conditions.encode(conditions.of(takes))
        self.n_frames = [encoded[one.semitones].n_frames(one.key) for one in takes]
        self.shares = self._shares()

    def _shares(self) -> NDArray[np.float64]:
        """How likely each take is drawn, (takes,); they sum to 1."""
        config = self.config
        weights = np.ones(len(self.takes))
        # A long piece has more to show than a short one; notes that begin at their beginning do not.
        if config.crop == "anywhere":
            weights *= np.maximum(self.n_frames, config.patch_frames)
        if config.balance is not None:
            values = [value_of(take, config.balance) for take in self.takes]
            counts = Counter(values)
            weights *= [counts[value] ** -0.5 for value in values]
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def draw(self, step: int, rng: Generator) -> Batch:  # noqa: ARG002  # every step alike
        chosen = rng.choice(len(self.takes), self.batch_size, p=self.shares)
        frames = self.config.patch_frames
        rows = []
        for row in chosen:
            take = self.takes[row]
            spare = max(self.n_frames[row] - frames, 0)
            start = 0
            if self.config.crop == "anywhere":
                start = int(rng.integers(spare + 1))
            read = self.encoded[take.semitones].padded(take.key, start, frames)
            rows.append(read[: self.pattern.n_codebooks])
        targets = torch.stack(rows)
        own = {name: values[chosen] for name, values in self.inputs.items()}
        given = self.conditions.with_dropout(
            own, self.config.condition_dropout, rng, self.config.guided
        )
        read = self.pattern.tokens(targets)
        if self.config.code_dropout:
            read = with_lost_codes(read, self.config.code_dropout, self.pattern, rng)
        named = {self.codes: read, **given}
        keys = tuple(self.takes[row].key for row in chosen)
        return Batch((), targets, keys, named)


def with_lost_codes(
    tokens: Tensor, dropout: float, pattern: Pattern, rng: Generator
) -> Tensor:
    """Tokens (B, Q, S) in which some codes are missing, or those of another place of the batch.

    A model that generates reads its own mistakes, of which recordings have none; these stand for them. Every row draws
    its own share of lost codes, from 0 to twice `dropout`, so that whole sequences are learned too.

    Sources: Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", NeurIPS 2015
    (the reason); Bowman et al., "Generating Sentences from a Continuous Space", CoNLL 2016, section 3.1 (lost words).
    """
    batch, levels, places = tokens.shape
    shares = rng.random((batch, 1, 1)) * 2 * dropout
    lost = torch.from_numpy(rng.random(tokens.shape) < shares)

    # What comes instead is as likely as any code of this codebook in the batch.
    order = torch.from_numpy(rng.permutation(batch * places))
    by_level = tokens.transpose(0, 1).reshape(levels, -1)
    others = by_level[:, order].view(levels, batch, places).transpose(0, 1)
    if pattern.delay:
        # Only this pattern has a code that means "none".
        missing = torch.from_numpy(rng.random(tokens.shape) < 0.5)
        others = others.masked_fill(missing, pattern.empty)
    return torch.where(lost, others, tokens)


def windows_of(keys: Sequence[str], encoded: Encoded, frames: int) -> list[Window]:
    """Windows that cover every recording; the last may be shorter.

    Every frame is judged once. A further window begins half a window earlier: what comes late in a recording is not
    to be predicted as if it began there.
    """
    step = max(1, frames // 2)
    found = []
    for row, key in enumerate(keys):
        total = encoded.n_frames(key)
        found.append(Window(key, row, 0, min(frames, total)))
        for start in range(step, total - (frames - step), step):
            count = min(frames, total - start)
            found.append(Window(key, row, start, count, frames - step))
    return found


def window_batches(
    windows: Sequence[Window], encoded: Encoded, pattern: Pattern, frames: int
) -> Iterator[tuple[Sequence[Window], Tensor]]:
    """Some windows at a time with their codes (B, Q, frames), filled up with silence."""
    for first in range(0, len(windows), ROWS_AT_ONCE):
        some = windows[first : first + ROWS_AT_ONCE]
        rows = [encoded.padded(one.key, one.start, frames) for one in some]
        yield some, torch.stack(rows)[:, : pattern.n_codebooks]
