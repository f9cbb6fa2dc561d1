"""Training patches: cut from tracks, mixed again from stems, transposed, made louder or softer.

All of it is exact for this data. The transform of a mix is the sum of its stems' transforms, a gain is a factor of the
magnitude, and in a constant-Q transform a transposition is a shift of bins, the same for all harmonics.
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
from ..patches import PatchBatches, chain_of, random_start, shares
from .annotation import annotation_of, notes_of, pitches_at_frames
from .config import MultiPitchConfig
from .targets import bins_of, draw


@dataclass(frozen=True)
class Source:
    """A recording with its pitches: fractional `bins`, each in one of the ascending `frames`; the same of onsets."""

    key: str
    feature: CachedFeature
    frames: NDArray[np.int64]
    bins: NDArray[np.float64]
    onset_frames: NDArray[np.int64]
    onset_bins: NDArray[np.float64]

    @classmethod
    def of(cls, item: Item, cache: FeatureCache) -> Source:
        feature = cache.open(item.key)
        config = cache.config
        assert isinstance(config, HCQTFeatureConfig)  # MultiPitch.features
        pitches = pitches_at_frames(item, feature.n_frames, config.hop_s)
        onsets_s, _, midi = notes_of(item)

        # A note begins in the first frame at or after its onset, as `pitches_at_frames`
        # counts; 1e-9 is for onsets that lie on a frame but for rounding.
        frames = np.ceil(onsets_s / config.hop_s - 1e-9)
        first = frames.astype(np.int64)
        order = np.argsort(first, kind="stable")
        onsets = first[order], bins_of(midi[order], config)
        return cls(
            item.key, feature, pitches.frames, bins_of(pitches.midi, config), *onsets
        )

    def random_start(self, patch_frames: int, rng: Generator) -> int:
        return random_start(self.feature.n_frames, patch_frames, rng)


@dataclass(frozen=True)
class Track:
    """A recording to learn from, and the stems it can be mixed from again: two or more, or none."""

    mix: Source
    stems: tuple[Source, ...]
    peak: float

    @classmethod
    def of(cls, item: Item, items: Sequence[Item], cache: FeatureCache) -> Track:
        """The track `item`, with those of `items` that are its stems and have an annotation."""
        mix = Source.of(item, cache)
        annotated = [
            stem for stem in items if stem.stem_of == item.key and annotation_of(stem)
        ]
        if len(annotated) > 1:
            stems = tuple(Source.of(stem, cache) for stem in annotated)
        else:
            stems = ()
        return cls(mix, stems, mix.feature.peak)


@dataclass(frozen=True)
class Cut:
    """A part of a source in a patch: from which frame, how many bins up, how loud."""

    source: Source
    start: int
    shift_bins: int
    gain: float


class Patches(PatchBatches):
    """Training batches: inputs (B, H, F, T) in the feature's scale, targets (B, 1, F, T), with onsets (B, 2, F, T)."""

    def __init__(
        self,
        tracks: Sequence[Track],
        config: MultiPitchConfig,
        feature: HCQTFeatureConfig,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=4)
        self.tracks = tracks
        self.config = config
        self.feature = feature
        self._chain = chain_of(config.augment, feature)
        self._share = shares([track.mix.feature for track in tracks])

    def draw(self, step: int, rng: Generator) -> Batch:
        config = self.config
        feature = self.feature
        size = config.patch_frames
        # One buffer for the batch, frames outermost as on the disk: a patch is copied once.
        magnitude = torch.zeros(
            self.batch_size, size, feature.n_harmonics, feature.n_bins
        )
        targets = np.zeros(
            (self.batch_size, config.n_channels, feature.n_bins, size), np.float32
        )
        references = []
        names = []
        for row in range(self.batch_size):
            track = self._track(step, row, rng)
            cuts = self._cuts(track, rng)
            _mix(cuts, magnitude[row])
            self._annotate(cuts, targets[row], rng)
            # A gain of the patch is a gain of what its magnitudes are relative to, the other way round.
            gain = random_gain(config.level_jitter_db, rng)
            references.append(track.peak / gain)
            names.append(f"{track.mix.key} at {cuts[0].start * feature.hop_s:.2f} s")

        scaled = to_scale(
            magnitude, feature.scale, torch.tensor(references)[:, None, None, None]
        )
        inputs = self._chain(scaled.permute(0, 2, 3, 1), rng).contiguous()
        return Batch((inputs,), torch.from_numpy(targets), tuple(names))

    def _track(self, step: int, row: int, rng: Generator) -> Track:
        """The recording of a row, drawn between the patches of the others: the order of draws is what a seed means."""
        if self.deck is not None:
            return self.tracks[int(self.chosen(step, rng, len(self.tracks))[row])]
        return self.tracks[rng.choice(len(self.tracks), p=self._share)]

    def _annotate(
        self, cuts: Sequence[Cut], target: NDArray[np.float32], rng: Generator
    ) -> None:
        """Draw the pitches of a patch, and with onsets where notes begin, into `target` (C, F, T)."""
        config = self.config
        lag = 0
        if config.max_delay_frames:
            lag = int(rng.integers(config.max_delay_frames + 1))
        for cut in cuts:
            _annotate(cut, target[0], config.target_blur_bins, lag)
            if config.onsets:
                _annotate_onsets(cut, target[1], config, lag)

    def _cuts(self, track: Track, rng: Generator) -> list[Cut]:
        config = self.config
        # Place and transposition come first: a plain patch and a remix draw them alike.
        start = track.mix.random_start(config.patch_frames, rng)
        shift = self._shift(rng)
        if not track.stems or rng.random() >= config.remix_probability:
            return [Cut(track.mix, start, shift, 1.0)]

        # Drawn per remix, not per stem: the stems keep
        # together in time and key, or none of them does.
        crossed = rng.random() < config.cross_probability
        independent = rng.random() < config.independent_transpose_probability
        cuts = []
        for stem in track.stems:
            if crossed:
                source, first = self._other(stem, rng)
            else:
                source = stem
                first = start
            gain = random_gain(config.remix_gain_db, rng)
            cuts.append(
                Cut(source, first, self._shift(rng) if independent else shift, gain)
            )

        # A silent mix teaches nothing: one stem, drawn in
        # any case, stays where all would go.
        stays = rng.random(len(cuts)) >= config.stem_drop_probability
        stays[rng.integers(len(cuts))] |= not stays.any()
        return [cut for cut, stay in zip(cuts, stays, strict=True) if stay]

    def _shift(self, rng: Generator) -> int:
        return int(
            rng.integers(-self.config.transpose_bins, self.config.transpose_bins + 1)
        )

    def _other(self, stem: Source, rng: Generator) -> tuple[Source, int]:
        """A stem of any track, and a start in it; `stem` itself where there is no other."""
        stems = [other for track in self.tracks for other in track.stems] or [stem]
        source = stems[rng.integers(len(stems))]
        return source, source.random_start(self.config.patch_frames, rng)


def random_gain(most_db: float, rng: Generator) -> float:
    """A factor of magnitude, uniform in ± `most_db` decibels."""
    return float(10.0 ** (rng.uniform(-most_db, most_db) / 20.0))


def _rows(shift_bins: int, n_bins: int) -> tuple[slice, slice]:
    """Bins of a patch that a shifted source fills, and those of the source that fill them."""
    up = min(max(shift_bins, 0), n_bins)
    down = min(max(-shift_bins, 0), n_bins)
    return slice(up, n_bins - down), slice(down, n_bins - up)


def _mix(cuts: Sequence[Cut], magnitude: Tensor) -> None:
    """Magnitudes of the sum of all cuts into `magnitude` (T, H, F), which is silent."""
    n_frames, _, n_bins = magnitude.shape
    # Stems add as complex numbers, because their phases matter; a single cut needs its
    # magnitudes only, which are half as large.
    if len(cuts) == 1:
        read = CachedFeature.magnitude
        total = magnitude
    else:
        read = CachedFeature.read
        total = torch.zeros(magnitude.shape, dtype=torch.complex64)
    for cut in cuts:
        stop = min(cut.start + n_frames, cut.source.feature.n_frames)
        if stop <= cut.start:  # a stem that ends before its mix
            continue
        to, of = _rows(cut.shift_bins, n_bins)
        values = read(cut.source.feature, cut.start, stop).permute(2, 0, 1)
        total[: stop - cut.start, :, to].add_(values[..., of], alpha=cut.gain)
    if total is not magnitude:
        torch.abs(total, out=magnitude)


def _annotate(
    cut: Cut, target: NDArray[np.float32], blur_bins: float, lag: int = 0
) -> None:
    """Draw the pitches of a cut into `target` (F, T), `lag` frames before they are heard."""
    source = cut.source
    start = cut.start + lag
    # The frames of a source ascend, so the pitches of the patch are a slice of them.
    first, last = np.searchsorted(source.frames, (start, start + target.shape[1]))
    draw(
        target,
        source.bins[first:last] + cut.shift_bins,
        source.frames[first:last] - start,
        blur_bins,
    )


def _annotate_onsets(
    cut: Cut, target: NDArray[np.float32], config: MultiPitchConfig, lag: int
) -> None:
    """Draw the first `onset_frames` frames of each note of a cut into `target` (F, T)."""
    source = cut.source
    start = cut.start + lag
    for later in range(config.onset_frames):
        frames = source.onset_frames + later - start
        inside = (frames >= 0) & (frames < target.shape[1])
        draw(
            target,
            source.onset_bins[inside] + cut.shift_bins,
            frames[inside],
            config.target_blur_bins,
        )
