"""Batches of a GAN: what is real, what it is conditioned on, and the noise of both turns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from ...data.batching.patches import take_patch
from ..base import Batch
from ..patches import PatchBatches, as_input
from ..reading import Recorded
from ..takes import Crop

ADVERSARY = "adversary"  # the noise of which turn
GENERATOR = "generator"
SMALLEST = 1e-6  # range of the training examples
PENALTY = "penalty"  # seeds the points at which the gradient penalty is taken


@dataclass(frozen=True)
class Track:
    """A recording to learn from; `row` is its place among the encoded conditions."""

    key: str
    feature: Recorded
    row: int


@dataclass(frozen=True)
class Span:
    """The least and the greatest value of the training examples, which become -1 and 1: the range of a Tanh."""

    low: float
    high: float

    @classmethod
    def of(cls, examples: Iterable[Tensor], symmetric: bool) -> Span:
        """Of training examples; a waveform keeps its zero in the middle."""
        low = math.inf
        high = -math.inf
        for one in examples:
            low = min(low, float(one.min()))
            high = max(high, float(one.max()))
        # Silence alone has no range, and nothing to divide by.
        if symmetric:
            top = max(abs(low), abs(high))
            if top < SMALLEST:
                top = 1.0
            return cls(-top, top)
        if high - low < SMALLEST:
            high = low + 1.0
        return cls(low, high)

    def inward(self, x: Tensor) -> Tensor:
        """Values of the feature as the graphs see them."""
        return (x - self.low) * (2 / (self.high - self.low)) - 1

    def outward(self, x: Tensor) -> Tensor:
        """What the generator gives, as values of the feature; none beyond those of the training."""
        return (x.clamp(-1, 1) + 1) * ((self.high - self.low) / 2) + self.low


def example_of(
    feature: Recorded,
    patch_frames: int,
    silence: float,
    rng: Generator | None = None,
) -> Tensor:
    """The first frames of a recording, or with a generator of random numbers some from anywhere; (..., T)."""
    start = 0
    if rng is not None:
        start = int(rng.integers(max(feature.n_frames - patch_frames, 0) + 1))
    return take_patch(feature.read, start, patch_frames, feature.n_frames, silence)


class GanBatches(PatchBatches):
    """Training batches, each a pure function of (seed, step), its noise included.

    `inputs` has the real examples, `named` their conditions, `targets` the noise of each turn.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        conditions: Mapping[str, Tensor],
        span: Span,
        *,
        patch_frames: int,
        crop: Crop,
        silence: float,
        noise_shape: Sequence[int],
        seed: int,
        batch_size: int,
        input_rank: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=input_rank)
        self.tracks = tracks
        self.conditions = conditions
        self.span = span
        self.patch_frames = patch_frames
        self.crop = crop
        self.silence = silence
        self.noise_shape = tuple(noise_shape)

    def draw(self, step: int, rng: Generator) -> Batch:  # noqa: ARG002  # every step draws alike
        """Real examples with their conditions, and noise."""
        some = [
            self.tracks[place]
            for place in rng.integers(len(self.tracks), size=self.batch_size)
        ]
        anywhere = rng if self.crop == "anywhere" else None
        examples = []
        for track in some:
            examples.append(
                example_of(track.feature, self.patch_frames, self.silence, anywhere)
            )
        real = as_input(self.span.inward(torch.stack(examples)), self.input_rank)

        # The noise belongs to the batch: several processes then see together what one would.
        noise: dict[str, Tensor] = {}
        for turn in (ADVERSARY, GENERATOR):
            noise[turn] = torch.from_numpy(
                rng.standard_normal((len(some), *self.noise_shape), dtype=np.float32)
            )
        noise[PENALTY] = torch.tensor([int(rng.integers(2**31))] * len(some))

        rows = torch.tensor([track.row for track in some])
        named = {name: values[rows] for name, values in self.conditions.items()}
        return Batch((real,), noise, tuple(track.key for track in some), named)
