"""The atoms of one annotation, by column: a file with a million notes fits in memory and is checked in one sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

# It stands in a column where an atom does not have the field: JSON cannot hold it.
ABSENT = ...
TIMED = ("value", "time", "duration")
_PACKED = {frozenset({float}): np.float64, frozenset({int}): np.int64}


@dataclass(frozen=True, slots=True)
class Atom:
    """One annotation.

    Attributes
    ----------
    value : str, number or list
        A word or number; of several labels a list; of curves a list of rows.
    time : number or list of numbers, optional
        When it begins, in seconds; of curves the time of each value.
    duration : number, optional
        How long it holds, in seconds.
    others : mapping
        Its further fields; those that the format names have a property.

    Examples
    --------
    >>> from mirbricks.data import Atom
    >>> Atom("C:maj", 1.0, 0.5).end_s
    1.5
    """

    value: Any
    time: Any = None
    duration: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Atom:
        others = {name: value for name, value in raw.items() if name not in TIMED}
        return cls(raw["value"], raw.get("time"), raw.get("duration"), others)

    def to_json(self) -> dict[str, Any]:
        timed = {
            name: getattr(self, name)
            for name in TIMED
            if name == "value" or getattr(self, name) is not None
        }
        return timed | dict(self.others)

    @property
    def confidence(self) -> Any:
        """How sure the annotator is of the value (a number, or one a time of a curve), or None."""
        return self.others.get("confidence")

    @property
    def comment(self) -> str | None:
        comment = self.others.get("comment")
        if comment is None:
            return None
        return str(comment)

    @property
    def end_s(self) -> float | None:
        """The last moment the atom speaks of, or None for a global one."""
        if self.time is None:
            return None

        # A curve ends at its last time, which increase.
        if isinstance(self.time, list):
            last = self.time[-1]
        else:
            last = self.time
        return float(last) + float(self.duration or 0.0)


class Atoms(Sequence[Atom]):
    """A sequence of `Atom`, held as one column a field; an atom is made when it is asked for.

    Columns of only floats or only whole numbers are arrays, and so are lists of such inside an atom (curves): what
    comes out equals what went in, 72 stays 72 and 72.0 stays 72.0.
    """

    __slots__ = ("_columns", "_size")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """`rows` are the atoms as JSON has them: objects, whatever their fields."""
        self._size = len(rows)
        kinds = list(dict.fromkeys(map(tuple, rows)))
        every = dict.fromkeys(name for kind in kinds for name in kind)
        # one kind: the file's own order
        names = kinds[0] if len(kinds) == 1 else sorted(every, key=_rank)
        self._columns = {name: _column(rows, name) for name in names}

    @classmethod
    def of(cls, atoms: Iterable[Atom]) -> Atoms:
        if isinstance(atoms, Atoms):
            return atoms
        return cls([atom.to_json() for atom in atoms])

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that at least one atom has."""
        return tuple(self._columns)

    def column(self, name: str) -> Any:
        """The field of all atoms, as a list or an array, with `ABSENT` where an atom lacks it; None if all do."""
        return self._columns.get(name)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The atoms as JSON has them, one after another."""
        columns = [
            c.tolist() if isinstance(c, np.ndarray) else map(_unpacked, c)
            for c in self._columns.values()
        ]
        names = self.names
        for values in zip(*columns, strict=True):
            yield {
                name: value
                for name, value in zip(names, values, strict=True)
                if value is not ABSENT
            }

    def row(self, index: int) -> dict[str, Any]:
        """One atom as JSON has it."""
        values = (
            (name, _unpacked(_item(column[index])))
            for name, column in self._columns.items()
        )
        return {name: value for name, value in values if value is not ABSENT}

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Atom: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Atom, ...]: ...
    def __getitem__(self, index: int | slice) -> Atom | tuple[Atom, ...]:
        if isinstance(index, slice):
            return tuple(
                Atom.from_json(self.row(i)) for i in range(*index.indices(self._size))
            )
        if not -self._size <= index < self._size:
            raise IndexError(f"atom {index} of {self._size}")
        return Atom.from_json(self.row(index))

    def __iter__(self) -> Iterator[Atom]:
        return map(Atom.from_json, self.rows())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(other) == self._size and all(
            mine == its for mine, its in zip(self, other, strict=True)
        )

    def __repr__(self) -> str:
        if self._size:
            return f"Atoms({self._size} of {', '.join(self.names)})"
        return "Atoms(none)"


def compact(entry: Any) -> Any:
    """An entry with `Atoms` for every list of objects that have a 'value'; anything else stays for the check."""
    if not isinstance(entry, Mapping):
        return entry
    return {
        name: Atoms(atoms) if _is_atoms(atoms) else atoms
        for name, atoms in entry.items()
    }


def _is_atoms(atoms: Any) -> bool:
    return isinstance(atoms, list) and all(
        type(atom) is dict and "value" in atom for atom in atoms
    )


def _rank(name: str) -> int:
    if name in TIMED:
        return TIMED.index(name)
    return len(TIMED)


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    try:
        # itemgetter runs in C; only where a row lacks the field is each one asked.
        values = list(map(itemgetter(name), rows))
    except KeyError:
        values = [row.get(name, ABSENT) for row in rows]

    # Numbers of one kind take 8 bytes each as an array, and some 30 as objects.
    packed = _packed(values)
    if packed is not None:
        return packed
    return [_shrunk(value) if isinstance(value, list) else value for value in values]


def _packed(values: list[Any]) -> NDArray[Any] | None:
    """An array for only floats or only whole numbers, else None."""
    # Only columns of one type: an array of mixed ones would turn whole numbers into floats, and save them so.
    kind = _PACKED.get(frozenset(map(type, values)))
    if kind is None:
        return None
    try:
        return np.array(values, kind)
    except OverflowError:  # a whole number beyond 64 bits
        return None


def _shrunk(value: list[Any]) -> Any:
    """A row or the rows of a curve as an array where nothing is lost by it."""
    if not value or not isinstance(value[0], list):
        packed = _packed(value)
        if packed is None:
            return value
        return packed

    # Rows of a curve: a matrix, if they are of one size and of one kind.
    rows = [_packed(row) if isinstance(row, list) else None for row in value]
    first = rows[0]
    if first is None or any(
        row is None or row.dtype != first.dtype or row.size != first.size
        for row in rows
    ):
        return value
    return np.stack([row for row in rows if row is not None])


def _item(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value
