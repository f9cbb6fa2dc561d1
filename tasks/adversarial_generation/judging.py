"""A generated sound for every recording to be judged, with its conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...features.base import FeatureConfig
from ..base import OnTrack
from ..conditions import Conditions
from ..recordings import refuse_not_finite
from .batches import Span
from .figures import statistics_of
from .sounds import heard, made, noise_for, waves_of

SEED = 0  # of the noise: every validation judges the same sounds-to-be
NOISE_LEVEL = 0.1  # deviation of the white noise that is a yardstick


@dataclass(frozen=True)
class Making:
    """All that sounds are made with, but for the generator."""

    feature: FeatureConfig
    conditions: Conditions
    span: Span
    noise_name: str
    noise_shape: tuple[int, ...]
    patch_frames: int
    temperature: float

    def examples(
        self,
        generator: nn.Module,
        rows: Sequence[Mapping[str, Any]],
        seed: int,
        on_done: Callable[[int], None],
    ) -> Tensor:
        """A sound per row of conditions, as values of the feature (n, *frame, T)."""
        noise = noise_for(len(rows), self.noise_shape, seed, self.temperature)
        found = made(
            generator,
            self.noise_name,
            noise,
            self.conditions.encode(rows),
            self.span,
            on_done,
        )
        # Where the graph has an axis of one channel more than the feature.
        frame = tuple(self.feature.shape)
        return found.reshape(len(rows), *frame, self.patch_frames)


class Judge:
    """Recordings to be judged by; what is real is read once, for all validations of a training."""

    def __init__(
        self,
        keys: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        real: Callable[[], Tensor],
        making: Making,
    ) -> None:
        """`real` reads the examples (n, *frame, T) of the recordings."""
        self.keys = keys
        self.rows = rows
        self.making = making
        self._read = real
        self._real: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """The real examples (n, *frame, T)."""
        if self._real is None:
            self._real = self._read()
        return self._real

    def made(
        self, generator: nn.Module, on_track: OnTrack, *, as_sound: bool
    ) -> Tensor:
        """A generated example for every recording; `as_sound` those of the waveforms that come of them."""
        done = 0

        def on_done(count: int) -> None:
            nonlocal done
            for key in self.keys[done:count]:
                on_track(key)
            done = count

        making = self.making
        examples = making.examples(generator, self.rows, SEED, on_done)
        if as_sound:
            waves = waves_of(examples, making.feature, SEED)
            examples = heard(waves, making.feature, making.patch_frames)
        return examples

    def tracks(self, examples: Tensor) -> dict[str, dict[str, Any]]:
        """Per recording the vectors of its real, its generated and its noise sound."""
        feature = self.making.feature
        refuse_not_finite(examples.numpy())
        vectors = {
            "real": statistics_of(self.real, feature),
            "generated": statistics_of(examples, feature),
            "noise": statistics_of(self._noise(), feature),
        }
        found = {}
        for place, key in enumerate(self.keys):
            found[key] = {name: own[place].tolist() for name, own in vectors.items()}
        return found

    def _noise(self) -> Tensor:
        """White noise as the feature shows it, (n, *frame, T)."""
        making = self.making
        seconds = making.patch_frames * making.feature.hop_s
        n_samples = round(seconds * making.feature.sr_hz)
        generator = torch.Generator().manual_seed(SEED)
        waves = torch.randn(len(self.keys), n_samples, generator=generator)
        return heard(NOISE_LEVEL * waves, making.feature, making.patch_frames)
