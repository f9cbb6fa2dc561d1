"""Training examples of codecs: patches of recordings, played a little higher or lower."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from ...augment.chain import Chain
from ..base import Batch
from ..patches import Example, PatchBatches, random_patch
from ..processes import step_of
from ..reading import Recorded
from .config import CodecConfig

SEMITONES = 12  # of an octave


class Patches(PatchBatches):
    """Batches of patches; every recording is as likely as any other, however long it is.

    A codec is judged by recording, and a few long ones would otherwise be most of what it learns.

    Parameters
    ----------
    keys : sequence of str
        The names of the recordings.
    features : sequence of Recorded
        Their features.
    config : CodecConfig
        Sizes and augmentations.
    chain : Chain
        The augmentations.
    silence : float
        What surrounds a recording that is shorter than a patch.
    """

    stream: ClassVar = (17,)

    def __init__(
        self,
        keys: Sequence[str],
        features: Sequence[Recorded],
        config: CodecConfig,
        chain: Chain,
        *,
        silence: float,
        seed: int,
        batch_size: int,
        input_rank: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=input_rank)
        self.keys = keys
        self.features = features
        self.config = config
        self.chain = chain
        self.silence = silence

    def draw(self, step: int, rng: Generator) -> Batch:
        examples = []
        if self.deck is None:
            rows = rng.integers(len(self.keys), size=self.batch_size)
        else:
            rows = self.chosen(step, rng, len(self.keys))
        for index in rows:
            patch = self._patch(self.features[int(index)], rng)
            patch = self.chain(patch.float(), rng)
            # A codec is held to what it has read: there is no other target.
            examples.append(Example(patch, 0, self.keys[int(index)]))
        batch = self.collated(examples)
        return Batch(batch.inputs, torch.tensor(step_of(step)), batch.items)

    def _patch(self, feature: Recorded, rng: Generator) -> Tensor:
        n_frames = self.config.patch_frames
        most = self.config.transpose_semitones
        if not most:
            return random_patch(feature, n_frames, rng, self.silence)
        shift = rng.uniform(-most, most)
        ratio = 2 ** (shift / SEMITONES)
        # More samples than the patch has make it shorter, and so higher.
        wide = random_patch(feature, math.ceil(n_frames * ratio), rng, self.silence)
        return functional.interpolate(
            wide[None].float(), size=n_frames, mode="linear", align_corners=False
        )[0]
