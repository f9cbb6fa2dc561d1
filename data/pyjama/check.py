"""What is wrong with a .pyjama file: every violation in one pass, each with its entry, annotation and atom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import DataError, did_you_mean
from .atoms import Atoms, compact
from .atoms_check import annotation_faults
from .definitions_check import (
    definition_faults,
    extent_of,
    form_faults,
    shared_time,
    version_faults,
)
from .fault import Fault, is_finite, kind_of

MAX_LISTED = 50


@dataclass
class Checked:
    """A parsed file after the check: its violations, and what can be used of it."""

    errors: list[DataError]
    has_form: bool = False
    definitions: dict[str, Any] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)


def violations(raw: Any, file: str) -> list[DataError]:
    """The violations of a parsed file, in its order, at most `MAX_LISTED`; equal ones of one annotation are counted."""
    return checked(raw, file).errors


def checked(raw: Any, file: str) -> Checked:
    """The violations as `violations`, and what can be used of the file.

    Those are the sound definitions, and the entries with a key of their own, less the annotations with a violation.
    """
    # Without the outer form there are no definitions and no entries to look at.
    if faults := list(form_faults(raw)):
        return Checked([_error(file, fault) for fault in faults])
    collection = raw["collection"]
    faults = list(version_faults(raw["schemaversion"]))

    # What a definition means must be clear before the atoms of its annotation can be looked at.
    definitions: dict[str, Any] = collection["descriptiondefinition"]
    sound = {}
    for name, definition in definitions.items():
        own = list(definition_faults(name, definition))
        faults += own
        if not own:
            sound[name] = definition
    errors = [_error(file, fault) for fault in faults]

    look = _Look(file, definitions, sound)
    entries = []
    for index, entry in enumerate(collection["entry"]):
        good = compact(entry)
        errors += look.entry_errors(good, index)
        if isinstance(good, dict) and "filepath" in good:
            entries.append(good)

    # Entries have been looked at atom by atom; what is around them is not described, and must only be valid JSON.
    outside = {**raw, "collection": {**collection, "entry": []}}
    if not errors and not is_finite(outside):
        text = "a number outside the entries is NaN or infinite"
        errors = [_error(file, Fault("E426", text))]
    return Checked(_shortened(errors), True, sound, entries)


class _Look:
    """One pass over the entries of a file: which keys there were already."""

    def __init__(
        self, file: str, definitions: Mapping[str, Any], sound: Mapping[str, Any]
    ) -> None:
        self.file = file
        self.definitions = definitions
        self.sound = sound
        self.shared = shared_time(sound)
        self.seen = set[str]()

    def entry_errors(self, entry: Any, index: int) -> Iterator[DataError]:
        """The violations of an entry, whose annotations that have one are taken out of it."""
        if not isinstance(entry, dict):
            text = f"entry {index}: expected an object, got {kind_of(entry)}"
            yield _error(self.file, Fault("E421", text))
            return
        key = _key(entry)
        label = f"entry '{key}'" if key else f"entry {index}"
        fault = self._key_fault(key, label)
        if fault:
            yield _error(self.file, fault)

        # Curves of an entry may share their times, so these are counted before any curve is checked.
        n_times = _shared_size(entry, self.shared)
        for name, atoms in list(entry.items()):
            errors = list(self._annotation_errors(name, atoms, label, n_times))
            # An entry that shares its key with another, or has none, is left without one: it is not used.
            unusable = name == "filepath" and fault is not None
            if errors or unusable or name not in self.sound:
                del entry[name]
            yield from errors

    def _key_fault(self, key: str | None, label: str) -> Fault | None:
        if not key:
            example = '"filepath": [{"value": "NAME.wav"}]'
            help = f"add the key of its audio: {example}"
            return Fault("E427", f"{label} has no filepath", help)
        if key in self.seen:
            text = f"two entries have the filepath '{key}'"
            return Fault("E427", text, "join them, or rename one")
        self.seen.add(key)
        return None

    def _annotation_errors(
        self, name: str, atoms: Any, label: str, n_times: int | None
    ) -> Iterator[DataError]:
        """One error per code: the first atom that has it, and how many others have it too."""
        place = f"{label}, annotation '{name}'"
        if name not in self.definitions:
            known = ", ".join(self.definitions)
            near = did_you_mean(name, self.definitions)
            text = f"{place} is not in 'descriptiondefinition'"
            help = near or f"define it, or use one of: {known}"
            yield _error(self.file, Fault("E422", text, help))
            return
        if not isinstance(atoms, (list, Atoms)):
            text = f"{place}: expected a list of atoms, got {kind_of(atoms)}"
            yield _error(self.file, Fault("E423", text))
            return

        # What its definition gets wrong has been reported, and would be again for each of its annotations.
        if name not in self.sound:
            return
        definition = dict(self.sound[name])
        definition["type_extent"] = extent_of(definition)

        # A fault that an annotation has a thousand times is one fault to whoever mends it.
        by_code: dict[str, list[tuple[int, Fault]]] = defaultdict(list)
        for index, fault in annotation_faults(atoms, definition, n_times):
            by_code[fault.code].append((index, fault))
        for faults in by_code.values():
            index, first = faults[0]
            others = len(faults) - 1
            more = [("also", f"{others} more atoms of this annotation")]
            yield DataError(
                f"'{self.file}': {place}, atom {index}: {first.text}",
                code=first.code,
                facts=more if others else [],
                help=first.help,
            )


def _shared_size(entry: Mapping[str, Any], name: str | None) -> int | None:
    """How many times the entry's breakpoint_value annotations have; None without a breakpoint_time."""
    atoms = entry.get(name) if name else None
    if not isinstance(atoms, Atoms) or len(atoms) == 0:
        return None

    # One row of times, written plainly or as the only row of a matrix.
    row: Any = atoms.row(0)["value"]
    if isinstance(row, list) and row and isinstance(row[0], list):
        row = row[0]
    if isinstance(row, list):
        return len(row)
    return None


def _key(entry: Mapping[str, Any]) -> str | None:
    """`filepath[0].value`, or None where there is none."""
    atoms = entry.get("filepath")
    if not isinstance(atoms, Atoms) or len(atoms) == 0:
        return None
    value = atoms.row(0).get("value")
    if isinstance(value, str) and value:
        return value
    return None


def _error(file: str, fault: Fault) -> DataError:
    return DataError(f"'{file}': {fault.text}", code=fault.code, help=fault.help)


def _shortened(errors: list[DataError]) -> list[DataError]:
    """The first `MAX_LISTED` errors; the last of them says how many follow."""
    rest = len(errors) - MAX_LISTED
    if rest <= 0:
        return errors
    last = errors[MAX_LISTED - 1]
    facts = [*last.facts, ("more", f"{rest} violations that are not listed")]
    cut = DataError(last.message, code=last.code, facts=facts, help=last.help)
    return [*errors[: MAX_LISTED - 1], cut]
