"""A data set that mirdata can load, from where it lies on the disk (extra `mirdata`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ...errors import DataError, did_you_mean
from ..pyjama.file import Atom, Definition
from .contract import Importer, ImportOptions, Recording, importer
from .optional import optional
from .pitch import midi_of, midis_of, rows_of_frames


class MirdataOptions(ImportOptions):
    dataset: str = Field(
        description="its name in mirdata, such as beatles or guitarset"
    )
    version: str = Field("default", description="the version of the data set's index")
    index: str = Field(
        "", description="the file of the index, where mirdata has not downloaded it"
    )
    audio: str = Field(
        "audio_path",
        description="the attribute of a track that holds the path of its audio",
    )


@importer("mirdata", "a data set that is on the disk, by mirdata's loader for it")
class Mirdata(Importer):
    """A recording for each track. Words and numbers are global annotations of their names; chords, sections, keys,
    lyrics, tempi, events, beats, notes and pitches become chord, segment, key, lyrics, tempo, event, beat, pitchmidi,
    f0 and f0multi. Of several of one type the first, by name, is called so, the others by their own names.
    """

    Options: ClassVar[type[ImportOptions]] = MirdataOptions
    options: MirdataOptions

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        dataset = self._dataset(source)
        self.definitions: dict[str, Definition] = {}
        try:
            names = dataset.track_ids
        except (OSError, AttributeError) as error:
            hint = f"mirdata.initialize('{self.options.dataset}').download(['index']) gets it; or --set index=FILE"
            message = f"mirdata has no index of '{self.options.dataset}': {error}"
            raise DataError(message, code="E462", help=hint) from error
        for name in names:
            try:
                yield self._recording(name, dataset.track(name), source)
            except DataError as error:
                yield error
            except (
                Exception
            ) as error:  # a loader may raise anything where files are missing or differ
                reason = " ".join(str(error).split()) or type(error).__name__
                yield DataError(
                    f"mirdata cannot load the track '{name}': {reason}", code="E463"
                )

    def _dataset(self, source: Path) -> Any:
        mirdata = optional("mirdata", "mirdata")
        name = self.options.dataset
        known = mirdata.list_datasets()
        if name not in known:
            near = did_you_mean(name, known) or "mirdata.list_datasets() lists them"
            raise DataError(f"mirdata has no data set '{name}'", code="E464", help=near)
        try:
            dataset = mirdata.initialize(
                name, data_home=os.fspath(source), version=self.options.version
            )
        except ValueError as error:
            message = f"mirdata has no version '{self.options.version}' of '{name}'"
            raise DataError(
                message, code="E464", help=mirdata.list_dataset_versions(name)
            ) from error
        if self.options.index:
            dataset.index_path = self.options.index
        return dataset

    def _recording(self, name: str, track: Any, source: Path) -> Recording:
        path = getattr(track, self.options.audio, None)
        if self.with_audio and not (path and Path(path).exists()):
            raise DataError(
                f"the track '{name}' has no audio: '{self.options.audio}' is {path}",
                code="E466",
            )
        annotations: dict[str, list[Atom]] = {}
        skipped = []
        for attribute, value in _attributes(track, self.options.audio):
            found = _converted(attribute, value)
            if found is None:
                skipped.append(attribute)
                continue
            kind, definition, atoms = found
            if kind in annotations:
                kind = attribute
            if (
                atoms
                and self.definitions.setdefault(kind, definition).extent
                == definition.extent
            ):
                annotations[kind] = atoms
        notes = tuple(
            f"mirdata's '{attribute}' is of a type that is not imported"
            for attribute in skipped
        )
        if self.with_audio and path:
            key = os.path.relpath(path, source).replace(os.sep, "/")
        else:
            key = name
        return Recording(
            key, (Path(path),) if self.with_audio and path else (), annotations, notes
        )


def _attributes(track: Any, audio: str) -> Iterator[tuple[str, Any]]:
    """What mirdata documents of a track, sorted by name; no paths, no decoded audio."""
    names = {name for name in vars(track) if not name.startswith("_")}
    for cls in type(track).__mro__[:-1]:
        names |= {
            name
            for name in vars(cls)
            if not name.startswith("_") and not callable(vars(cls)[name])
        }
    for name in sorted(names - {audio, "track_id"}):
        if not (name.startswith("audio") or name.endswith(("_path", "_paths"))):
            yield name, getattr(track, name)


def _converted(name: str, value: Any) -> tuple[str, Definition, list[Atom]] | None:
    """(annotation, definition, atoms); None for a type that is not known. Nothing there: no atoms."""
    if value is None:
        return name, Definition("global", "text"), []
    if isinstance(value, str):
        return name, Definition("global", "text"), [Atom(value)] if value else []
    if isinstance(value, (bool, int, float, np.number)):
        if isinstance(value, np.number):
            number = value.item()
        else:
            number = value
        if isinstance(number, bool):
            number = int(number)
        return (
            name,
            Definition("global", "numeric"),
            [Atom(number)] if np.isfinite(number) else [],
        )
    if isinstance(value, (list, tuple)) and all(
        isinstance(word, str) for word in value
    ):
        return name, Definition("global", "text"), [Atom(word) for word in value]
    for cls in type(value).__mro__:
        if cls.__name__ in _TYPES:
            return _TYPES[cls.__name__](value)
    return None


def _segments(
    kind: str, words: str, numeric: bool = False
) -> Callable[[Any], tuple[str, Definition, list[Atom]]]:
    def convert(data: Any) -> tuple[str, Definition, list[Atom]]:
        values = getattr(data, words)
        if values is None:
            values = [""] * len(data.intervals)
        spans = [
            (float(begin), float(end))
            for begin, end in np.asarray(data.intervals, np.float64)
        ]
        atoms = [
            Atom(float(value) if numeric else str(value), begin, round(end - begin, 9))
            for value, (begin, end) in zip(values, spans, strict=True)
        ]
        return kind, Definition("segment", "numeric" if numeric else "text"), atoms

    return convert


def _beats(data: Any) -> tuple[str, Definition, list[Atom]]:
    """Beats; their positions in the bar, 0 where these are not known."""
    if data.positions is None:
        places = np.zeros(len(data.times))
    else:
        places = np.nan_to_num(data.positions)
    atoms = [
        Atom(float(place), float(time))
        for time, place in zip(data.times, places, strict=True)
    ]
    return "beat", Definition("marker", "numeric"), atoms


def _notes(data: Any) -> tuple[str, Definition, list[Atom]]:
    spans = np.asarray(data.intervals, np.float64)
    pitches = [
        midi_of(float(p)) if data.pitch_unit == "hz" else float(p) for p in data.pitches
    ]
    atoms = [
        Atom(p, float(b), round(float(e - b), 9))
        for p, (b, e) in zip(pitches, spans, strict=True)
    ]
    return "pitchmidi", Definition("segment", "numeric"), atoms


def _f0(data: Any) -> tuple[str, Definition, list[Atom]]:
    values = np.asarray(data.frequencies, np.float64)
    if data.voicing is None:
        voiced = np.ones(len(values))
    else:
        voiced = np.asarray(data.voicing)
    values = np.where(voiced > 0, values, 0.0)
    if data.frequency_unit == "hz":
        row = midis_of(values)
    else:
        row = values.tolist()
    if row:
        curve = [Atom([row], [float(time) for time in data.times])]
    else:
        curve = []
    return "f0", Definition("breakpoint", "numeric", row_name=["f0_midi"]), curve


def _multi_f0(data: Any) -> tuple[str, Definition, list[Atom]]:
    frames = [
        midis_of(frame) if data.frequency_unit == "hz" else list(frame)
        for frame in data.frequency_list
    ]
    if frames:
        curve = [Atom(rows_of_frames(frames), [float(time) for time in data.times])]
    else:
        curve = []
    return "f0multi", Definition("breakpoint", "numeric"), curve


_TYPES: dict[str, Callable[[Any], tuple[str, Definition, list[Atom]]]] = {
    "ChordData": _segments("chord", "labels"),
    "SectionData": _segments("segment", "labels"),
    "KeyData": _segments("key", "keys"),
    "LyricData": _segments("lyrics", "lyrics"),
    "TempoData": _segments("tempo", "tempos", numeric=True),
    "EventData": _segments("event", "events"),
    "BeatData": _beats,
    "NoteData": _notes,
    "F0Data": _f0,
    "MultiF0Data": _multi_f0,
}
