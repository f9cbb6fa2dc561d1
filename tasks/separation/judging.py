"""How well targets are separated: each against its own reference, beside what needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...metrics.reconstruction import si_sdr_db
from ..base import Figures
from ..reading import Recorded
from .stems import Track

RATIO = "si_sdr_db"
MIX_RATIO = "si_sdr_mix_db"
IMPROVEMENT = "si_sdr_improvement_db"
SILENT = "silent_references"


def references_of(
    track: Track, features: Mapping[str, Recorded], targets: Sequence[str]
) -> Tensor:
    """(K, C, N): of each target the sum of its stems, as long as the mix; silence where it does not play."""
    mix = features[track.mix.key]
    n_samples = mix.n_frames
    total = torch.zeros(len(targets), *mix.shape, n_samples)
    for place, target in enumerate(targets):
        for stem in track.of(target):
            feature = features[stem.key]
            end = min(n_samples, feature.n_frames)
            total[place, :, :end] += feature.read(0, end).float()
    return total


def ratios(
    name: str, estimates: Tensor, references: Tensor, targets: Sequence[str]
) -> Figures:
    """SI-SDR of each target against its own reference, `NAME/TARGET`; none for a silent reference."""
    found: Figures = {}
    for target, ours, wanted in zip(targets, estimates, references, strict=True):
        ratio = si_sdr_db(ours, wanted)
        if ratio is not None:
            found[f"{name}/{target}"] = ratio
    return found


def with_means(figures: Figures, targets: Sequence[str]) -> Figures:
    """Figures with the mean over the targets that have one under the name alone: `si_sdr_db` of `si_sdr_db/...`."""
    values: dict[str, list[float]] = {}
    for name, value in figures.items():
        figure, slash, target = name.partition("/")
        if slash and target in targets:
            values.setdefault(figure, []).append(value)
    means = {name: sum(own) / len(own) for name, own in values.items()}
    return {**means, **figures}


def pooled_figures(
    tracks: Sequence[Figures], targets: Sequence[str]
) -> dict[str, float]:
    """Of each target the mean over the tracks that have it, then the mean over the targets."""
    values: dict[str, list[float]] = {}
    silent = 0.0
    for figures in tracks:
        silent += figures.get(SILENT, 0.0)
        for name, value in figures.items():
            if "/" in name and isinstance(value, int | float):
                values.setdefault(name, []).append(value)
    means = {name: sum(own) / len(own) for name, own in values.items()}
    return {**with_means(means, targets), SILENT: silent}
