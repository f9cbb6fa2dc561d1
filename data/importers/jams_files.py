"""JAMS files beside the audio, read and written with the package jams (extra `jams`)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from .beside import Beside
from .contract import Annotations, importer
from .destination import Destination, Stored
from .optional import optional
from .pitch import hz_of, midi_of

SEGMENTS = {
    "chord": "chord",
    "chord_harte": "chord",
    "segment_open": "segment",
    "key_mode": "key",
    "lyrics": "lyrics",
}
SEGMENTS |= {
    f"segment_salami_{part}": f"segment_{part}"
    for part in ("function", "lower", "upper")
}
NOTES = {"note_midi": False, "note_hz": True}  # whether the values are in Hz
CURVES = {"pitch_contour": True, "pitch_midi": False, "pitch_hz": True}
WRITTEN = {
    "chord": "chord",
    "segment": "segment_open",
    "key": "key_mode",
    "lyrics": "lyrics",
}
METADATA = ("title", "artist", "release")


@importer(
    "jams",
    "audio, and .jams files: chords, segments, keys, beats, notes, melodies, tags",
)
class Jams(Beside):
    """The first annotation of each kind is taken; what stands under other names of JAMS is passed over.

    chord* -> chord, segment_* -> segment*, key_mode -> key, lyrics -> lyrics, note_* -> pitchmidi, pitch_* -> f0
    (MIDI numbers, 0 where unvoiced), beat -> beat (its place in the bar, 0 where not known), tempo -> tempo,
    tag_* -> the same; title, artist, release.
    """

    endings = (".jams",)

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        self.jams = optional("jams", "jams")
        texts = {name: Definition("segment", "text") for name in SEGMENTS.values()}
        numbers = {
            name: Definition("segment", "numeric") for name in ("pitchmidi", "tempo")
        }
        curves = {"f0": Definition("breakpoint", "numeric", row_name=["f0_midi"])}
        beats = {"beat": Definition("marker", "numeric")}
        words = {name: Definition("global", "text") for name in METADATA}
        self.definitions: dict[str, Definition] = (
            texts | numbers | curves | beats | words
        )

    def read(self, path: Path, name: str) -> Annotations:  # noqa: ARG002
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # jams' own use of what jsonschema deprecates
                found = self.jams.load(str(path), strict=False)
        except OSError:
            raise
        except Exception as error:  # whatever a foreign parser meets in a foreign file
            if str(error):
                first = str(error).splitlines()[0]
            else:
                first = type(error).__name__
            raise DataError(
                f"'{path}' is no JAMS file, or a damaged one: {first}", code="E463"
            ) from error
        annotations: dict[str, Sequence[Atom]] = {}
        for annotation in found.annotations:
            for key, atoms in self._converted(annotation).items():
                annotations.setdefault(key, atoms)
        words = {key: str(getattr(found.file_metadata, key) or "") for key in METADATA}
        return {
            **{key: [Atom(word)] for key, word in words.items() if word},
            **annotations,
        }

    def _converted(self, annotation: Any) -> dict[str, list[Atom]]:
        space = annotation.namespace
        rows = [
            row for row in annotation.data if row.value is not None or space == "beat"
        ]
        if not rows:
            return {}
        if space in SEGMENTS:
            return {SEGMENTS[space]: [_span(row, str(row.value)) for row in rows]}
        if space in NOTES:
            return {
                "pitchmidi": [
                    _span(row, midi_of(row.value) if NOTES[space] else row.value)
                    for row in rows
                ]
            }
        if space in CURVES:
            return {"f0": [_curve(rows, CURVES[space])]}
        if space == "beat":
            return {"beat": [Atom(row.value or 0, float(row.time)) for row in rows]}
        if space == "tempo":
            return {"tempo": [_span(row, row.value) for row in rows]}
        if space.startswith("tag_"):
            self.definitions[space] = Definition("global", "text")
            return {space: [Atom(str(row.value)) for row in rows]}
        return {}

    def held(self, stored: Stored) -> list[str]:
        tags = [name for name in stored.entry.annotations if name.startswith("tag_")]
        return [*WRITTEN, *METADATA, *tags, "pitchmidi", "f0", "beat", "tempo"]

    def write(self, stored: Stored, to: Destination) -> None:
        found = stored.entry.annotations
        tags = [name for name in found if name.startswith("tag_")]
        ends = [atom.end_s or 0.0 for name in found for atom in found[name]]
        jam = self.jams.JAMS()
        if stored.item:
            jam.file_metadata.duration = stored.item.duration_s
        else:
            jam.file_metadata.duration = max([*ends, 0.0])
        for key in METADATA:
            setattr(jam.file_metadata, key, str(stored.entry.first(key) or ""))
        spaces = {
            **WRITTEN,
            "pitchmidi": "note_midi",
            "beat": "beat",
            "tempo": "tempo",
        } | {tag: tag for tag in tags}
        for name, space in spaces.items():
            if len(found.get(name, ())):
                _append(self.jams, jam, space, found[name])
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


def _span(row: Any, value: Any) -> Atom:
    if row.confidence is None:
        sure = {}
    else:
        sure = {"confidence": row.confidence}
    return Atom(value, float(row.time), float(row.duration), sure)


def _curve(rows: Sequence[Any], in_hz: bool) -> Atom:
    """Rows in the order of time as one curve; 0 where unvoiced. Of several pitches at one time the first counts."""
    by_time: dict[float, float] = {}
    for row in rows:
        if isinstance(row.value, dict):
            point = row.value
        else:
            point = {"frequency": row.value, "voiced": True}
        value = float(point["frequency"]) * bool(point["voiced"])
        by_time.setdefault(float(row.time), midi_of(value) if in_hz else value)
    return Atom([list(by_time.values())], list(by_time))


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
