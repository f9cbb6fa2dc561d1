"""Patches of recordings for tagging: drawn at random to learn from, one after another to be judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...augment.chain import Chain
from ...augment.mixing import mixup
from ...data.batching.patches import patch_starts, take_patch
from ...features.feature_file import CachedFeature
from ...features.logmel import LogMelFeatureConfig
from ..base import Batch
from ..recordings import as_input, random_patch
from .config import TaggingConfig
from .remix import Remix

PATCHES_AT_ONCE = 32


class Patches:
    """Training batches, each a pure function of (seed, step): inputs (B, *shape, T), targets (B, K)."""

    def __init__(
        self,
        keys: Sequence[str],
        features: Sequence[CachedFeature],
        truth: NDArray[np.bool_],
        config: TaggingConfig,
        chain: Chain,
        input_rank: int,
        *,
        seed: int,
        batch_size: int,
        logmel: LogMelFeatureConfig | None = None,
        groups: Sequence[str] = (),
        silence: float = 0.0,
    ) -> None:
        """`logmel` is given where energies are mixed, the `groups` of the recordings where some are put together."""
        self.silence = silence
        self.keys = keys
        self.features = features
        self.config = config
        self.chain = chain
        self.targets = torch.from_numpy(truth.astype(np.float32))
        self.input_rank = input_rank
        self.seed = seed
        self.batch_size = batch_size
        self.logmel = logmel
        self._remix = (
            Remix(groups, features, truth, config, logmel) if config.remix else None
        )
        self._share = _shares(truth) if config.balanced else None

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(len(self.keys), self.batch_size, p=self._share)
        patches = [self._patch(int(row), rng) for row in chosen]
        names = [self.keys[row] for row in chosen]
        inputs = as_input(torch.stack(patches), self.input_rank)
        targets = self.targets[chosen]
        inputs = self.chain(inputs, rng)
        if self.config.mixup_alpha and step < (self.config.mixup_steps or step + 1):
            inputs, targets = self._mixed(inputs, targets, rng)
        return Batch((inputs.contiguous(),), targets, tuple(names))

    def _patch(self, row: int, rng: np.random.Generator) -> Tensor:
        """A patch of a recording, or one with its labels put together anew."""
        if self._remix is not None and rng.random() < self.config.remix:
            remixed = self._remix.patch(row, rng)
            if remixed is not None:
                return remixed
        return random_patch(
            self.features[row], self.config.patch_frames, rng, self.silence
        )

    def _mixed(
        self, inputs: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mixup; of energies it is near the spectrogram of two sounds at once (Tokozume et al., ICLR 2018)."""
        alpha = self.config.mixup_alpha
        logmel = self.logmel
        if logmel is None or self.config.mixup_of == "feature":
            return mixup(inputs, targets, alpha, rng)
        inputs, targets = mixup(logmel.energies(inputs), targets, alpha, rng)
        return logmel.compressed(inputs), targets


def every_patch(
    feature: CachedFeature | Tensor,
    config: TaggingConfig,
    rank: int,
    device: torch.device,
    silence: float,
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """All patches of a recording, some at a time: their first frames, and (P, *shape, T) for the graph."""
    if isinstance(feature, Tensor):
        n_frames = feature.shape[-1]
    else:
        n_frames = feature.n_frames

    def read(start: int, stop: int) -> Tensor:
        if isinstance(feature, Tensor):
            return feature[..., start:stop]
        return feature.read(start, stop)

    starts = patch_starts(
        n_frames, config.patch_frames, min(config.hop, config.patch_frames)
    )
    for first in range(0, len(starts), PATCHES_AT_ONCE):
        some = starts[first : first + PATCHES_AT_ONCE]
        patches = [
            take_patch(read, int(start), config.patch_frames, n_frames, silence)
            for start in some
        ]
        yield some, as_input(torch.stack(patches), rank).to(device)


def _shares(truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often each recording is drawn, so that labels come equally often where each has one label.

    With several labels a recording counts as its rarest one.
    """
    rarity = 1.0 / np.maximum(truth.sum(axis=0), 1)
    weight = np.where(truth.any(axis=1), (truth * rarity).max(axis=1), rarity.min())
    return np.asarray(weight / weight.sum(), np.float64)


def mean_scores(
    model: Any,
    feature: CachedFeature | Tensor,
    config: TaggingConfig,
    rank: int,
    silence: float,
) -> tuple[Any, Any]:
    """Probabilities of each patch (P, K) and their first frames (P,); the model is in eval() mode."""
    device = next(model.parameters()).device
    scores = []
    starts = []
    for some, patches in every_patch(feature, config, rank, device, silence):
        logits = model(patches).double()
        scores.append(
            (logits.softmax(1) if config.labels == "one" else logits.sigmoid()).cpu()
        )
        starts.append(some)
    return torch.cat(scores).numpy(), np.concatenate(starts)
