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

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError, raise_all
from ..stores.atomic import written_whole
from .atoms import Atom, Atoms
from .check import Checked, checked
from .definitions_check import VERSION, extent_of, shared_time
from .entry import Entry
from .json_text import dumped, read_pyjama, written

__all__ = ["Atom", "Atoms", "Definition", "Entry", "Pyjama"]


@dataclass(frozen=True, slots=True)
class Definition:
    """What an annotation means: one value of `descriptiondefinition`.

    Attributes
    ----------
    type_extent : str
        global, marker, segment, breakpoint, breakpoint_time or breakpoint_value; event is read as marker.
    type_content : str
        text or numeric.
    type_constraint : str
        free, filepath or value_in_dictionary.
    dictionary : list
        Of value_in_dictionary: the words allowed, or the lowest and the highest number.
    row_name : list of str
        A name for each row of a curve.
    generator
        What made the annotation, in any form.
    others : mapping
        Further fields of the file, which are kept.

    Examples
    --------
    >>> from mirbricks.data import Definition
    >>> Definition("segment", "numeric", "value_in_dictionary", dictionary=[0, 127]).extent
    'segment'
    """

    type_extent: str
    type_content: str
    type_constraint: str = "free"
    dictionary: list[Any] = field(default_factory=list)
    row_name: list[str] = field(default_factory=list)
    generator: Any = ""
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Definition:
        known = {name: value for name, value in raw.items() if name in _DEFINITION}
        return cls(**known, others=_rest(raw, _DEFINITION))

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _DEFINITION} | dict(self.others)

    @property
    def extent(self) -> str:
        """`type_extent` in the specification's words: 'event' is 'marker'."""
        return str(extent_of({"type_extent": self.type_extent}))


@dataclass(frozen=True)
class Pyjama:
    """A whole .pyjama file: the annotations of a corpus, and what they mean.

    Attributes
    ----------
    definitions : mapping of str to Definition
        By the names of the annotations.
    entries : list of Entry
        One for each recording.
    schemaversion : float or str
        The version of the format.
    others, collection_others : mapping
        Further fields of the file and of its collection, which are kept.

    Examples
    --------
    >>> from mirbricks.data import Atom, Definition, Entry, Pyjama
    >>> definitions = {
    ...     "filepath": Definition("global", "text", "filepath"),
    ...     "chord": Definition("segment", "text"),
    ... }
    >>> entry = Entry({"filepath": (Atom("a.wav"),), "chord": (Atom("C:maj", 0.0, 1.5),)})
    >>> Pyjama(definitions, [entry]).save("songs.pyjama")
    >>> Pyjama.load("songs.pyjama").entries[0].segments("chord")
    (['C:maj'], array([0.]), array([1.5]))
    """

    definitions: Mapping[str, Definition]
    entries: list[Entry]
    schemaversion: float | str = VERSION
    others: Mapping[str, Any] = field(default_factory=dict)
    collection_others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Pyjama:
        """Read and validate a file.

        Parameters
        ----------
        path : str or Path
            The file; older spellings and what the format's reference library writes are read too.

        Returns
        -------
        Pyjama

        Raises
        ------
        DataError
            E400 for a missing file, E409 for one that cannot be read, E420 for invalid JSON, and all violations
            (E421 to E428) in one pass.
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
        if not found.has_form:
            return None, found.errors
        return cls._of(raw, found), found.errors

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
        """Validate and write; the same content gives the same bytes.

        Parameters
        ----------
        path : str or Path
            The file, which is replaced whole.

        Raises
        ------
        DataError
            E421 to E428 for violations, E408 for a full disk or a folder that cannot be written.
        """
        raw = self._head()
        raw["collection"]["entry"] = [
            {name: Atoms.of(a) for name, a in e.annotations.items()}
            for e in self.entries
        ]

        # Checked before the file is touched: what is on the disk can always be read back.
        raise_all(checked(raw, str(path)).errors)
        # One entry as text at a time: the whole text of a large corpus would not fit into memory twice.
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
