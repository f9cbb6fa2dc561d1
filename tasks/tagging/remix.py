"""Solo recordings put together again: for each label of a mix one that has this label only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from ...data.batching.patches import take_patch
from ...features.logmel import LogMelFeatureConfig
from ..reading import Recorded
from .config import TaggingConfig


class Remix:
    """Training examples that no piece holds: (*shape, T), the sum of solo recordings.

    Energies of a log-mel spectrogram are added, which is their sum but for the phases, or samples of a waveform. Half
    of the examples keep to one piece and moment, as music sounds; in the others each solo is from anywhere.

    Source: Uhlich et al., "Improving music source separation based on deep neural networks through data augmentation
    and network blending", ICASSP 2017, section 3.
    """

    def __init__(
        self,
        groups: Sequence[str],
        features: Sequence[Recorded],
        truth: NDArray[np.bool_],
        config: TaggingConfig,
        logmel: LogMelFeatureConfig | None,
    ) -> None:
        """`logmel` is None where the feature is the waveform."""
        self.groups = groups
        self.features = features
        self.truth = truth
        self.config = config
        self.logmel = logmel
        alone = truth.sum(axis=1) == 1
        self.solos = [
            np.flatnonzero(alone & truth[:, label]) for label in range(truth.shape[1])
        ]

    def patch(self, row: int, rng: Generator) -> Tensor | None:
        """An example with the labels of recording `row`; None where it has none, or one that no recording has alone."""
        labels = np.flatnonzero(self.truth[row])
        if not len(labels) or any(not len(self.solos[label]) for label in labels):
            return None
        together = rng.random() < 0.5
        # One moment for all solos of a piece, so that they play together.
        moment = float(rng.random())
        total: Tensor | None = None
        for label in labels:
            solos = self.solos[label]
            if together:
                own = [
                    solo for solo in solos if self.groups[int(solo)] == self.groups[row]
                ]
            else:
                own = []
            solo = int(rng.choice(own or solos))
            part = self._part(solo, moment if own else float(rng.random()))
            decibels = rng.uniform(
                -self.config.remix_gain_db, self.config.remix_gain_db
            )
            # g dB are a factor 10^(g / 20) of amplitude, and
            # its power of what |X|^power adds up.
            part = part * 10.0 ** (
                decibels / (20 if self.logmel is None else 20 / self.logmel.power)
            )
            if total is None:
                total = part
            else:
                total = total + part
        if self.logmel is None or total is None:
            return total
        return self.logmel.compressed(total)

    def _part(self, row: int, moment: float) -> Tensor:
        """A patch of a recording that begins at the share `moment` of it, as energies or samples."""
        feature = self.features[row]
        n_frames = self.config.patch_frames
        spare = feature.n_frames - n_frames
        # Negative where the recording is shorter: it then lies anywhere in its patch.
        start = int(np.floor(min(spare, 0) + moment * (abs(spare) + 1)))
        if self.logmel is None:
            silence = 0.0
        else:
            silence = self.logmel.silence
        patch = take_patch(feature.read, start, n_frames, feature.n_frames, silence).to(
            torch.float32
        )
        if self.logmel is None:
            return patch
        return self.logmel.energies(patch)
