"""Patches of recordings for tagging: drawn at random to learn from, one after another to be judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from ...augment.chain import Chain
from ...augment.mixing import mixup, mixup_of_sounds
from ...features.logmel import LogMelFeatureConfig
from ..base import Batch
from ..patches import (
    Example,
    PatchBatches,
    as_input,
    every_patch,
    random_patch,
    rank_of,
)
from ..reading import Recorded
from .config import TaggingConfig
from .remix import Remix


@dataclass(frozen=True)
class Track:
    """A recording to learn from: its feature, the piece it belongs to, and which labels it has, (K,)."""

    key: str
    feature: Recorded
    group: str
    truth: NDArray[np.bool_]


class Patches(PatchBatches):
    """Training batches: inputs (B, *shape, T), targets (B, K)."""

    def __init__(
        self,
        tracks: Sequence[Track],
        config: TaggingConfig,
        chain: Chain,
        *,
        seed: int,
        batch_size: int,
        input_rank: int,
        logmel: LogMelFeatureConfig | None = None,
        silence: float = 0.0,
    ) -> None:
        """`logmel` is given where energies are mixed."""
        super().__init__(seed=seed, batch_size=batch_size, input_rank=input_rank)
        self.tracks = tracks
        self.config = config
        self.chain = chain
        self.logmel = logmel
        self.silence = silence
        truth = np.stack([track.truth for track in tracks])
        self._targets = torch.from_numpy(truth.astype(np.float32))
        self._remix: Remix | None = None
        if config.remix:
            groups = [track.group for track in tracks]
            features = [track.feature for track in tracks]
            self._remix = Remix(groups, features, truth, config, logmel)
        self._share: NDArray[np.float64] | None = None
        if config.balanced:
            self._share = balanced_shares(truth)

    def draw(self, step: int, rng: Generator) -> Batch:
        chosen = self.chosen(step, rng, len(self.tracks), self._share)
        batch = self.collated(
            [
                Example(
                    self._patch(int(row), rng),
                    self._targets[row],
                    self.tracks[row].key,
                )
                for row in chosen
            ]
        )

        # Augmentations see the batch as a whole, and mixup comes last, as its partners are augmented too.
        inputs = self.chain(batch.inputs[0], rng)
        targets = batch.targets
        last = self.config.mixup_steps
        if self.config.mixup_alpha and (last is None or step < last):
            inputs, targets = self._mixed(inputs, targets, rng)
        return Batch((inputs.contiguous(),), targets, batch.items)

    def _patch(self, row: int, rng: Generator) -> Tensor:
        """A patch of a recording, or a new one with the same labels put together from others."""
        if self._remix is not None and rng.random() < self.config.remix:
            remixed = self._remix.patch(row, rng)
            if remixed is not None:
                return remixed
        return random_patch(
            self.tracks[row].feature, self.config.patch_frames, rng, self.silence
        )

    def _mixed(
        self, inputs: Tensor, targets: Tensor, rng: Generator
    ) -> tuple[Tensor, Tensor]:
        """Mixup; of energies it is near the spectrogram of two sounds at once (Tokozume et al., ICLR 2018)."""
        alpha = self.config.mixup_alpha
        logmel = self.logmel
        if logmel is None or self.config.mixup_of == "feature":
            return mixup(inputs, targets, alpha, rng)
        mixing = mixup_of_sounds if self.config.mixup_of == "sounds" else mixup
        inputs, targets = mixing(logmel.energies(inputs), targets, alpha, rng)
        return logmel.compressed(inputs), targets


def balanced_shares(truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often each recording is drawn, so that labels come equally often where each has one label.

    With several labels a recording counts as its rarest one.
    """
    # With weight 1 / n each, the n recordings of a label are drawn as often as those of
    # any other; a recording without labels weighs as one of the commonest label.
    rarity = 1.0 / np.maximum(truth.sum(axis=0), 1)
    weight = np.where(truth.any(axis=1), (truth * rarity).max(axis=1), rarity.min())
    return np.asarray(weight / weight.sum(), np.float64)


def scores_over_time(
    model: nn.Module,
    feature: Recorded,
    config: TaggingConfig,
    input_rank: int,
    silence: float,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities of each patch (P, K) and their first frames (P,); the model is in eval() mode.

    With `turns` they are the mean over as many turns of the patch.
    """
    device = next(model.parameters()).device
    rank = rank_of(model) or input_rank
    scores = []
    starts = []
    for some, patches in every_patch(
        feature.n_frames,
        feature.read,
        patch_frames=config.patch_frames,
        hop_frames=min(config.hop, config.patch_frames),
        silence=silence,
    ):
        inputs = as_input(patches, rank).to(device)
        # Where an event lies in its patch says nothing about it: each place has a say.
        parts = []
        for turn in range(config.turns):
            turned = inputs.roll(turn * config.patch_frames // config.turns, -1)
            logits = model(turned).double()
            if config.labels == "one":
                probabilities = logits.softmax(1)
            else:
                probabilities = logits.sigmoid()
            parts.append(probabilities)
        scores.append(torch.stack(parts).mean(0).cpu())
        starts.append(some)
    return torch.cat(scores).numpy(), np.concatenate(starts)
