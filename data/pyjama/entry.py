"""The annotations of one recording, as values and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .atoms import ABSENT, Atom, Atoms

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Entry:
    """The annotations of one recording.

    Attributes
    ----------
    annotations : mapping of str to sequence of Atom
        By the names of their definitions. `filepath` is there in every entry.
    shared_time : str or None
        The breakpoint_time annotation whose times the breakpoint_value annotations have, if there is one.

    Examples
    --------
    >>> from mirbricks.data import Atom, Entry
    >>> entry = Entry({"filepath": (Atom("a.wav"),), "tag": (Atom("loud"), Atom(["slow", "sad"]))})
    >>> entry.filepath, entry.first("tag"), entry.values("tag")
    ('a.wav', 'loud', ['loud', 'slow', 'sad'])
    """

    annotations: Mapping[str, Sequence[Atom]]
    shared_time: str | None = field(default=None, compare=False)

    @property
    def filepath(self) -> str:
        """The key of the recording in the HDF5 file."""
        return str(self.annotations["filepath"][0].value)

    def first(self, name: str) -> Any:
        """The value of the first atom of a global annotation, or None without one."""
        atoms = self.annotations.get(name, ())
        if atoms:
            return atoms[0].value
        return None

    def values(self, name: str) -> list[Any]:
        """Every value of a global annotation: those of its atoms, lists of several taken apart."""
        found = []
        for atom in self.annotations.get(name, ()):
            if isinstance(atom.value, list):
                found += atom.value
            else:
                found.append(atom.value)
        return found

    def breakpoints(self, name: str) -> tuple[Float64, Float64]:
        """A numeric breakpoint annotation, its atoms one after another.

        Parameters
        ----------
        name : str
            A breakpoint or breakpoint_value annotation.

        Returns
        -------
        values : array of float, (rows, T)
        times_s : array of float, (T,)
            Seconds.

        Raises
        ------
        KeyError
            If the entry does not have the annotation.
        """
        atoms = Atoms.of(self.annotations[name])
        values = [_as_rows(value) for value in atoms.column("value")]

        # A curve without times of its own has those that the entry's curves share.
        times = atoms.column("time")
        if times is None:
            times = [row for value in self._shared_times() for row in _as_rows(value)]
        seconds = [np.asarray(time, np.float64) for time in times]
        return np.concatenate(values, axis=1), np.concatenate(seconds)

    def segments(self, name: str) -> tuple[list[Any], Float64, Float64]:
        """A segment or marker annotation, its atoms one after another.

        Parameters
        ----------
        name : str
            A segment annotation, such as notes or chords, or a marker annotation, such as beats.

        Returns
        -------
        values : list
            M words or numbers.
        onsets_s : array of float, (M,)
            Seconds.
        durations_s : array of float, (M,)
            Seconds; 0 of markers.

        Raises
        ------
        KeyError
            If the entry does not have the annotation.
        """
        atoms = Atoms.of(self.annotations[name])
        if len(atoms) == 0:
            return [], np.zeros(0), np.zeros(0)
        column = atoms.column("value")

        # Python's numbers, not NumPy's: they are written to JSON, and compared with texts.
        if isinstance(column, np.ndarray):
            values = column.tolist()
        else:
            values = [_plain(one) for one in column]
        onsets_s = np.asarray(atoms.column("time"), np.float64)

        # Markers have no duration, and single segments may lack theirs: both last 0 s.
        durations = atoms.column("duration")
        if durations is None:
            return values, onsets_s, np.zeros(len(atoms))
        if isinstance(durations, list):
            durations = [0.0 if one is ABSENT else one for one in durations]
        return values, onsets_s, np.asarray(durations, np.float64)

    def end_s(self, name: str) -> float | None:
        """The last moment that an annotation speaks of, in seconds, or None where it has no time."""
        atoms = Atoms.of(self.annotations[name])
        if name == self.shared_time:
            last = [_as_rows(value)[0, -1] for value in atoms.column("value") or []]
            return max(map(float, last), default=None)
        times = atoms.column("time")
        if len(atoms) == 0 or times is None:
            return None

        # Notes and chords take one sweep; only curves, whose times are lists, go atom by atom.
        if isinstance(times, np.ndarray):
            _, onsets_s, durations_s = self.segments(name)
            return float((onsets_s + durations_s).max())
        ends = [atom.end_s for atom in atoms]
        return max((end_s for end_s in ends if end_s is not None), default=None)

    def _shared_times(self) -> list[Any]:
        """The values of the breakpoint_time annotation."""
        atoms = Atoms.of(self.annotations.get(self.shared_time or "", ()))
        return list(atoms.column("value") or [])


def _as_rows(value: ArrayLike) -> Float64:
    return np.atleast_2d(np.asarray(value, np.float64))


def _plain(value: Any) -> Any:
    """A value as JSON has it: lists inside a column may be arrays."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value
