"""A data set that mirdata can load, from where it lies on the disk (extra `mirdata`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from ...errors import DataError, did_you_mean
from ..pyjama.file import Atom, Definition
from .contract import Importer, ImportOptions, Recording, importer
from .guarded import unexpected
from .mirdata_types import Annotation, converted
from .optional import optional


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
    lyrics, tempi, events, beats, notes and pitches become chord, segment, key, lyrics, tempo, event, beat, pitchmidi
    (with velocity where mirdata has it), f0 and f0multi, in seconds and MIDI numbers. Of several of one type the
    first, by name, is called so, the others by their own names. An attribute that fails costs itself only.
    """

    Options: ClassVar[type[ImportOptions]] = MirdataOptions
    options: MirdataOptions
    is_midi = True  # mirdata says in which unit pitches are

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
                yield from self._recording(name, dataset.track(name), source)
            except Exception as error:  # a loader may raise anything where files differ
                yield unexpected(f"mirdata cannot load the track '{name}'", error)

    def _dataset(self, source: Path) -> Any:
        mirdata = optional("mirdata")
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

    def _recording(
        self, name: str, track: Any, source: Path
    ) -> Iterator[Recording | DataError]:
        path = getattr(track, self.options.audio, None)
        if self.with_audio and not (path and Path(path).exists()):
            yield DataError(
                f"the track '{name}' has no audio: '{self.options.audio}' is {path}",
                code="E466",
            )
            return
        # Loaders read a file when an attribute is asked for, so each attribute has a guard of its own.
        annotations: dict[str, list[Atom]] = {}
        notes = []
        errors = []
        for attribute in attribute_names(track, self.options.audio):
            try:
                found = converted(attribute, getattr(track, attribute))
            except Exception as error:  # a loader may raise anything where files differ
                text = f"mirdata cannot load '{attribute}' of the track '{name}'"
                errors.append(unexpected(text, error))
                continue
            if found is None:
                notes.append(
                    f"mirdata's '{attribute}' is of a type that is not imported"
                )
            for one in found or ():
                if not self._take(attribute, one, annotations):
                    notes.append(
                        f"mirdata's '{attribute}' is another kind of annotation than in other tracks"
                    )
        yield from errors

        # Audio alone, where its annotations failed to load, would be learnt as "nothing here".
        if errors and not annotations:
            return
        if self.with_audio and path:
            key = os.path.relpath(path, source).replace(os.sep, "/")
            audio: tuple[Path, ...] = (Path(path),)
        else:
            key = name
            audio = ()
        yield Recording(key, audio, annotations, tuple(notes))

    def _take(
        self, attribute: str, found: Annotation, annotations: dict[str, list[Atom]]
    ) -> bool:
        """Put an annotation among those of the track; False where its name means something else in other tracks."""
        kind = found.kind
        if kind in annotations:
            kind = attribute

        # The first track that has the annotation decides what its name means.
        definition = self.definitions.setdefault(kind, found.definition)
        if definition.extent != found.definition.extent:
            return False
        annotations[kind] = found.atoms
        return True


def attribute_names(track: Any, audio: str) -> list[str]:
    """What mirdata documents of a track, sorted; no paths, no decoded audio."""
    names = {name for name in vars(track) if not name.startswith("_")}
    for cls in type(track).__mro__[:-1]:
        public = [name for name in vars(cls) if not name.startswith("_")]
        names |= {name for name in public if not callable(vars(cls)[name])}

    # Attributes called audio decode it; paths are mirdata's own business.
    return [
        name
        for name in sorted(names - {audio, "track_id"})
        if not (name.startswith("audio") or name.endswith(("_path", "_paths")))
    ]
