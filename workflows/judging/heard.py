"""Whether what was asked for is heard: the label by a classifier, the pitch by its fundamental frequency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ...errors import DataError, MirbricksError, RunError
from ...metrics.pitch import cents_off, note_f0_hz
from ...metrics.sound_embeddings import SoundEmbedding
from ...tasks.conditions import as_number
from ...tasks.sounds import without_silence
from ..embeddings.interface import Classifier
from ..embeddings.layers import ClassifierEmbedding
from ..progress import Progress
from .judge import Judgement
from .sounds import Float32, Sounds, Source

PITCH = "pitchmidi"  # what a MIDI number of a single note is called
QUARTER_TONE = 50  # cents
ENDING = "_heard"  # of the figures' names


class Hearing(Classifier, Protocol):
    """A classifier that knows which annotation its labels are values of."""

    annotation: str


@dataclass(frozen=True)
class Heard:
    """What is heard in a set.

    Attributes
    ----------
    figures : dict of str to float
        The share of the sounds in which what was asked for is heard, by the name of the annotation and `_heard`.
    clips : dict of str to dict
        By the name of the sound: for each figure what is heard, and whether it is right.
    """

    figures: dict[str, float]
    clips: dict[str, dict[str, Any]]


def hearing_of(embedding: SoundEmbedding) -> Hearing:
    """A model as what hears labels. Raises RunError E669 for one that does not choose one label of an annotation."""
    if isinstance(embedding, ClassifierEmbedding):
        return embedding
    raise RunError(
        f"'{getattr(embedding, 'name', embedding)}' does not choose one of several labels",
        code="E669",
        help="take a model of the task tagging with `labels: one`",
    )


def refuse_unknown(sounds: Sounds, hearing: Hearing) -> None:
    """Raise DataError E669 where neither the label nor the pitch of any sound is known."""
    for source in sounds.sources:
        if hearing.annotation in source.annotations or PITCH in source.annotations:
            return
    raise DataError(
        f"nothing is known of what {sounds.title} are to be",
        code="E669",
        facts=[("needed", f"{hearing.annotation} or {PITCH} of each sound")],
        help="give a folder that `mirbricks generate` has written, with its conditions.csv, or a corpus",
    )


def with_heard(
    found: Judgement,
    sounds: Sounds,
    real: Sounds,
    hearing: Hearing,
    progress: Progress,
) -> Judgement:
    """A judgement with the share of the sounds, and of the real ones, in which what they are to be is heard."""
    ours = heard(sounds, hearing, progress, "sounds: heard")
    theirs = heard(real, hearing, progress, "real sounds: heard")
    clips = {}
    for name, clip in found.clips.items():
        clips[name] = {**clip, **ours.clips.get(name, {})}
    return replace(
        found,
        figures={**found.figures, **ours.figures},
        real={**found.real, **theirs.figures},
        clips=clips,
    )


def heard(sounds: Sounds, hearing: Hearing, progress: Progress, label: str) -> Heard:
    """What is heard in each sound, beside what its annotations say; unreadable sounds are left out."""
    clips: dict[str, dict[str, Any]] = {}
    rights: dict[str, list[bool]] = {}
    with progress.counting(label, len(sounds.sources)) as on_done:
        for source in sounds.sources:
            try:
                wave, sr_hz = source.read()
            except MirbricksError:
                # It is reported where the embeddings are computed.
                continue
            clip: dict[str, Any] = {}
            for name, value, right in _judged(source, wave, sr_hz, hearing):
                clip[f"{name}{ENDING}"] = value
                clip[f"{name}_right"] = right
                rights.setdefault(f"{name}{ENDING}", []).append(right)
            clips[source.name] = clip
            on_done(source.name)
    figures = {name: float(np.mean(values)) for name, values in rights.items()}
    return Heard(figures, clips)


def _judged(
    source: Source, wave: Float32, sr_hz: int, hearing: Hearing
) -> Iterator[tuple[str, Any, bool]]:
    """For each annotation that can be heard: its name, what is heard, and whether it is what it should be."""
    sounding = without_silence(wave)
    label = source.annotations.get(hearing.annotation)
    if label is not None:
        # A sound without any sample above zero is none of the labels.
        best = None
        if len(sounding):
            _, shares = hearing.classified(sounding, sr_hz)
            best = hearing.labels[int(np.argmax(shares))]
        yield hearing.annotation, best, best == str(label)
    midi = _midi(source.annotations)
    if midi is not None:
        hz = note_f0_hz(sounding, sr_hz) if len(sounding) else None
        cents = None if hz is None else cents_off(hz, midi)
        yield PITCH, cents, cents is not None and abs(cents) < QUARTER_TONE


def _midi(annotations: Mapping[str, Any]) -> float | None:
    return as_number(annotations.get(PITCH))
