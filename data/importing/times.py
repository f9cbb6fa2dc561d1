"""Annotations that go on after their audio has ended."""

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
    kept = {
        name: [part for atom in atoms if (part := _before(atom, end_s))]
        for name, atoms in annotations.items()
    }
    return {
        name: atoms for name, atoms in kept.items() if atoms or not annotations[name]
    }


def _before(atom: Atom, end_s: float) -> Atom | None:
    if atom.time is None or (atom.end_s or 0.0) <= end_s:
        return atom
    if isinstance(atom.time, list):
        count = sum(time <= end_s for time in atom.time)
        if not count:
            return None
        curves = bool(atom.value) and isinstance(atom.value[0], list)
        if curves:
            value = [row[:count] for row in atom.value]
        else:
            value = atom.value[:count]
        return Atom(value, atom.time[:count], atom.duration, atom.others)
    if atom.time >= end_s:
        return None
    return Atom(atom.value, atom.time, round(end_s - atom.time, 9), atom.others)
