"""Annotations that begin before their audio, or go on after it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..pyjama.file import Atom

Annotations = Mapping[str, Sequence[Atom]]


def latest(annotations: Annotations) -> tuple[str, float]:
    """The annotation that goes on longest, and until when; ("", 0.0) where none has a time."""
    ends = {
        name: max((atom.end_s or 0.0 for atom in atoms), default=0.0)
        for name, atoms in annotations.items()
    }
    name = max(ends, key=lambda name: ends[name], default="")
    return name, ends.get(name, 0.0)


def clipped(annotations: Annotations, end_s: float) -> dict[str, Sequence[Atom]]:
    """What lies before `end_s`: atoms that go on after it end there, those that begin after it are gone."""
    # An annotation that was empty says that there is nothing; one that the cut has emptied says nothing.
    kept = {
        name: [part for atom in atoms if (part := _before(atom, end_s))]
        for name, atoms in annotations.items()
    }
    return {
        name: atoms for name, atoms in kept.items() if atoms or not annotations[name]
    }


def cut_before_zero(atoms: Sequence[Atom]) -> list[Atom]:
    """What lies from 0 s on: segments that begin earlier begin there, points before it are gone."""
    return [part for atom in atoms if (part := _from_zero(atom)) is not None]


def _from_zero(atom: Atom) -> Atom | None:
    if atom.time is None:
        return atom
    if isinstance(atom.time, list):
        # Times increase, so what lies before 0 is the beginning.
        early = sum(time < 0 for time in atom.time)
        return _points(atom, slice(early, None))
    if atom.time >= 0:
        return atom
    left_s = round(atom.time + (atom.duration or 0.0), 9)
    if left_s <= 0:
        return None
    return Atom(atom.value, 0.0, left_s, atom.others)


def _before(atom: Atom, end_s: float) -> Atom | None:
    if atom.time is None or (atom.end_s or 0.0) <= end_s:
        return atom
    if isinstance(atom.time, list):
        count = sum(time <= end_s for time in atom.time)
        return _points(atom, slice(count))
    if atom.time >= end_s:
        return None
    return Atom(atom.value, atom.time, round(end_s - atom.time, 9), atom.others)


def _points(atom: Atom, kept: slice) -> Atom | None:
    """Some of the points of a curve, whose value is one row or several; their confidence goes with them."""
    times = atom.time[kept]
    if not times:
        return None
    if atom.value and isinstance(atom.value[0], list):
        value = [row[kept] for row in atom.value]
    else:
        value = atom.value[kept]
    others = dict(atom.others)

    # A confidence per point is cut with the points; a single one holds for those that are left.
    sure = others.get("confidence")
    if isinstance(sure, list) and len(sure) == len(atom.time):
        others["confidence"] = sure[kept]
    return Atom(value, times, atom.duration, others)
