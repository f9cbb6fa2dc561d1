"""The annotations of a JAMS file as atoms: which namespaces are read, and what becomes of several of a kind."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from .guarded import reason_of
from .pitch import midi_of, rows_of_frames

SEGMENTS = {
    "chord": "chord",
    "chord_harte": "chord",
    "segment_open": "segment",
    "segment_tut": "segment",
    "segment_salami_function": "segment_function",
    "segment_salami_lower": "segment_lower",
    "segment_salami_upper": "segment_upper",
    "key_mode": "key",
    "lyrics": "lyrics",
}
NOTES = ("note_midi", "note_hz")
PITCHES = ("pitch_midi", "pitch_hz")  # notes or a curve: their rows say which
IN_HZ = ("note_hz", "pitch_hz", "pitch_contour")
BEATS = ("beat", "beat_position")
DEFINITIONS = {
    **{name: Definition("segment", "text") for name in SEGMENTS.values()},
    "pitchmidi": Definition("segment", "numeric"),
    "tempo": Definition("segment", "numeric"),
    "f0": Definition("breakpoint", "numeric", row_name=["f0_midi"]),
    "f0multi": Definition("breakpoint", "numeric"),
    "beat": Definition("marker", "numeric"),
}
TAG = Definition("global", "text")


@dataclass(frozen=True)
class Converted:
    """One annotation of a JAMS file, or the part of it that is of one kind."""

    kind: str
    atoms: list[Atom]
    annotator: str = ""


@dataclass(frozen=True)
class Unread:
    """An annotation in a namespace that is not read."""

    namespace: str


def converted(annotation: Any) -> Iterator[Converted | Unread]:
    """What an annotation of the package jams holds. Raises whatever its values do not allow, such as TypeError."""
    space = annotation.namespace
    annotator = _annotator(annotation)
    # Rows without a value are left out, but of beats, whose time alone says where they are.
    every = list(annotation.data)
    rows = [row for row in every if row.value is not None]
    if space in SEGMENTS:
        yield Converted(SEGMENTS[space], [_span(row, row.value) for row in rows])
    elif space in NOTES or space in PITCHES:
        yield from _pitches(space, rows, annotator)
    elif space == "pitch_contour":
        yield _curve(rows, in_hz=True)
    elif space in BEATS:
        yield Converted("beat", [_beat(row) for row in every])
    elif space == "tempo":
        yield Converted("tempo", [_span(row, row.value) for row in rows])
    elif space.startswith("tag_"):
        yield Converted(
            space, [Atom(row.value, others=_confidence(row)) for row in rows]
        )
    else:
        yield Unread(space)


def together(found: Sequence[Converted]) -> dict[str, list[Atom]]:
    """Every annotation under a name of its own: kind, kind_2, kind_3 ...

    Notes of one annotator are parts of a whole, such as the six strings of a guitar in GuitarSet: they become one
    annotation, sorted by time. So do tags, each value once. Of other kinds a second annotation is another opinion.
    """
    wholes: dict[tuple[str, str], list[Atom]] = {}
    atoms_of: dict[str, list[Atom]] = {}
    counts: Counter[str] = Counter()
    for one in found:
        if one.kind.startswith("tag_"):
            whole = one.kind, ""
        elif one.kind == "pitchmidi":
            whole = one.kind, one.annotator
        else:
            whole = one.kind, f"number {counts[one.kind]}"
        if whole in wholes:
            wholes[whole] += one.atoms
            continue
        counts[one.kind] += 1
        number = counts[one.kind]
        name = one.kind if number == 1 else f"{one.kind}_{number}"
        wholes[whole] = atoms_of[name] = list(one.atoms)
    return {name: _in_order(name, atoms) for name, atoms in atoms_of.items()}


def _in_order(name: str, atoms: list[Atom]) -> list[Atom]:
    """Notes by time, tags each once."""
    if name.startswith("pitchmidi"):
        return sorted(atoms, key=lambda note: note.time)
    if not name.startswith("tag_"):
        return atoms

    # By repr, so that 1 and "1", and true and 1, stay different tags.
    once: dict[str, Atom] = {}
    for atom in atoms:
        once.setdefault(repr(atom.value), atom)
    return list(once.values())


def definition_of(name: str) -> Definition:
    """What an annotation called by `together` means."""
    if name.startswith("tag_"):
        return TAG
    kind, _, number = name.rpartition("_")
    if number.isdecimal() and kind in DEFINITIONS:
        return DEFINITIONS[kind]
    return DEFINITIONS[name]


def unreadable_annotation(path: Any, space: str, error: Exception) -> DataError:
    """DataError E463 for one annotation of a file whose others can be read."""
    return DataError(
        f"'{path}': an annotation in the namespace '{space}' cannot be read: {reason_of(error)}",
        code="E463",
    )


def _pitches(space: str, rows: Sequence[Any], annotator: str) -> Iterator[Converted]:
    """Rows with a duration are notes; those of the old namespaces pitch_* without one are the points of a curve."""
    in_hz = space in IN_HZ
    notes = [row for row in rows if space in NOTES or row.duration]
    # No rows at all are an annotator's "there are no notes", which is worth keeping.
    if notes or not rows:
        atoms = [_span(row, _midi(row.value, in_hz)) for row in notes]
        yield Converted("pitchmidi", atoms, annotator)
    points = [row for row in rows if space in PITCHES and not row.duration]
    if points:
        yield _curve(points, in_hz)


def _curve(rows: Sequence[Any], in_hz: bool) -> Converted:
    """Rows in the order of time as one curve, 0 where unvoiced; as several where some moment has several pitches."""
    by_time: dict[float, list[Any]] = {}
    for row in rows:
        pitch = row.value
        if isinstance(pitch, dict):
            # An unvoiced frame keeps a guess of its frequency in JAMS; here it is silent.
            pitch = pitch["frequency"] if pitch["voiced"] else 0.0
        by_time.setdefault(float(row.time), []).append(_midi(pitch, in_hz))
    if not by_time:
        return Converted("f0", [])
    times = list(by_time)
    values = rows_of_frames(by_time.values())
    if len(values) > 1:
        return Converted("f0multi", [Atom(values, times)])

    # One confidence per point, or none: the times of a curve are shared by all of its columns.
    sure = [row.confidence for row in rows]
    if len(sure) == len(times) and None not in sure:
        others = {"confidence": sure}
    else:
        others = {}
    return Converted("f0", [Atom(values, times, None, others)])


def _midi(value: Any, in_hz: bool) -> Any:
    """A pitch as a MIDI number; NaN, and text, stay for the guard of the import to name."""
    if in_hz and not math.isnan(value):
        return midi_of(value)
    return value


def _beat(row: Any) -> Atom:
    """A beat with its place in the bar, 0 where that is not known."""
    place = row.value
    if isinstance(place, dict):
        place = place["position"]
    if place is None:
        place = 0
    return Atom(place, float(row.time), None, _confidence(row))


def _span(row: Any, value: Any) -> Atom:
    return Atom(value, float(row.time), float(row.duration), _confidence(row))


def _confidence(row: Any) -> dict[str, Any]:
    if row.confidence is None:
        return {}
    return {"confidence": row.confidence}


def _annotator(annotation: Any) -> str:
    """Who annotated, as text that is equal where it is the same person or program."""
    metadata = annotation.annotation_metadata
    return repr((metadata.annotator, metadata.curator))
