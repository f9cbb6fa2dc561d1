"""Siamese pairs: two chunks of one recording, each changed in its own way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from ...augment.chain import Chain
from ...errors import TaskError
from ...features.logmel import LogMelFeatureConfig
from ..base import Batch
from ..patches import PatchBatches, as_input, random_patch
from ..reading import Recorded
from .config import SelfSupervisedConfig


class Views(PatchBatches):
    """Batches of pairs: inputs (2 B, *shape, T), rows i and i + B of one recording."""

    stream = (11,)

    def __init__(
        self,
        keys: Sequence[str],
        features: Sequence[Recorded],
        config: SelfSupervisedConfig,
        chain: Chain,
        *,
        seed: int,
        batch_size: int,
        input_rank: int,
        logmel: LogMelFeatureConfig | None,
        silence: float = 0.0,
    ) -> None:
        """`logmel` is given where energies are mixed. Raises TaskError E530."""
        refuse_batch(batch_size, len(keys))
        super().__init__(seed=seed, batch_size=batch_size, input_rank=input_rank)
        self.keys = keys
        self.features = features
        self.config = config
        self.chain = chain
        self.logmel = logmel
        self.silence = silence

    def draw(self, step: int, rng: Generator) -> Batch:  # noqa: ARG002  # every step draws alike
        # Without replacement: a recording twice in a batch would be its own negative.
        rows = rng.choice(len(self.keys), self.batch_size, replace=False)
        views = [self._view(rows, rng) for _ in range(2)]
        return Batch(
            (torch.cat(views).contiguous(),),
            torch.arange(self.batch_size),
            tuple(self.keys[row] for row in rows),
        )

    def _view(self, rows: NDArray[np.int64], rng: Generator) -> Tensor:
        """A chunk of each recording, changed."""
        size = self.config.patch_frames
        chunks = [
            random_patch(self.features[row], size, rng, self.silence) for row in rows
        ]
        x = as_input(torch.stack(chunks), self.input_rank)
        return self.chain(self._mixed(x, rng), rng)

    def _mixed(self, x: Tensor, rng: Generator) -> Tensor:
        """Another recording in the background, as in BYOL-A: Niizumi et al., IJCNN 2021, section III-B."""
        if self.logmel is None:
            return x
        # Energies of two sounds at once add; their logarithms do not.
        energy = self.logmel.energies(x)
        share = torch.from_numpy(rng.uniform(0, self.config.mix, len(x))).to(x)
        share = share.reshape(-1, *[1] * (x.ndim - 1))
        other = energy[torch.from_numpy(rng.permutation(len(x)))]
        return self.logmel.compressed((1 - share) * energy + share * other)


def refuse_batch(batch_size: int, n_recordings: int) -> None:
    """Raise TaskError E530 where a batch is not two recordings or more, each of them once."""
    if batch_size >= 2 and n_recordings >= batch_size:
        return
    if batch_size < 2:
        help = "set train.batch_size to 2 or more"
    elif n_recordings > 1:
        help = f"set train.batch_size to {n_recordings} or less"
    else:
        help = "take more recordings"
    raise TaskError(
        f"a batch of {batch_size} pairs needs as many recordings, two at least; the training has {n_recordings}",
        code="E530",
        help=help,
    )
