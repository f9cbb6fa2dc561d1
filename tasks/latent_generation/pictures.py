"""What the report of latent_generation shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from ...data.corpus import Item
from ...plots.embeddings import embedding_map
from ...plots.pitch_asked import asked_and_heard
from ..base import Evaluation, Picture, Sounding, Task

CENTS = 100  # of a semitone
SEED = 0  # of the sounds that are shown


def pictures_of(
    task: Task,
    model: nn.Module,
    shown: Sequence[Item],
    settings: Mapping[str, Any],
    evaluation: Evaluation,
) -> list[Picture | Sounding]:
    """Sounds, a map of real and generated ones, and pitches asked for beside those heard."""
    rows = list(evaluation.tracks.values())
    pictures: list[Picture | Sounding] = []
    if shown:
        pictures.append(_sounds(task, model, shown, settings))
    vectors = np.array(
        [row["embedding_real"] for row in rows] + [row["embedding"] for row in rows]
    )
    labels = ["real"] * len(rows) + ["generated"] * len(rows)
    caption = "Each dot is a sound: mean and deviation of its mel bands, standardised, on their principal components."
    pictures.append(
        Picture("real and generated sounds", caption, embedding_map(vectors, labels))
    )
    with_pitch = [row for row in rows if "cents_off" in row]
    if with_pitch:
        asked = np.array([row["pitch_asked"] for row in with_pitch])
        cents = np.array([row["cents_off"] for row in with_pitch])
        figure = asked_and_heard(asked, asked + cents / CENTS)
        caption = "On the line a sound has the pitch that was asked for; off it by 12, it is an octave wrong."
        pictures.append(Picture("pitches asked for and heard", caption, figure))
    return pictures


def _sounds(
    task: Task, model: nn.Module, shown: Sequence[Item], settings: Mapping[str, Any]
) -> Sounding:
    """A sound for the conditions of each item."""
    rows = [task.truth(item) for item in shown]
    asked = {name: [row[name] for row in rows] for name in rows[0]}
    sounds = task.generate(model, settings, n=len(rows), conditions=asked, seed=SEED)
    caption = (
        "Sounds made for the conditions of the first recordings that were evaluated."
    )
    return Sounding("generated sounds", caption, sounds)
