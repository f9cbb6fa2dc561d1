"""The guard of every import: an annotation that a .pyjama cannot hold is left out, and named, before audio is decoded.

It stands where recordings come together, so that the importers of packages have it too. What is checked is what
`Pyjama.save` checks, so that no annotation can end an import after its audio has been decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..early import begins_s
from ..importers.contract import Recording
from ..importers.guarded import reason_of
from ..importers.pitch import pitch_fault
from ..pyjama.check import checked
from ..pyjama.file import Atom, Atoms, Definition, Entry
from .times import cut_before_zero

CUT = "annotations cut at the start of the audio"
WITHOUT = "; the recording comes in without it"
_KEY = Definition("global", "text", "filepath")
_PITCHES = re.compile(r"(pitchmidi|f0|f0multi)(_\d+)?")  # what holds MIDI numbers


@dataclass(frozen=True)
class Guard:
    """What the annotations of an import are measured by.

    definitions  those of the importer, complete
    clip         cut annotations at the start of their audio, instead of leaving them out
    is_midi      the user says that pitches are MIDI numbers
    """

    definitions: Mapping[str, Definition]
    clip: bool = False
    is_midi: bool = False

    def keep(
        self, recordings: Iterable[Recording], left_out: list[DataError]
    ) -> list[Recording]:
        """The recordings with the annotations that can be stored; an error for each other one goes into `left_out`.

        A recording is left out with its annotation where no other of the kind remains: one without a single
        annotation in time where it had some, or without any annotation.
        """
        kept = []
        for recording in recordings:
            try:
                fitted, errors = self._kept(recording)
            except (
                Exception
            ) as error:  # what an importer calls annotations may be anything
                reason = reason_of(error)
                text = f"the annotations of '{recording.key}' cannot be read: {reason}"
                left_out.append(DataError(text, code="E463"))
                continue
            left_out += errors
            if fitted is not None:
                kept.append(fitted)
        return kept

    def _kept(self, recording: Recording) -> tuple[Recording | None, list[DataError]]:
        trial = _Trial(recording, self)
        # In this order: times and pitches can be looked at only where the form is right.
        trial.read_columns()
        trial.leave_out_unstorable()
        trial.leave_out_early()
        trial.leave_out_wrong_pitches()
        notes = tuple(dict.fromkeys((*recording.notes, *trial.notes)))
        fitted = replace(recording, annotations=trial.sound, notes=notes)
        errors = list(trial.errors.values())
        if errors and self._is_lost(recording.annotations, trial.sound):
            return None, errors
        return fitted, [_without(error) for error in errors]

    def _is_lost(
        self, before: Mapping[str, Sequence[Atom]], after: Mapping[str, Sequence[Atom]]
    ) -> bool:
        """Whether a recording has lost all of its annotations, or all of those in time."""
        if not after:
            return True
        return any(map(self._is_in_time, before)) and not any(
            map(self._is_in_time, after)
        )

    def _is_in_time(self, name: str) -> bool:
        return name not in self.definitions or self.definitions[name].extent != "global"


@dataclass
class _Trial:
    """The annotations of one recording: those that are `sound`, and an error for each that is not."""

    recording: Recording
    guard: Guard
    sound: dict[str, Atoms | list[Atom]] = field(default_factory=dict)
    errors: dict[str, DataError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """What a message names: the file of the annotations, else that of the audio, else the key."""
        for path in (*self.recording.read_from, *self.recording.audio):
            return str(Path(path))
        return self.recording.key

    def read_columns(self) -> None:
        """Atoms by column, whatever sequence the importer gives, with Python's own numbers."""
        for name, atoms in self.recording.annotations.items():
            try:
                self.sound[name] = _columns(atoms)
            except Exception as error:  # atoms of an importer may be anything
                self._leave_out(
                    name, "E423", f"does not hold atoms: {reason_of(error)}"
                )

    def leave_out_unstorable(self) -> None:
        """What the check of a .pyjama refuses."""
        for name in list(self.sound):
            if name not in self.guard.definitions or name == "filepath":
                self._leave_out(name, "E422", "is not in the importer's 'definitions'")
        # All at once first, which is what nearly every recording passes.
        if not self._violations(self.sound):
            return
        # Something is wrong: each annotation alone, with the times that curves share, tells which one it is.
        shared = self._shared_time()
        for name, atoms in list(self.sound.items()):
            own = {name: atoms}
            if shared is not None:
                own[shared] = self.sound.get(shared, [])
            for error in self._violations(own)[:1]:
                self.errors[name] = error
        for name in self.errors:
            self.sound.pop(name, None)

    def leave_out_early(self) -> None:
        """What begins before 0 s, unless the user asks for it to be cut."""
        shared = self._shared_time()
        entry = Entry(dict(self.sound), shared)
        for name, atoms in list(self.sound.items()):
            start_s = begins_s(entry, name)
            if start_s is None or start_s >= 0:
                continue
            # Where all of it lies before 0, nothing is left that could be kept.
            if self.guard.clip and name != shared:
                left = cut_before_zero(atoms)
                if left:
                    self.sound[name] = left
                    self.notes.append(CUT)
                    continue
            help = "--clip cuts annotations at the start and at the end of their audio"
            text = f"begins at {start_s:g} s, before its audio"
            self._leave_out(name, "E429", text, help)

    def leave_out_wrong_pitches(self) -> None:
        """Pitches that cannot be MIDI numbers, or look like Hz."""
        for name, atoms in list(self.sound.items()):
            definition = self.guard.definitions[name]
            # A single number for a whole recording may be anything, such as its key.
            is_in_time = definition.extent in ("segment", "breakpoint")
            if not is_in_time or not _PITCHES.fullmatch(name):
                continue
            fault = pitch_fault(_numbers(atoms), self.guard.is_midi)
            if fault is not None:
                help = "write MIDI numbers, 69 for 440 Hz; if they are such numbers, --set unit=midi says so"
                self._leave_out(name, "E463", f"cannot be used: {fault}", help)

    def _leave_out(
        self, name: str, code: str, text: str, help: str | None = None
    ) -> None:
        message = f"'{self.file}': annotation '{name}' of '{self.recording.key}' {text}"
        self.errors[name] = DataError(message, code=code, help=help)
        self.sound.pop(name, None)

    def _violations(self, atoms: Mapping[str, Sequence[Atom]]) -> list[DataError]:
        """What the check says of a .pyjama that holds these annotations of the recording alone."""
        known = self.guard.definitions
        definitions = {name: known[name].to_json() for name in atoms}
        entry = {"filepath": Atoms([{"value": self.recording.key}]), **atoms}
        collection = {
            "descriptiondefinition": {"filepath": _KEY.to_json()} | definitions,
            "entry": [entry],
        }
        raw = {"schemaversion": 1.4, "collection": collection}
        return checked(raw, self.file).errors

    def _shared_time(self) -> str | None:
        """The annotation whose times the others of the recording share, if it has one."""
        extents = {name: self.guard.definitions[name].extent for name in self.sound}
        names = [
            name for name, extent in extents.items() if extent == "breakpoint_time"
        ]
        if names:
            return names[-1]
        return None


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
    # NumPy's scalars have it as well as its arrays.
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def _numbers(atoms: Sequence[Atom]) -> Iterator[float]:
    """The single values of numeric atoms, whatever their form."""
    values = Atoms.of(atoms).column("value")
    for value in [] if values is None else values:
        yield from np.ravel(np.asarray(value, np.float64)).tolist()


def _without(error: DataError) -> DataError:
    return DataError(
        f"{error.message}{WITHOUT}",
        code=error.code,
        where=error.where,
        facts=error.facts,
        help=error.help,
    )
