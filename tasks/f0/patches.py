"""Training patches: frames of recordings of one voice, transposed, made softer, and changed.

Frames are drawn so that each of the corpus is as likely as any other. A transposition is a shift of bins. For learning
without annotation there are two views of each patch, and a third one that is transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...features.feature_file import CachedFeature
from ...features.hcqt import HCQTFeatureConfig, to_scale
from ..base import Batch
from ..multi_pitch.peaks import moved
from ..multi_pitch.targets import bins_of
from ..patches import PatchBatches, chain_of, random_start, shares
from .annotation import pitch_at_frames, played_midi
from .config import F0Config

UNVOICED = -1.0  # in place of a bin
UNKNOWN = -2.0  # nothing is learned there
VIEWS = 3


@dataclass(frozen=True)
class Source:
    """A recording of one voice; `bins` (T,) are fractional, UNVOICED or UNKNOWN, and None where none are learned."""

    key: str
    feature: CachedFeature
    peak: float
    bins: NDArray[np.float64] | None

    @classmethod
    def of(cls, item: Item, cache: FeatureCache, config: F0Config) -> Source:
        """Raises TaskError E540 for an annotation that is not the pitch of one voice."""
        feature = cache.open(item.key)
        if config.equivariant:
            return cls(item.key, feature, feature.peak, None)
        settings = cache.config
        assert isinstance(settings, HCQTFeatureConfig)  # F0Estimation.features
        midi = pitch_at_frames(item, feature.n_frames, settings.hop_s, config.floor_db)
        # Where the note sounds is known from its name, how high it is from the sound.
        if config.note_targets == "played":
            played = played_midi(item)
            if played is not None:
                midi = np.where(midi > 0, played, midi)
        bins = np.full(len(midi), UNVOICED)
        bins[midi > 0] = bins_of(midi[midi > 0], settings)
        bins[np.isnan(midi)] = UNKNOWN
        return cls(item.key, feature, feature.peak, bins)


class Patches(PatchBatches):
    """Training batches, inputs (B, H, F, T) in the feature's scale.

    supervised   targets (B, T): fractional bins, UNVOICED or UNKNOWN
    equivariant  inputs (3 B, H, F, T): two views of each patch, then the transposed one; targets (B,) are its bins
    """

    def __init__(
        self,
        sources: Sequence[Source],
        config: F0Config,
        feature: HCQTFeatureConfig,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=4)
        self.sources = sources
        self.config = config
        self.feature = feature
        self._chain = chain_of(config.augment, feature)
        self._share = shares([source.feature for source in sources])

    def draw(self, step: int, rng: Generator) -> Batch:
        places = self.chosen(step, rng, len(self.sources), self._share)
        drawn = [self.sources[place] for place in places]
        size = self.config.patch_frames
        starts = [random_start(one.feature.n_frames, size, rng) for one in drawn]
        most = self.config.transpose_bins
        shifts = rng.integers(-most, most + 1, self.batch_size)
        heard = torch.stack(
            [_cut(one, start, size) for one, start in zip(drawn, starts, strict=True)]
        )
        higher = torch.cat(
            [moved(one[None], int(k)) for one, k in zip(heard, shifts, strict=True)]
        )
        names = tuple(
            f"{one.key} at {start * self.feature.hop_s:.2f} s"
            for one, start in zip(drawn, starts, strict=True)
        )
        peaks = torch.tensor([one.peak for one in drawn])
        if self.config.equivariant:
            views = [self._seen(x, peaks, rng) for x in (heard, heard, higher)]
            return Batch((torch.cat(views),), torch.from_numpy(shifts), names)
        targets = np.stack(
            [
                _targets(one, start, size, int(k), self.feature.n_bins)
                for one, start, k in zip(drawn, starts, shifts, strict=True)
            ]
        )
        inputs = self._seen(higher, peaks, rng)
        return Batch((inputs,), torch.from_numpy(targets).float(), names)

    def _seen(self, magnitude: Tensor, peaks: Tensor, rng: Generator) -> Tensor:
        """Magnitudes (B, H, F, T) as a model sees them, each at a level of its own and changed."""
        # Softer only: what is louder than the loudest sound of a recording would be cut off at the end of the scale.
        most = self.config.level_jitter_db
        gains_db = -rng.uniform(0.0, most, len(peaks)).astype(np.float32)
        # A gain of the patch is a gain of what its magnitudes are relative to, the other way round.
        gains = torch.from_numpy(10.0 ** (gains_db / 20.0))
        references = (peaks / gains)[:, None, None, None]
        scaled = to_scale(magnitude, self.feature.scale, references)
        return self._chain(scaled, rng).contiguous()


def _cut(source: Source, start: int, size: int) -> Tensor:
    """Magnitudes (H, F, size); a recording that is shorter ends in silence."""
    stop = min(start + size, source.feature.n_frames)
    found = source.feature.magnitude(start, stop)
    return torch.nn.functional.pad(found, (0, size - (stop - start)))


def _targets(
    source: Source, start: int, size: int, shift: int, n_bins: int
) -> NDArray[np.float64]:
    """(size,) the bins of a patch, moved by `shift`; what leaves the map is not learned."""
    assert source.bins is not None  # of a supervised training
    own = source.bins[start : start + size]
    moved_bins = np.where(own >= 0, own + shift, own)
    outside = (own >= 0) & ((moved_bins < 0) | (moved_bins > n_bins - 1))
    targets = np.full(size, UNKNOWN)
    targets[: len(own)] = np.where(outside, UNKNOWN, moved_bins)
    return targets
