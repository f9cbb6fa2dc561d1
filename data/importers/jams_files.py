"""JAMS files beside the audio, read and written with the package jams (extra `jams`)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from .beside import Beside, BesideOptions
from .contract import Annotations, ImportOptions, importer
from .destination import Destination, Stored
from .guarded import reason_of
from .jams_reading import (
    BEATS,
    DEFINITIONS,
    Converted,
    Unread,
    converted,
    definition_of,
    together,
    unreadable_annotation,
)
from .optional import optional
from .pitch import hz_of

WRITTEN = {
    "chord": "chord",
    "segment": "segment_open",
    "key": "key_mode",
    "lyrics": "lyrics",
}
METADATA = ("title", "artist", "release")


class JamsOptions(BesideOptions):
    unit: Literal["", "midi"] = Field(
        "",
        description="midi: pitches of note_midi and pitch_midi are MIDI numbers, even where they look like Hz",
    )


@importer(
    "jams",
    "audio, and .jams files: chords, segments, keys, beats, notes, melodies, tags",
)
class Jams(Beside):
    """All annotations in the namespaces that are read; those in others are named.

    chord* -> chord, segment_* -> segment*, key_mode -> key, lyrics -> lyrics, beat* -> beat (its place in the bar, 0
    where not known), tempo -> tempo, tag_* -> the same; note_*, and rows of pitch_* that have a duration -> pitchmidi;
    pitch_contour, and the other rows of pitch_* -> f0 (MIDI numbers, 0 where unvoiced), or f0multi where some moment
    has several pitches; title, artist, release. Notes of one annotator come together, tags too; of other kinds the
    second annotation is called chord_2, and so on.
    """

    Options: ClassVar[type[ImportOptions]] = JamsOptions
    endings = (".jams",)

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        self.jams = optional("jams")
        self.is_midi = getattr(self.options, "unit", "") == "midi"
        words = {name: Definition("global", "text") for name in METADATA}
        self.definitions: dict[str, Definition] = DEFINITIONS | words

    def parts(self, path: Path, name: str) -> Iterator[Annotations | DataError | str]:  # noqa: ARG002
        jam = self._loaded(path)
        found: list[Converted] = []
        passed_over: list[str] = []
        is_damaged = False
        for annotation in jam.annotations:
            # An annotation that cannot be read costs itself only.
            space = str(annotation.namespace)
            try:
                for one in converted(annotation):
                    if isinstance(one, Unread):
                        passed_over.append(space)
                    else:
                        found.append(one)
            except Exception as error:  # a value may be of any form
                yield unreadable_annotation(path, space, error)
                is_damaged = True
                continue
            if n_empty := sum(row.value is None for row in _valued(annotation)):
                yield f"'{path}': {n_empty} rows of '{space}' have no value"
            if space == "beat_position":
                yield "JAMS namespace 'beat_position' read as 'beat': the positions alone"

        # With nothing read and an error reported, "nothing here is read" would say the wrong thing.
        if is_damaged and not found:
            return
        atoms = together(found)
        for key in atoms:
            self.definitions.setdefault(key, definition_of(key))
        if found:
            yield from (_passed_over(space) for space in dict.fromkeys(passed_over))
        else:
            yield _nothing_read(path, passed_over)
        words = {key: str(getattr(jam.file_metadata, key) or "") for key in METADATA}
        about = {key: [Atom(word)] for key, word in words.items() if word}
        yield {**about, **atoms}

    def _loaded(self, path: Path) -> Any:
        """The file as the package jams reads it; its values are looked at later, one annotation at a time."""
        try:
            with warnings.catch_warnings():
                # What jams uses of jsonschema is deprecated there, which does not concern the user.
                warnings.simplefilter("ignore")
                return self.jams.load(str(path), validate=False)
        except OSError:
            raise
        except Exception as error:  # whatever a foreign parser meets in a foreign file
            raise DataError(
                f"'{path}' is not a JAMS file that can be read: {reason_of(error)}",
                code="E463",
            ) from error

    def held(self, stored: Stored) -> list[str]:
        tags = [name for name in stored.entry.annotations if name.startswith("tag_")]
        return [*WRITTEN, *METADATA, *tags, "pitchmidi", "f0", "beat", "tempo"]

    def write(self, stored: Stored, to: Destination) -> None:
        found = stored.entry.annotations
        tags = [name for name in found if name.startswith("tag_")]
        ends = [atom.end_s or 0.0 for name in found for atom in found[name]]
        # JAMS wants a duration; without audio it is that of the annotations.
        jam = self.jams.JAMS()
        if stored.item:
            jam.file_metadata.duration = stored.item.duration_s
        else:
            jam.file_metadata.duration = max([*ends, 0.0])
        for key in METADATA:
            setattr(jam.file_metadata, key, str(stored.entry.first(key) or ""))

        # Each annotation goes to the namespace that reading brings it back from.
        spaces = {
            **WRITTEN,
            "pitchmidi": "note_midi",
            "beat": "beat",
            "tempo": "tempo",
        } | {tag: tag for tag in tags}
        for name, space in spaces.items():
            if name in found:
                _append(self.jams, jam, space, found[name])

        # A curve is one annotation of many rows in JAMS, a row per point.
        if len(found.get("f0", ())):
            values, times = stored.entry.breakpoints("f0")
            points = [
                Atom(_point(value), float(time))
                for time, value in zip(times, values[0], strict=True)
            ]
            _append(self.jams, jam, "pitch_contour", points)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jam.save(str(to.path(f"{stored.stem}.jams")), strict=False)


def _valued(annotation: Any) -> list[Any]:
    """The rows of an annotation whose namespace asks for a value in each."""
    if str(annotation.namespace) in ("onset", *BEATS):
        return []
    return list(annotation.data)


def _passed_over(space: str) -> str:
    return f"JAMS namespace '{space}' is not read"


def _nothing_read(path: Path, passed_over: Sequence[str]) -> str:
    if not passed_over:
        return f"'{path}' holds no annotation"
    names = ", ".join(f"'{space}'" for space in dict.fromkeys(passed_over))
    return f"nothing is read of '{path}': JAMS namespaces {names}"


def _point(midi: float) -> dict[str, Any]:
    return {"index": 0, "frequency": hz_of(float(midi)), "voiced": bool(midi > 0)}


def _append(jams: Any, jam: Any, namespace: str, atoms: Sequence[Atom]) -> None:
    annotation = jams.Annotation(
        namespace=namespace, time=0, duration=jam.file_metadata.duration
    )
    for atom in atoms:
        # JAMS wants one there
        if namespace == "tempo" and atom.confidence is None:
            sure = 1.0
        else:
            sure = atom.confidence
        annotation.append(
            time=atom.time or 0.0,
            duration=atom.duration or 0.0,
            value=atom.value,
            confidence=sure,
        )
    jam.annotations.append(annotation)
