"""What a report shows of a separation: spectrograms and masks of the targets, and players."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..base import Case, Evaluation
from ..evaluation import of_parts, score_words
from ..sounds import Sound

LONGEST_S = 10.0  # of a recording in a report, which holds a player for every target
MOST_TRACKS = 2
STEPS = 4  # of a stretch: how finely the one is looked for in which all targets play


@dataclass(frozen=True)
class Heard:
    """A track with what was separated from it: waves (C, N), and of the targets (K, C, N)."""

    key: str
    mix: NDArray[np.float32]
    references: NDArray[np.float32]
    estimates: NDArray[np.float32]


def busiest(references: Tensor, n_samples: int) -> int:
    """Where the stretch of so many samples begins in which all targets (K, C, N) play: the softest is loudest there."""
    energy = references.double().square().sum(dim=1)
    playing = energy[energy.sum(dim=1) > 0]
    # Sums over any stretch are differences of the running sum.
    running = functional.pad(playing.cumsum(dim=1), (1, 0))
    starts = torch.arange(
        0, max(energy.shape[1] - n_samples, 0) + 1, max(n_samples // STEPS, 1)
    )
    ends = (starts + n_samples).clamp_max(energy.shape[1])
    if not len(playing):
        return 0
    softest = (running[:, ends] - running[:, starts]).amin(dim=0)
    return int(starts[int(softest.argmax())])


def shown(
    tracks: Sequence[Heard],
    targets: Sequence[str],
    sr_hz: int,
    evaluation: Evaluation,
) -> list[Case]:
    """Pictures, players and figures of some tracks."""
    return [_case(track, targets, sr_hz, evaluation) for track in tracks]


def _figure(track: Heard, targets: Sequence[str], sr_hz: int) -> Any:
    from ...plots.figure import new_figure  # matplotlib takes a second to import
    from ...plots.separation import mask
    from ...plots.sound import spectrogram

    height = 2.4 * len(targets)
    figure = new_figure(figsize=(12.0, height), layout="constrained")
    axes = figure.subplots(len(targets), 3, squeeze=False)
    for row, target, wanted, ours in zip(
        axes, targets, track.references, track.estimates, strict=True
    ):
        spectrogram(wanted, sr_hz, f"{target}: recorded", ax=row[0])
        spectrogram(ours, sr_hz, "separated", ax=row[1])
        mask(ours, track.mix, sr_hz, "its share of the mix", ax=row[2])
        for one in row:
            one.label_outer()
    return figure


def _case(
    track: Heard, targets: Sequence[str], sr_hz: int, evaluation: Evaluation
) -> Case:
    """The mix and every target as it was recorded and as it was separated, with the figures of each."""
    own = evaluation.tracks.get(track.key, {})
    scores = [
        f"{target}: {score_words(figures)}" for target, figures in of_parts(own).items()
    ]
    sounds = [_sound(track.mix, sr_hz, "mix")]
    for target, wanted, ours in zip(
        targets, track.references, track.estimates, strict=True
    ):
        sounds.append(_sound(wanted, sr_hz, f"{target}: recorded"))
        sounds.append(_sound(ours, sr_hz, f"{target}: separated"))
    caption = (
        "Each row is a target: as it was recorded, as it was separated from the mix, and the mask that makes the one "
        "of the other, white where all of the mix is taken. Below them the mix, then each target twice, to hear."
    )
    return Case(
        track.key,
        truth=f"the recorded stems: {', '.join(targets)}",
        score="; ".join(scores) or score_words(own),
        caption=caption,
        figure=_figure(track, targets, sr_hz),
        sounds=sounds,
    )


def _sound(wave: Any, sr_hz: int, title: str) -> Sound:
    return Sound(np.ascontiguousarray(wave, np.float32), sr_hz, title=title)
