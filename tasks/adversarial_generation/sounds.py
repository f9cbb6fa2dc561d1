"""From noise to sound: what a trained generator makes, as features and as waveforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...features.base import FeatureConfig
from ...features.kinds import feature_of
from ...features.logmel import LogMelFeatureConfig
from ...features.mel_inversion import wave_of_logmel
from ..modes import evaluating
from .batches import Span

AT_ONCE = 16  # sounds at a time, which bounds the memory
NOISE_STREAM = 7  # sets the noise of sounds apart from other draws of a seed


def noise_for(
    count: int, shape: Sequence[int], seed: int, temperature: float
) -> Tensor:
    """Noise (count, *shape); that of sound i depends on the seed and i alone."""
    rows = []
    for place in range(count):
        generator = torch.Generator().manual_seed(_mixed(seed, place))
        rows.append(torch.randn(list(shape), generator=generator))
    return temperature * torch.stack(rows)


def _mixed(seed: int, place: int) -> int:
    """A seed for each sound; neighbouring seeds share none."""
    return int(np.random.SeedSequence((NOISE_STREAM, seed, place)).generate_state(1)[0])


def made(
    generator: nn.Module,
    noise_name: str,
    noise: Tensor,
    conditions: Mapping[str, Tensor],
    span: Span,
    on_done: Callable[[int], None],
) -> Tensor:
    """Examples of the feature (n, *frame, T), some at a time; `on_done` is called with how many there are."""
    device = next(generator.parameters()).device
    found = []
    with evaluating(generator):
        for first in range(0, len(noise), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            inputs = {noise_name: noise[some]}
            inputs |= {name: values[some] for name, values in conditions.items()}
            given = {name: x.to(device) for name, x in inputs.items()}
            found.append(generator(**given).float().cpu())
            on_done(min(first + AT_ONCE, len(noise)))
    return span.outward(torch.cat(found))


def waves_of(examples: Tensor, feature: FeatureConfig, seed: int) -> Tensor:
    """Examples of a log-mel spectrogram (n, n_mels, T) or a waveform (n, 1, N) as waveforms (n, N)."""
    if isinstance(feature, LogMelFeatureConfig):
        return wave_of_logmel(feature, examples, seed=seed)
    return examples[:, 0]


def heard(waves: Tensor, feature: FeatureConfig, n_frames: int) -> Tensor:
    """What the feature has of waveforms (n, N): (n, *frame, n_frames)."""
    transform: Any = feature_of(feature)
    with torch.inference_mode():
        examples: Tensor = transform(waves)
    return examples[..., :n_frames]
