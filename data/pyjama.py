"""The .pyjama file: the annotations of a corpus, in JSON.

``{"schemaversion": 1.31, "collection": {"descriptiondefinition": {NAME: definition}, "entry": [{NAME: [atom]}]}}``.
An atom is ``{"value", "time", "duration"}``, times in seconds; what it needs depends on the extent of its annotation:

global      value                       holds for the whole recording
event       value, time                 a point in time
segment     value, time, duration       a stretch of time, such as a note or a chord
breakpoint  value (rows, T), time (T,)  curves sampled at T times, such as the f0 of several voices; several atoms
                                        have the same rows and follow each other in time

``filepath[0].value`` of an entry is its key in the HDF5 file. What the format does not know is kept: a file that is
loaded and saved loses nothing. Numbers stay as they were written (72 is not 72.0), and equal content gives equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, Where, raise_all
from .atomic import written_whole
from .pyjama_check import violations
from .reading import unreadable

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Definition:
    """What an annotation means: one value of `descriptiondefinition`."""

    type_extent: str
    type_content: str
    type_constraint: str = "free"
    dictionary: list[Any] = field(default_factory=list)
    row_name: list[str] = field(default_factory=list)
    generator: str = ""
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Definition:
        return cls(**{k: v for k, v in raw.items() if k in _DEFINITION}, others=_rest(raw, _DEFINITION))

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _DEFINITION} | dict(self.others)


@dataclass(frozen=True, slots=True)
class Atom:
    """One annotation: `value` from `time` on for `duration`, in seconds; None where the file has none."""

    value: Any
    time: Any = None
    duration: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Atom:
        return cls(raw["value"], raw.get("time"), raw.get("duration"), _rest(raw, _ATOM))

    def to_json(self) -> dict[str, Any]:
        timed = {name: getattr(self, name) for name in _ATOM if name == "value" or getattr(self, name) is not None}
        return timed | dict(self.others)

    @property
    def end_s(self) -> float | None:
        """The last moment the atom speaks of, or None for a global one."""
        if self.time is None:
            return None
        last = self.time[-1] if isinstance(self.time, list) else self.time
        return float(last) + float(self.duration or 0.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """The annotations of one recording: name -> atoms."""

    annotations: Mapping[str, tuple[Atom, ...]]

    @property
    def filepath(self) -> str:
        """The key of the recording in the HDF5 file."""
        return str(self.annotations["filepath"][0].value)

    def first(self, name: str) -> Any:
        """The value of the first atom of a global annotation, or None without one."""
        atoms = self.annotations.get(name, ())
        return atoms[0].value if atoms else None

    def breakpoints(self, name: str) -> tuple[Float64, Float64]:
        """A numeric breakpoint annotation: (values (rows, T), times_s (T,)), its atoms one after another."""
        atoms = self.annotations[name]
        values = [np.atleast_2d(np.asarray(atom.value, np.float64)) for atom in atoms]
        return np.concatenate(values, axis=1), np.concatenate([np.asarray(a.time, np.float64) for a in atoms])

    def segments(self, name: str) -> tuple[list[Any], Float64, Float64]:
        """A segment or event annotation: (values, onsets_s (M,), durations_s (M,)); an event has duration 0."""
        atoms = self.annotations[name]
        onsets = np.array([atom.time for atom in atoms], np.float64)
        return [atom.value for atom in atoms], onsets, np.array([a.duration or 0.0 for a in atoms], np.float64)


@dataclass(frozen=True)
class Pyjama:
    """A whole .pyjama file."""

    definitions: Mapping[str, Definition]
    entries: list[Entry]
    schemaversion: float | str = 1.31
    others: Mapping[str, Any] = field(default_factory=dict)
    collection_others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Pyjama:
        """Read and validate a file.

        Raises DataError E400 for a missing file, E409 for one that cannot be read, E420 for invalid JSON, and all
        violations (E421 to E428) in one pass.
        """
        raw = _parse(Path(path))
        raise_all(violations(raw, str(path)))
        collection = raw["collection"]
        return cls(
            {name: Definition.from_json(d) for name, d in collection["descriptiondefinition"].items()},
            [
                Entry({name: tuple(map(Atom.from_json, atoms)) for name, atoms in entry.items()})
                for entry in collection["entry"]
            ],
            raw["schemaversion"],
            _rest(raw, ("schemaversion", "collection")),
            _rest(collection, ("descriptiondefinition", "entry")),
        )

    def save(self, path: str | Path) -> None:
        """Validate and write; the same content gives the same bytes. Raises as `load`, and E408 if it cannot write."""
        raw = self.to_json()
        raise_all(violations(raw, str(path)))
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(raw, separators=(",", ":"), allow_nan=False), encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        collection = {
            "descriptiondefinition": {name: definition.to_json() for name, definition in self.definitions.items()},
            "entry": [
                {name: [atom.to_json() for atom in atoms] for name, atoms in entry.annotations.items()}
                for entry in self.entries
            ],
        }
        own = {"schemaversion": self.schemaversion, "collection": collection | dict(self.collection_others)}
        return own | dict(self.others)


_DEFINITION = ("type_extent", "type_content", "type_constraint", "dictionary", "row_name", "generator")
_ATOM = ("value", "time", "duration")


def _rest(raw: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in known}


def _parse(path: Path) -> Any:
    try:
        if not path.is_file():
            raise DataError(f"there is no file '{path}'", code="E400", help="check the path; the file is NAME.pyjama")
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text)
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        message = f"'{path}' is not UTF-8 text from byte {error.start} on"
        raise DataError(message, code="E420", help="save it as UTF-8") from error
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1]
        where = Where(str(path), error.lineno, error.colno, text=line if len(line) <= 160 else "")
        near = [] if where.text else [("after", text[max(0, error.pos - 60) : error.pos])]
        raise DataError(f"not valid JSON: {error.msg}", code="E420", where=where, facts=near) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of open brackets
        raise DataError(f"'{path}' is not valid JSON: {error}", code="E420") from error
