"""The .pyjama file: the annotations of a corpus, in JSON, after G. Peeters' specification (schema versions to 1.4).

``{"schemaversion": 1.4, "collection": {"descriptiondefinition": {NAME: definition}, "entry": [{NAME: [atom]}]}}``.
An atom is ``{"value", "time", "duration", "confidence", "comment"}``, times in seconds; what it needs depends on the
extent of its annotation:

global            value                    holds for the whole recording; several atoms, or a list: several labels
marker            value, time              a point in time, such as a beat; `event` is read as the same
segment           value, time, duration    a stretch of time, such as a note or a chord
breakpoint        value (rows, T), time    curves sampled at T times, such as the f0 of several voices; several atoms
                                           have the same rows, and follow each other in time
breakpoint_time   value (1, T)             T times that the entry's breakpoint_value annotations share
breakpoint_value  value (rows, T)          curves at the times of the entry's breakpoint_time (the last one defined)

A definition also says `type_content` (text, numeric), `type_constraint` (free, filepath, value_in_dictionary), the
`dictionary` (the words allowed, or the lowest and the highest number), `row_name` (a name for each row of a curve) and
the `generator`. ``filepath[0].value`` of an entry is its key in the HDF5 file. Older spellings are read
(`data.pyjama_older`). What the format does not know is kept: a file that is loaded and saved loses nothing. Numbers
stay as they were written (72 is not 72.0), and equal content gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, raise_all
from ..stores.atomic import written_whole
from .atoms import Atom, Atoms
from .check import Checked, checked
from .definitions_check import VERSION, extent_of, shared_time
from .json_text import dumped, read_pyjama, written

__all__ = ["Atom", "Atoms", "Definition", "Entry", "Pyjama"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Definition:
    """What an annotation means: one value of `descriptiondefinition`."""

    type_extent: str
    type_content: str
    type_constraint: str = "free"
    dictionary: list[Any] = field(default_factory=list)
    row_name: list[str] = field(default_factory=list)
    generator: Any = ""
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Definition:
        return cls(
            **{k: v for k, v in raw.items() if k in _DEFINITION},
            others=_rest(raw, _DEFINITION),
        )

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _DEFINITION} | dict(self.others)

    @property
    def extent(self) -> str:
        """`type_extent` in the specification's words: 'event' is 'marker'."""
        return str(extent_of({"type_extent": self.type_extent}))


@dataclass(frozen=True, slots=True)
class Entry:
    """The annotations of one recording: name -> atoms. `shared_time` names its breakpoint_time annotation, if any."""

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
        values = [atom.value for atom in self.annotations.get(name, ())]
        return [
            one
            for value in values
            for one in (value if isinstance(value, list) else [value])
        ]

    def breakpoints(self, name: str) -> tuple[Float64, Float64]:
        """A numeric breakpoint annotation: (values (rows, T), times_s (T,)), its atoms one after another."""
        atoms = Atoms.of(self.annotations[name])
        values = [
            np.atleast_2d(np.asarray(value, np.float64))
            for value in atoms.column("value")
        ]
        times = atoms.column("time")
        if times is None:
            times = [
                row
                for value in self._shared_times()
                for row in np.atleast_2d(np.asarray(value, np.float64))
            ]
        return np.concatenate(values, axis=1), np.concatenate(
            [np.asarray(time, np.float64) for time in times]
        )

    def segments(self, name: str) -> tuple[list[Any], Float64, Float64]:
        """A segment or marker annotation: (values, onsets_s (M,), durations_s (M,)); a marker has duration 0."""
        atoms = Atoms.of(self.annotations[name])
        values, onsets, durations = (
            atoms.column(part) for part in ("value", "time", "duration")
        )
        if len(atoms) == 0:
            return [], np.zeros(0), np.zeros(0)
        if isinstance(durations, list):
            durations = [0.0 if one is ... else one for one in durations]
        if durations is None:
            seconds = np.zeros(len(atoms))
        else:
            seconds = np.asarray(durations, np.float64)
        words = [one.tolist() if isinstance(one, np.ndarray) else one for one in values] if isinstance(
            values, list) else values.tolist()  # fmt: skip
        return words, np.asarray(onsets, np.float64), seconds

    def end_s(self, name: str) -> float | None:
        """The last moment that an annotation speaks of, in seconds, or None where it has no time."""
        atoms = Atoms.of(self.annotations[name])
        if name == self.shared_time:
            return max(
                (
                    float(np.asarray(value).flat[-1])
                    for value in atoms.column("value") or []
                ),
                default=None,
            )
        if len(atoms) == 0 or atoms.column("time") is None:
            return None
        if isinstance(atoms.column("time"), np.ndarray):
            _, onsets_s, durations_s = self.segments(name)
            return float((onsets_s + durations_s).max())
        return max(
            (end_s for atom in atoms if (end_s := atom.end_s) is not None), default=None
        )

    def _shared_times(self) -> list[Any]:
        return list(
            Atoms.of(self.annotations.get(self.shared_time or "", ())).column("value")
            or []
        )


@dataclass(frozen=True)
class Pyjama:
    """A whole .pyjama file."""

    definitions: Mapping[str, Definition]
    entries: list[Entry]
    schemaversion: float | str = VERSION
    others: Mapping[str, Any] = field(default_factory=dict)
    collection_others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Pyjama:
        """Read and validate a file.

        Raises DataError E400 for a missing file, E409 for one that cannot be read, E420 for invalid JSON, and all
        violations (E421 to E428) in one pass.
        """
        pyjama, errors = cls.read(path)
        raise_all(errors)
        assert pyjama is not None
        return pyjama

    @classmethod
    def read(cls, path: str | Path) -> tuple[Pyjama | None, list[DataError]]:
        """What can be used of a file, and its violations: an annotation of an entry that has one is left out.

        None where the outer form is wrong. Raises E400, E409 and E420 as `load`.
        """
        raw = read_pyjama(Path(path))
        found = checked(raw, str(path))
        return (cls._of(raw, found) if found.has_form else None), found.errors

    @classmethod
    def _of(cls, raw: Mapping[str, Any], found: Checked) -> Pyjama:
        collection = raw["collection"]
        definitions = {
            name: Definition.from_json(d) for name, d in found.definitions.items()
        }
        shared = shared_time(found.definitions)
        return cls(
            definitions,
            [
                Entry(entry, shared if shared in entry else None)
                for entry in found.entries
            ],
            raw["schemaversion"],
            _rest(raw, ("schemaversion", "collection")),
            _rest(collection, ("descriptiondefinition", "entry")),
        )

    def save(self, path: str | Path) -> None:
        """Validate and write; the same content gives the same bytes. Raises as `load`, and E408 if it cannot write."""
        raw = self._head()
        raw["collection"]["entry"] = [
            {name: Atoms.of(a) for name, a in e.annotations.items()}
            for e in self.entries
        ]
        raise_all(checked(raw, str(path)).errors)
        entries = (
            dumped({name: list(a.rows()) for name, a in e.items()})
            for e in raw["collection"]["entry"]
        )
        with (
            written_whole(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            file.writelines(written(raw, entries))

    def to_json(self) -> dict[str, Any]:
        """The whole file as lists and dictionaries; for large files `save` needs far less memory."""
        raw = self._head()
        raw["collection"]["entry"] = [
            {
                name: list(Atoms.of(atoms).rows())
                for name, atoms in entry.annotations.items()
            }
            for entry in self.entries
        ]
        return raw

    def _head(self) -> dict[str, Any]:
        definitions = {
            name: definition.to_json() for name, definition in self.definitions.items()
        }
        collection = {"descriptiondefinition": definitions, "entry": []} | dict(
            self.collection_others
        )
        return {"schemaversion": self.schemaversion, "collection": collection} | dict(
            self.others
        )


_DEFINITION = (
    "type_extent",
    "type_content",
    "type_constraint",
    "dictionary",
    "row_name",
    "generator",
)


def _rest(raw: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in known}
