"""What a report plays of a recording: some seconds of it, and truth and estimate as sound over the same seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.items import Item
from ..features.resample import resample
from ..outputs.layers import Curve, Layer, Notes, Segments
from ..outputs.sonify import sonified
from .sounds import Sound

EXCERPT_S = 10.0
EXCERPT_HZ = 16_000  # a page is sent by mail; notes and words are clear at this rate
STEP_S = 1.0  # how finely a stretch is looked for

Float64 = NDArray[np.float64]


def densest(times_s: Float64, duration_s: float) -> float:
    """Where the stretch of 10 s begins that has the most of these times, such as those of mistakes, in s."""
    last_s = max(0.0, duration_s - EXCERPT_S)
    starts_s = np.append(np.arange(0.0, last_s, STEP_S), last_s)
    ordered = np.sort(times_s)
    inside = np.searchsorted(ordered, starts_s + EXCERPT_S) - np.searchsorted(
        ordered, starts_s
    )
    return float(starts_s[int(inside.argmax())])


def length_from(start_s: float, duration_s: float) -> float:
    """How long the excerpt from there is, in s."""
    return min(EXCERPT_S, duration_s - start_s)


def caption_of(
    start_s: float, length_s: float, *, n_wrong: int, has_audio: bool
) -> str:
    """Which seconds one hears and why, such as "To hear: seconds 12.0 to 22.0, where most is wrong."."""
    words = f"To hear: seconds {start_s:.1f} to {start_s + length_s:.1f}"
    if n_wrong:
        words += ", where most is wrong"
    if not has_audio:
        words += "; the corpus has features and no audio, so there is no recording"
    return f"{words}."


def where_wrong(
    item: Any,
    wrong_s: Float64,
    duration_s: float,
    layers: Mapping[str, Layer],
) -> tuple[str, list[Sound]]:
    """The stretch of a track with the most of these times: its caption, the recording and each layer as sound.

    One hears where most is wrong, over the same seconds in all sounds: a mistake of a moment would else be missed in a
    long track. Layers by their titles, such as "truth, as sines".
    """
    start_s = densest(wrong_s, duration_s)
    length_s = length_from(start_s, duration_s)
    sounds = recorded(item, start_s, "recording")
    caption = caption_of(
        start_s, length_s, n_wrong=len(wrong_s), has_audio=bool(sounds)
    )
    for title, layer in layers.items():
        sounds.append(sounded(layer, start_s, length_s, title))
    return caption, sounds


def recorded(item: Any, start_s: float, title: str, **details: Any) -> list[Sound]:
    """The excerpt of a recording, mono; nothing of one that a corpus has by its features only."""
    if not isinstance(item, Item):
        return []
    first = round(start_s * item.sr_hz)
    last = min(item.n_samples, first + round(EXCERPT_S * item.sr_hz))
    samples, sr_hz = item.read(first, last)
    # More would not be heard in a page, and would make it heavier; less is not blown up.
    if sr_hz > EXCERPT_HZ:
        samples = resample(torch.from_numpy(samples), sr_hz, EXCERPT_HZ).numpy()
        sr_hz = EXCERPT_HZ
    mono = np.ascontiguousarray(samples[None])
    return [Sound(mono, sr_hz, details, title=title)]


def sounded(layer: Layer, start_s: float, length_s: float, title: str) -> Sound:
    """A layer as sound, from a time on."""
    within = cropped(layer, start_s, start_s + length_s)
    samples = sonified([within], length_s, EXCERPT_HZ)
    return Sound(samples[None], EXCERPT_HZ, title=title)


def cropped(layer: Layer, start_s: float, end_s: float) -> Layer:
    """What of a layer lies between two times, with times from the first of them on."""
    if isinstance(layer, Curve):
        between = (layer.times_s >= start_s) & (layer.times_s < end_s)
        inside: list[int] = np.flatnonzero(between).tolist()
        return Curve(
            layer.name,
            layer.times_s[inside] - start_s,
            [layer.hz[k] for k in inside],
            [layer.confidence[k] for k in inside] if layer.confidence else (),
        )
    if isinstance(layer, Segments):
        kept = []
        for one in layer.segments:
            first_s, last_s = _within((one.start_s, one.end_s), start_s, end_s)
            if last_s > first_s:
                kept.append(one._replace(start_s=first_s, end_s=last_s))
        return Segments(layer.name, kept, layer.namespace)
    assert isinstance(layer, Notes)  # tags have no sound
    notes = []
    for note in layer.notes:
        first_s, last_s = _within((note.onset_s, note.end_s), start_s, end_s)
        if last_s > first_s:
            notes.append(note._replace(onset_s=first_s, duration_s=last_s - first_s))
    return Notes(layer.name, notes)


def _within(
    span_s: Sequence[float], start_s: float, end_s: float
) -> tuple[float, float]:
    first_s = max(span_s[0], start_s)
    return first_s - start_s, min(span_s[1], end_s) - start_s
