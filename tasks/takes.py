"""Recordings as they are trained on: each as it is, and played higher or lower by whole semitones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..data.pyjama.file import Atom
from .conditions import as_number

# Where in a longer recording a training example begins.
Crop = Literal["beginning", "anywhere"]


@dataclass(frozen=True)
class Take:
    """A recording played so many semitones higher; `pitch` names the annotation that moves with it, if it has one."""

    item: Any
    semitones: int
    pitch: str

    @property
    def key(self) -> str:
        """The key of the recording."""
        return str(self.item.key)

    @property
    def name(self) -> str:
        """Its name in messages."""
        if not self.semitones:
            return self.key
        return f"{self.key} ({self.semitones:+d} semitones)"

    @property
    def annotations(self) -> Mapping[str, Sequence[Any]]:
        """Those of the recording, with the pitch that sounds now."""
        own: Mapping[str, Sequence[Any]] = self.item.annotations
        atoms = own.get(self.pitch, ())
        if not self.semitones or not atoms:
            return own
        moved = []
        for atom in atoms:
            number = as_number(atom.value)
            value = atom.value if number is None else number + self.semitones
            moved.append(Atom(value, atom.time, atom.duration, atom.others))
        return {**own, self.pitch: tuple(moved)}


def transpositions(most: int) -> list[int]:
    """0, -1, 1, -2, 2 and so on: the recording as it is first, then each step lower and higher."""
    found = [0]
    for step in range(1, most + 1):
        found += [-step, step]
    return found


def takes_of(
    items: Iterable[Any], transposed_by: Iterable[int], pitch: str
) -> list[Take]:
    """Every recording as it is played so many semitones higher, at each of `transposed_by`."""
    steps = list(transposed_by)
    return [Take(item, step, pitch) for item in items for step in steps]


def pitch_moves(conditions: Sequence[str], pitch: str) -> None:
    """Raise ValueError where recordings are transposed and a condition that seems to be their pitch stays as it was."""
    if pitch in conditions:
        return
    for name in conditions:
        if "pitch" in name.lower() or "midi" in name.lower():
            raise ValueError(
                f"'pitch' is {pitch}, which is not a condition: a transposed recording would keep its old '{name}'; "
                f"write `pitch: {name}`"
            )
