"""The guard of every import: an annotation that a .pyjama cannot hold is left out, and named, before audio is decoded.

It stands where recordings come together, so that the importers of packages have it too. What is checked is what
`Pyjama.save` checks, so that no annotation can end an import after its audio has been decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..early import begins_s
from ..importers.contract import Recording
from ..importers.guarded import reason_of
from ..pyjama.check import checked, extent_of
from ..pyjama.file import Atom, Atoms, Definition, Entry
from .times import cut_before_zero

CUT = "annotations cut at the start of the audio"
NAMED_LATER = "; the recording comes in without it"


def guard(
    recordings: Iterable[Recording],
    definitions: Mapping[str, Definition],
    clip: bool,
    left_out: list[DataError],
) -> list[Recording]:
    """The recordings with the annotations that can be stored; an error for each that cannot goes into `left_out`.

    A recording is left out with its annotation where no other of the kind remains: one without a single annotation
    in time where it had some, or without any annotation.
    """
    kept = []
    for recording in recordings:
        try:
            fitted, errors = _guarded(recording, definitions, clip)
        except Exception as error:  # what an importer calls annotations may be anything
            text = f"the annotations of '{recording.key}' cannot be read: {reason_of(error)}"
            fitted, errors = None, [DataError(text, code="E463")]
        left_out += errors
        if fitted is not None:
            kept.append(fitted)
    return kept


def _guarded(
    recording: Recording, definitions: Mapping[str, Definition], clip: bool
) -> tuple[Recording | None, list[DataError]]:
    file = _source_of(recording)
    errors: dict[str, DataError] = {}
    columns: dict[str, Sequence[Atom]] = {}
    for name, atoms in recording.annotations.items():
        try:
            columns[name] = _columns(atoms)
        except Exception as error:  # atoms of an importer may be anything
            text = f"'{file}': annotation '{name}' of '{recording.key}' does not hold atoms: {reason_of(error)}"
            errors[name] = DataError(text, code="E423")
    for name, fault in _faults(recording.key, columns, definitions, file):
        errors.setdefault(name, fault)

    # What lies before the start of the audio is cut where the user asks for it.
    sound = {name: atoms for name, atoms in columns.items() if name not in errors}
    notes = recording.notes
    shared = _shared_time(sound, definitions)
    entry = Entry(sound, shared)
    for name in list(sound):
        start_s = begins_s(entry, name)
        if start_s is None or start_s >= 0:
            continue
        if clip and name != shared:
            sound[name] = cut_before_zero(sound[name])
            notes = (*notes, CUT)
        else:
            errors[name] = _early(file, recording.key, name, start_s)
            del sound[name]

    fitted = replace(recording, annotations=sound, notes=tuple(dict.fromkeys(notes)))
    if not errors:
        return fitted, []
    if _is_lost(recording.annotations, sound, definitions):
        return None, list(errors.values())
    return fitted, [_without(error) for error in errors.values()]


def _source_of(recording: Recording) -> str:
    """The file that a message names: where the annotations stand, else the audio, else the key."""
    for path in (*recording.read_from, *recording.audio):
        return str(Path(path))
    return recording.key


def _columns(atoms: Iterable[Atom]) -> Atoms:
    if isinstance(atoms, Atoms):
        return atoms
    return Atoms([_plain(atom.to_json()) for atom in atoms])


def _plain(value: Any) -> Any:
    """Python's own numbers, lists and dictionaries where an importer gives those of NumPy, and tuples."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def _faults(
    key: str,
    columns: Mapping[str, Sequence[Atom]],
    definitions: Mapping[str, Definition],
    file: str,
) -> list[tuple[str, DataError]]:
    """What the check of a .pyjama of this recording alone finds: (annotation, error)."""
    faults = []
    known = {"filepath": Definition("global", "text", "filepath")}
    known |= {name: definitions[name] for name in columns if name in definitions}
    for name in columns:
        if name not in definitions:
            text = f"'{file}': annotation '{name}' of '{key}' is not in the importer's 'definitions'"
            faults.append((name, DataError(text, code="E422", help="define it")))
    for name, error in _violations(key, columns, known, file):
        faults.append((name, error))
    return faults


def _violations(
    key: str,
    columns: Mapping[str, Sequence[Atom]],
    known: Mapping[str, Definition],
    file: str,
) -> list[tuple[str, DataError]]:
    usable = {name: atoms for name, atoms in columns.items() if name in known}
    if not _errors(key, usable, known, file):
        return []
    # Something is wrong: each annotation alone, with the times that curves share, tells which one it is.
    shared = _shared_time(usable, known)
    found = []
    for name in usable:
        names = {name, shared} & usable.keys()
        own = {each: usable[each] for each in usable if each in names}
        if errors := _errors(key, own, known, file):
            found.append((name, errors[0]))
    return found


def _errors(
    key: str,
    columns: Mapping[str, Sequence[Atom]],
    known: Mapping[str, Definition],
    file: str,
) -> list[DataError]:
    needed = {"filepath", *columns}
    definitions = {name: known[name].to_json() for name in known if name in needed}
    entry = {"filepath": Atoms([{"value": key}]), **columns}
    collection = {"descriptiondefinition": definitions, "entry": [entry]}
    return checked({"schemaversion": 1.4, "collection": collection}, file).errors


def _shared_time(
    columns: Mapping[str, Sequence[Atom]], definitions: Mapping[str, Definition]
) -> str | None:
    """The annotation whose times the others of the recording share, if it has one."""
    names = [
        name
        for name, definition in definitions.items()
        if definition.extent == "breakpoint_time" and name in columns
    ]
    if names:
        return names[-1]
    return None


def _early(file: str, key: str, name: str, start_s: float) -> DataError:
    return DataError(
        f"'{file}': annotation '{name}' of '{key}' begins at {start_s:g} s, before its audio",
        code="E429",
        help="--clip cuts annotations at the start and at the end of their audio",
    )


def _is_lost(
    before: Mapping[str, Sequence[Atom]],
    after: Mapping[str, Sequence[Atom]],
    definitions: Mapping[str, Definition],
) -> bool:
    """Whether a recording has lost all of its annotations, or all of those in time."""

    def in_time(names: Iterable[str]) -> set[str]:
        return {name for name in names if _extent(definitions, name) != "global"}

    if not after:
        return True
    return bool(in_time(before)) and not in_time(after)


def _extent(definitions: Mapping[str, Definition], name: str) -> str:
    definition = definitions.get(name)
    if definition is None:
        return ""
    return str(extent_of(definition.to_json()))


def _without(error: DataError) -> DataError:
    return DataError(
        f"{error.message}{NAMED_LATER}",
        code=error.code,
        where=error.where,
        facts=error.facts,
        help=error.help,
    )
