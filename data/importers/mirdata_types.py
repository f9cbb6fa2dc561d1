"""What mirdata's types of annotations hold, as atoms in seconds and MIDI numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..pyjama.file import Atom, Definition
from .pitch import midis_of, rows_of_frames

Float64 = NDArray[np.float64]
SECONDS = {"s": 1.0, "ms": 1e-3}  # of mirdata's units of time; ticks are none
F0 = Definition("breakpoint", "numeric", row_name=["f0_midi"])


class Annotation(NamedTuple):
    """An annotation of a track: its name, its definition, its atoms; without atoms it is annotated as empty."""

    kind: str
    definition: Definition
    atoms: list[Atom]


class UnknownUnit(ValueError):
    """Numbers in a unit that does not say when something is, or how high."""


def converted(name: str, value: Any) -> list[Annotation] | None:
    """What the attribute `name` of a track holds: one annotation, two for notes with a velocity, none for nothing.

    None for a type that is not known. Raises UnknownUnit, and whatever a value of a wrong form raises.
    """
    if isinstance(value, (bool, int, float, np.number)):
        return _number(name, value)
    if value is None or isinstance(value, str):
        words = [value] if value else []
    elif isinstance(value, (list, tuple)) and all(isinstance(w, str) for w in value):
        words = list(value)
    else:
        return _typed(value)
    text = Definition("global", "text")
    return [Annotation(name, text, [Atom(word) for word in words])] if words else []


def _number(name: str, value: Any) -> list[Annotation]:
    number = value.item() if isinstance(value, np.number) else value
    if isinstance(number, bool):
        number = int(number)
    if not np.isfinite(number):  # how pandas says that there is none
        return []
    return [Annotation(name, Definition("global", "numeric"), [Atom(number)])]


def _typed(value: Any) -> list[Annotation] | None:
    for cls in type(value).__mro__:
        if cls.__name__ in _TYPES:
            return _TYPES[cls.__name__](value)
    return None


def _seconds(times: Any, unit: str) -> Float64:
    if unit not in SECONDS:
        raise UnknownUnit(f"its times are in '{unit}', which are not seconds")
    values = np.asarray(times, np.float64) * SECONDS[unit]
    if unit == "s":
        return values
    return np.round(values, 9)  # 1.1 ms are 0.0011 s, not 0.0011000000000000001 s


def _midi(pitches: Sequence[Any], unit: str) -> list[float]:
    if unit == "hz":
        return midis_of(pitches)
    if unit != "midi":
        raise UnknownUnit(f"its pitches are in '{unit}', which are not MIDI numbers")
    return [float(pitch) for pitch in pitches]


def _spans(data: Any) -> list[tuple[float, float]]:
    """(time, duration) of each interval."""
    unit = getattr(data, "interval_unit", "s")
    intervals = _seconds(data.intervals, unit).reshape(-1, 2)
    return [(float(a), round(float(b - a), 9)) for a, b in intervals]


def _sure(data: Any, size: int) -> list[dict[str, float]]:
    """The confidence of each atom; nothing where there is none, or where it is a velocity."""
    sure = getattr(data, "confidence", None)
    if sure is None or getattr(data, "confidence_unit", "") == "velocity":
        return [{}] * size
    return [{"confidence": float(one)} for one in sure]


def _segments(
    kind: str, words: str, numeric: bool = False
) -> Callable[[Any], list[Annotation]]:
    def convert(data: Any) -> list[Annotation]:
        spans = _spans(data)
        values = getattr(data, words)
        if values is None:
            values = [""] * len(spans)
        to: Callable[[Any], Any] = float if numeric else str
        atoms = [
            Atom(to(value), *span, sure)
            for value, span, sure in zip(
                values, spans, _sure(data, len(spans)), strict=True
            )
        ]
        content = "numeric" if numeric else "text"
        return [Annotation(kind, Definition("segment", content), atoms)]

    return convert


def _beats(data: Any) -> list[Annotation]:
    """Beats; their positions in the bar, 0 where these are not known."""
    times = _seconds(data.times, getattr(data, "time_unit", "s"))
    if data.positions is None:
        places = np.zeros(len(times))
    else:
        places = np.nan_to_num(np.asarray(data.positions, np.float64))
    sure = _sure(data, len(times))
    atoms = [
        Atom(float(place), float(time), None, its)
        for time, place, its in zip(times, places, sure, strict=True)
    ]
    return [Annotation("beat", Definition("marker", "numeric"), atoms)]


def _notes(data: Any) -> list[Annotation]:
    """Notes, and their velocities where mirdata has these in the place of a confidence."""
    numeric = Definition("segment", "numeric")
    spans = _spans(data)
    pitches = _midi(data.pitches, data.pitch_unit)
    sure = _sure(data, len(spans))
    notes = [
        Atom(pitch, *span, its)
        for pitch, span, its in zip(pitches, spans, sure, strict=True)
    ]
    found = [Annotation("pitchmidi", numeric, notes)]

    # mirdata keeps a velocity as a confidence with the unit "velocity".
    if data.confidence is not None and data.confidence_unit == "velocity":
        loud = [
            Atom(float(velocity), *span)
            for velocity, span in zip(data.confidence, spans, strict=True)
        ]
        found.append(Annotation("velocity", numeric, loud))
    return found


def _f0(data: Any) -> list[Annotation]:
    values = np.asarray(data.frequencies)
    if data.voicing is None:
        voiced = np.ones(len(values), bool)
    else:
        voiced = np.asarray(data.voicing) > 0
    pitches = _midi(values.tolist(), data.frequency_unit)
    # Some sets write unvoiced frames as negative frequencies, some in a voicing: both are 0 here.
    row = [max(p, 0.0) if on else 0.0 for p, on in zip(pitches, voiced, strict=True)]
    times = _seconds(data.times, getattr(data, "time_unit", "s")).tolist()
    if not row:
        return [Annotation("f0", F0, [])]
    # Its confidence stays out: mirdata says that the voicing stands in its place.
    return [Annotation("f0", F0, [Atom([row], times)])]


def _multi_f0(data: Any) -> list[Annotation]:
    frames = [_midi(frame, data.frequency_unit) for frame in data.frequency_list]
    times = _seconds(data.times, getattr(data, "time_unit", "s")).tolist()
    if frames:
        curve = [Atom(rows_of_frames(frames), times)]
    else:
        curve = []
    return [Annotation("f0multi", Definition("breakpoint", "numeric"), curve)]


_TYPES: dict[str, Callable[[Any], list[Annotation]]] = {
    "ChordData": _segments("chord", "labels"),
    "SectionData": _segments("segment", "labels"),
    "KeyData": _segments("key", "keys"),
    "LyricData": _segments("lyrics", "lyrics"),
    "TempoData": _segments("tempo", "tempos", numeric=True),
    "EventData": _segments("event", "events"),
    "BeatData": _beats,
    "NoteData": _notes,
    "F0Data": _f0,
    "MultiF0Data": _multi_f0,
}
