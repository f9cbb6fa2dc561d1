"""How well targets are separated: each against its own reference, beside what needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...metrics.separation import BSS, SeparationFigures, joint_si_sdr_db
from ..base import Figures
from ..reading import Recorded
from .stems import Track

RATIO = "si_sdr_db"
SILENT = "silent_references"
REST = "(rest)"  # of the mix beside a single target


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


def ratios(estimates: Tensor, references: Tensor, targets: Sequence[str]) -> Figures:
    """SI-SDR of each target against its own reference, `si_sdr_db/TARGET`; none for a silent reference."""
    found: Figures = {}
    for target, ours, wanted in zip(targets, estimates, references, strict=True):
        ratio = joint_si_sdr_db(ours, wanted)
        if ratio is not None:
            found[f"{RATIO}/{target}"] = ratio
    return found


def track_figures(
    mix: Tensor,
    estimates: Tensor,
    references: Tensor,
    *,
    targets: Sequence[str],
    sr_hz: int,
    bss_eval: bool,
) -> Figures:
    """The figures of one track: of each target, `NAME/TARGET`, and their means over the targets that sound."""
    wanted = dict(zip(targets, references, strict=True))
    ours = dict(zip(targets, estimates, strict=True))
    # Interference is what leaks from other sources: for one target these are all the rest of the mix.
    if len(targets) == 1:
        wanted[REST] = mix - references[0]
        ours[REST] = mix - estimates[0]
    judge = SeparationFigures(list(wanted), sr_hz, bss=bss_eval)
    of_sources = judge.add(mix, wanted, ours)
    found: Figures = {}
    n_silent = 0
    for target in targets:
        own = of_sources.get(target)
        if own is None:
            n_silent += 1
            continue
        for name, value in own.items():
            found[f"{name}/{target}"] = value
    return {**_over_targets(found), **found, SILENT: float(n_silent)}


def pooled_figures(tracks: Sequence[Figures]) -> dict[str, float]:
    """Of each target the middle over the tracks in which it sounds, then the mean over the targets.

    The middle is the mean, and of BSSEval's ratios the median, as museval has it.
    """
    values: dict[str, list[float]] = {}
    silent = 0.0
    for figures in tracks:
        silent += figures.get(SILENT, 0.0)
        for name, value in figures.items():
            # What has no target is a mean of the track: targets would count by how often they play.
            if "/" in name:
                values.setdefault(name, []).append(value)
    found = {}
    for name, own in values.items():
        middle = np.median if name.partition("/")[0] in BSS else np.mean
        found[name] = float(middle(own))
    return {**_over_targets(found), **found, SILENT: silent}


def _over_targets(figures: Mapping[str, float]) -> dict[str, float]:
    """The mean of `NAME/...` over the targets that have it, under NAME."""
    values: dict[str, list[float]] = {}
    for name, value in figures.items():
        values.setdefault(name.partition("/")[0], []).append(value)
    return {name: float(np.mean(own)) for name, own in values.items()}
