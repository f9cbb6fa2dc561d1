"""Training examples: stems mixed at every step, and what is to be separated from them.

Source: Uhlich et al., "Improving music source separation based on deep neural networks through data augmentation and
network blending", ICASSP 2017, section 3 (stems of different pieces, gains, swapped channels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from numpy.random import Generator
from torch import Tensor

from ...data.batching.patches import take_patch
from ..base import Batch
from ..patches import PatchBatches
from ..reading import Recorded
from .config import SeparationConfig
from .kinds import MIX, TARGET, Kind
from .stems import Track
from .transposing import read_length, transposed

ATTEMPTS = 8  # to find a stretch in which the target sounds
SOUNDING = 1e-3  # of a stem's peak: its level in a patch that is not silent, -60 dB


@dataclass(frozen=True)
class Stem:
    """A stem and what it is."""

    label: str
    feature: Recorded


@dataclass(frozen=True)
class Placed:
    """A stem from a place on, as a sample number; a negative one is silence before it."""

    stem: Stem
    start: int


@dataclass(frozen=True)
class Example:
    """A mix (C, T), what is to be separated from it by target, and its name."""

    mix: Tensor
    references: Mapping[str, Tensor]
    name: str


class StemMixes(PatchBatches):
    """Batches of new mixes, each a pure function of seed and step.

    Parameters
    ----------
    tracks : sequence of Track
        Mixes with their stems.
    features : mapping of str to Recorded
        The waveforms of the stems, by key.
    config : SeparationConfig
        Sizes and settings.
    kind : Kind
        Of the graph: a conditioned one gets one target per example, the others all of them.
    names : mapping of str to str
        The graph's names of its inputs, by the task's.
    """

    stream: ClassVar = (23,)

    def __init__(
        self,
        tracks: Sequence[Track],
        features: Mapping[str, Recorded],
        config: SeparationConfig,
        kind: Kind,
        names: Mapping[str, str],
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=3)
        self.config = config
        self.kind = kind
        self.names = names
        self.keys = [track.mix.key for track in tracks]
        self.pieces: list[list[Stem]] = []
        self.by_label: dict[str, list[Stem]] = {}
        for track in tracks:
            piece = []
            for item, label in zip(track.stems, track.labels, strict=True):
                stem = Stem(label, features[item.key])
                piece.append(stem)
                self.by_label.setdefault(label, []).append(stem)
            self.pieces.append(piece)

    def draw(self, step: int, rng: Generator) -> Batch:
        first = step * self.batch_size
        examples = [self._example(rng, first + row) for row in range(self.batch_size)]
        names = tuple(one.name for one in examples)
        named = {self.names[MIX]: torch.stack([one.mix for one in examples])}
        targets = self.config.targets
        if self.kind != "conditioned":
            references = {}
            for target in targets:
                rows = [one.references[target] for one in examples]
                references[target] = torch.stack(rows)
            return Batch((), references, names, named)

        # One-hot, in the order of the settings: the graph's weights know no names.
        places = []
        wanted = []
        for one in examples:
            ((target, reference),) = one.references.items()
            places.append(targets.index(target))
            wanted.append(reference)
        named[self.names[TARGET]] = torch.eye(len(targets))[places]
        return Batch((), torch.stack(wanted), names, named)

    def _example(self, rng: Generator, number: int) -> Example:
        """A mix in which a target sounds, but for the share in which it may be silent; the `number`-th of all."""
        any_will_do = bool(rng.random() < self.config.remix.silent)
        for attempt in range(ATTEMPTS):
            piece = int(rng.integers(len(self.pieces)))
            placed, together = self._placed(self.pieces[piece], rng)
            labels = [one.stem.label for one in placed]
            asked = self._asked(labels, any_will_do, rng, number)
            parts = self._parts(placed, together, rng)
            # A piece may be silent for long: after some attempts whatever comes is taken.
            last = attempt == ATTEMPTS - 1
            if any_will_do or last or self._sounds(placed, parts, asked):
                break
        moved = self._moved(parts, rng)
        references = {}
        for target in asked:
            own = torch.tensor([label == target for label in labels])
            references[target] = moved[own].sum(dim=0)
        name = f"{self.keys[piece]}#{'+'.join(asked)}"
        return Example(moved.sum(dim=0), references, name)

    def _placed(
        self, piece: Sequence[Stem], rng: Generator
    ) -> tuple[list[Placed], bool]:
        """The stems of a piece at one moment, which is True, or others of the same labels, each from anywhere."""
        moment = float(rng.random())
        if rng.random() >= self.config.remix.other_pieces:
            longest = max(stem.feature.n_frames for stem in piece)
            start = self._start(longest, moment)
            return [Placed(stem, start) for stem in piece], True
        drawn = []
        for stem in piece:
            pool = self.by_label[stem.label]
            other = pool[int(rng.integers(len(pool)))]
            start = self._start(other.feature.n_frames, float(rng.random()))
            drawn.append(Placed(other, start))
        return drawn, False

    def _start(self, n_frames: int, moment: float) -> int:
        """Where a patch begins that lies at a share of the recording; a short recording lies anywhere in its patch."""
        spare = n_frames - self.config.patch_frames
        return min(spare, 0) + int(moment * (abs(spare) + 1))

    def _asked(
        self, labels: Sequence[str], any_will_do: bool, rng: Generator, number: int
    ) -> list[str]:
        """The targets of an example: of a conditioned graph one, which plays unless any will do."""
        targets = list(self.config.targets)
        if self.kind != "conditioned":
            return targets
        playing = [target for target in targets if target in labels]
        if any_will_do or not playing:
            playing = targets
        # Batch norm sees all targets in every batch, as it does on average.
        if self.config.remix.targets_in_turn:
            return [playing[number % len(playing)]]
        return [playing[int(rng.integers(len(playing)))]]

    def _parts(
        self, placed: Sequence[Placed], together: bool, rng: Generator
    ) -> Tensor:
        """The stems (S, C, T) where they lie, higher or lower by a number of semitones."""
        n_frames = self.config.patch_frames
        shifts = self._shifts(len(placed), together, rng)
        parts = []
        for one, shift in zip(placed, shifts, strict=True):
            feature = one.stem.feature
            before, length = read_length(n_frames, shift)
            wave = take_patch(
                feature.read, one.start - before, length, feature.n_frames
            )
            parts.append(transposed(wave.float(), n_frames, shift))
        return torch.stack(parts)

    def _shifts(self, n_stems: int, together: bool, rng: Generator) -> list[float]:
        """By how many semitones each stem is transposed: those of one piece alike, unless each goes by itself."""
        remix = self.config.remix
        most = remix.transpose_semitones
        if not most:
            return [0.0] * n_stems
        # Stems of different pieces have no key in common that would be lost.
        alike = together and not remix.each_by_itself
        n_drawn = 1 if alike else n_stems
        if remix.whole_semitones:
            drawn = rng.integers(-int(most), int(most) + 1, n_drawn).tolist()
        else:
            drawn = rng.uniform(-most, most, n_drawn).tolist()
        if alike:
            drawn = drawn * n_stems
        return [float(shift) for shift in drawn]

    def _sounds(
        self, placed: Sequence[Placed], parts: Tensor, asked: Sequence[str]
    ) -> bool:
        """Whether any stem of the targets that are asked for is not silent here."""
        for one, part in zip(placed, parts, strict=True):
            if one.stem.label in asked:
                level = float(part.square().mean().sqrt())
                if level > SOUNDING * one.stem.feature.peak:
                    return True
        return False

    def _moved(self, parts: Tensor, rng: Generator) -> Tensor:
        """The stems (S, C, T) with gains, polarities and sides of their own."""
        remix = self.config.remix
        n_stems = len(parts)
        gains_db = rng.uniform(-remix.gain_db, remix.gain_db, n_stems)
        signs = 1.0 - 2.0 * (rng.random(n_stems) < remix.polarity)
        swapped = torch.from_numpy(rng.random(n_stems) < remix.swap_channels)
        factors = torch.from_numpy(signs * 10.0 ** (gains_db / 20)).float()
        if parts.shape[1] == 2:
            parts = torch.where(swapped[:, None, None], parts.flip(1), parts)
        return parts * factors[:, None, None]
