"""Siamese pairs: two chunks of one recording, each changed in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...augment.chain import Chain
from ...errors import TaskError
from ...features.logmel import LogMelFeatureConfig
from ..base import Batch
from ..recordings import as_input, random_patch
from .config import SelfSupervisedConfig


class Views:
    """Batches, each a pure function of (seed, step): inputs (2 B, *shape, T), rows i and i + B of one recording."""

    def __init__(
        self,
        keys: Sequence[str],
        features: Sequence[Any],
        config: SelfSupervisedConfig,
        chain: Chain,
        rank: int,
        *,
        seed: int,
        batch_size: int,
        logmel: LogMelFeatureConfig | None,
        silence: float = 0.0,
    ) -> None:
        """`logmel` is given where energies are mixed. Raises TaskError E530."""
        refuse_batch(batch_size, len(keys))
        self.keys = keys
        self.features = features
        self.config = config
        self.chain = chain
        self.rank = rank
        self.seed = seed
        self.batch_size = batch_size
        self.logmel = logmel
        self.silence = silence

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, 11, step))
        rows = rng.choice(len(self.keys), self.batch_size, replace=False)
        views = []
        for _ in range(2):
            size = self.config.patch_frames
            chunks = [
                random_patch(self.features[row], size, rng, self.silence)
                for row in rows
            ]
            x = as_input(torch.stack(chunks), self.rank)
            views.append(self.chain(self._mixed(x, rng), rng))
        return Batch(
            (torch.cat(views).contiguous(),),
            torch.arange(self.batch_size),
            tuple(self.keys[r] for r in rows),
        )

    def _mixed(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Another recording in the background, as in BYOL-A: Niizumi et al., IJCNN 2021, section III-B."""
        if self.logmel is None:
            return x
        energy = self.logmel.energies(x)
        share = torch.from_numpy(rng.uniform(0, self.config.mix, len(x))).to(x)
        share = share.reshape(-1, *[1] * (x.ndim - 1))
        other = energy[torch.from_numpy(rng.permutation(len(x)))]
        return self.logmel.compressed((1 - share) * energy + share * other)


def refuse_batch(batch_size: int, n_recordings: int) -> None:
    """Raise TaskError E530 where a batch is not two recordings or more, each of them once."""
    if batch_size < 2 or n_recordings < batch_size:
        if n_recordings > 1:
            most = f"set train.batch_size to {n_recordings} or less"
        else:
            most = "take more recordings"
        raise TaskError(
            f"a batch of {batch_size} pairs needs as many recordings, two at least; the training has {n_recordings}",
            code="E530",
            help="set train.batch_size to 2 or more" if batch_size < 2 else most,
        )
