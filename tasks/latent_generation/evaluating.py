"""A sound for the conditions of each recording, beside the recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...data.corpus import Item
from ...metrics.manifolds import nearest_items
from ..base import Evaluation, Figures, OnTrack
from ..conditions import Conditions, Value, as_number
from ..encoded import Encoded
from ..takes import Take, takes_of
from . import judging
from .config import LatentGenerationConfig
from .latents import LatentSet, Scale
from .learner import LatentLearner, losses_of

SEED = 0  # of the sounds that are judged


class Generating(Protocol):
    """What is asked of the task: `LatentGeneration`."""

    config: LatentGenerationConfig
    fitted: LatentLearner | None

    @property
    def codec(self) -> Any: ...
    def tracks(self, items: Sequence[Item]) -> list[Item]: ...
    def encoded(self, items: Sequence[Item], cache: Any) -> Encoded: ...
    def latents(
        self, takes: Sequence[Take], stored: Mapping[int, Encoded]
    ) -> LatentSet: ...
    def waves(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        seed: int,
    ) -> list[NDArray[np.float32]]: ...
    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]: ...


def evaluated(
    task: Generating,
    model: nn.Module,
    items: Sequence[Item],
    cache: Any,
    settings: Mapping[str, Any],
    on_track: OnTrack,
) -> Evaluation:
    """Figures of the recordings, one by one and together."""
    tracks = task.tracks(items)
    conditions = Conditions.from_json(settings["conditions"])
    asked = conditions.of(tracks)
    takes = takes_of(tracks, [0], task.config.pitch)
    losses = losses_of(
        model,
        task.config.made_objective(),
        task.latents(takes, {0: task.encoded(tracks, cache)}),
        takes,
        Scale.from_json(settings["scale"]),
        conditions,
    )
    waves = task.waves(model, settings, asked, SEED)
    rows: dict[str, Figures] = {}
    for place, (take, wave) in enumerate(zip(takes, waves, strict=True)):
        real = recorded(task, take.key, cache)
        found = compared(task, asked[place], wave, real, place)
        rows[take.key] = {"loss": losses[place], **found}
        on_track(take.key)

    # What a model has learned from is known while it is trained, and not afterwards.
    learner = task.fitted
    if learner is not None:
        note_nearest(task, learner, list(rows.values()), cache)
    figures = task.pooled(rows)
    if learner is not None:
        figures["train_loss"] = train_loss(model, learner, len(tracks))
    return Evaluation(figures, rows)


def recorded(task: Generating, key: str, cache: Any) -> NDArray[np.float32]:
    """A recording as long as a generated sound, with silence behind it."""
    count = task.config.frames * task.codec.hop_length
    samples = cache.open(key).read()[0, :count].numpy()
    return np.pad(samples, (0, count - len(samples))).astype(np.float32)


def compared(
    task: Generating,
    conditions: Mapping[str, Value],
    wave: NDArray[Any],
    real: NDArray[Any],
    place: int,
) -> Figures:
    """What one sound adds to the figures of all."""
    sr_hz = task.codec.sr_hz
    noise = judging.noise_like(real, place)
    row: Figures = {
        "embedding": judging.embedded(wave, sr_hz),
        "embedding_real": judging.embedded(real, sr_hz),
        "embedding_noise": judging.embedded(noise, sr_hz),
    }
    asked = as_number(conditions.get(task.config.pitch))
    if asked is not None:
        row["pitch_asked"] = float(asked)
        for name, samples in (("cents_off", wave), ("cents_off_real", real)):
            cents = judging.cents_from(samples, sr_hz, float(asked))
            if cents is not None:
                row[name] = cents
    return row


def note_nearest(
    task: Generating, learner: LatentLearner, rows: Sequence[Figures], cache: Any
) -> None:
    """Add the distances to the nearest training recording."""
    keys = dict.fromkeys(take.key for take in learner.train.takes)
    sr_hz = task.codec.sr_hz
    known = [judging.embedded(recorded(task, key, cache), sr_hz) for key in keys]
    for name, of in (
        ("nearest_training", "embedding"),
        ("nearest_training_real", "embedding_real"),
    ):
        found = nearest_items([row[of] for row in rows], among=known)
        for row, distance in zip(rows, found.distances, strict=True):
            row[name] = float(distance)


def train_loss(model: nn.Module, learner: LatentLearner, count: int) -> float:
    """The loss of training recordings at fixed times and noise, beside that of the others."""
    takes = learner.train.spread(count)
    losses = losses_of(
        model,
        learner.objective,
        learner.train,
        takes,
        learner.scale,
        learner.conditions,
    )
    return float(np.mean(losses))
