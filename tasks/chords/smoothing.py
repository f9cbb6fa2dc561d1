"""Chords do not change with every frame: how often each follows another is learned, and the likeliest path taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .vocabulary import IGNORED, N_CLASSES, transposed_classes

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
PRIOR = 0.5  # transitions that every pair is given before counting


@dataclass(frozen=True)
class Transitions:
    """Log-probabilities: `first` (K,) of the class of a frame, `step` (K, K) of a class after another."""

    first: Float64
    step: Float64

    @classmethod
    def learned(cls, tracks: Iterable[Int64]) -> Transitions:
        """From the classes (T,) of each track; a transition counts in every key. What is ignored is skipped."""
        counts = np.full((N_CLASSES, N_CLASSES), PRIOR)
        for classes in tracks:
            known = classes[classes != IGNORED]
            # Counted in all 12 keys, a transition depends on the distance of its roots
            # only, and a small corpus fills the matrix.
            for semitones in range(12):
                moved = transposed_classes(known, semitones)
                np.add.at(counts, (moved[:-1], moved[1:]), 1)

        # p(c) = n(c) / n and p(c | b) = n(b, c) / n(b),
        # as logarithms, which a path adds up.
        totals = counts.sum(axis=1)
        return cls(np.log(totals / totals.sum()), np.log(counts / totals[:, None]))

    def path(
        self, log_probability: Float64, weight: float, likelier: Float64 | None = None
    ) -> Int64:
        """The likeliest classes (T,) of frames with log-probabilities (T, K), which count `weight` times.

        `likelier` (T,) is added to the logarithm of every change to another class, from the frame before to each.
        Neighbouring frames hear much of the same sound, so each by itself tells less than it seems: hence the weight.
        Source: Viterbi, IEEE Trans. Information Theory 1967; for chords Sheh & Ellis, ISMIR 2003.
        """
        heard = weight * log_probability
        if not len(heard):
            return np.zeros(0, np.int64)

        if likelier is None:
            likelier = np.zeros(len(heard))
        other = 1 - np.eye(N_CLASSES)

        # Viterbi: δ_t(c) = max_b [δ_{t-1}(b) + log p(c | b) + l_t (b ≠ c)]
        # + w log p_t(c); `before` keeps the b of each maximum.
        score = self.first + heard[0]
        before = np.zeros(heard.shape, np.int64)
        for t in range(1, len(heard)):
            options = score[:, None] + self.step + likelier[t] * other
            before[t] = options.argmax(axis=0)
            score = options[before[t], np.arange(N_CLASSES)] + heard[t]

        # The best path is only known at its end; from there the kept maxima lead back.
        path = np.empty(len(heard), np.int64)
        path[-1] = score.argmax()
        for t in range(len(heard) - 1, 0, -1):
            path[t - 1] = before[t, path[t]]
        return path


def segments(classes: Int64) -> tuple[Int64, Int64]:
    """Runs of one class: where each begins, in frames, and its class."""
    # A value that no class has comes before the first
    # frame, so that a run begins there too.
    starts = np.flatnonzero(np.diff(classes, prepend=IGNORED - 1))
    return starts, classes[starts]
