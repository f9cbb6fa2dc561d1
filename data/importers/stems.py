"""The mix and the stems of each track, in a folder or in one file.

As MUSDB18-HQ has them, TRACK/{mixture,vocals,drums}.wav, or as MUSDB18 does, the streams of TRACK.stem.mp4.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from .beside import without_place
from .contract import Importer, ImportOptions, Names, Recording, importer
from .destination import Destination, Stored
from .guarded import guarded
from .stem_containers import (
    ENDING,
    STREAMS,
    is_container,
    refuse_other_streams,
    refuse_without_package,
)
from .walk import audio_below, below

SPLITS = ("train", "valid", "test")
DEFINITIONS = {
    "piece": Definition("global", "text"),
    "instrument": Definition("global", "text"),
    "split": Definition("global", "text", "value_in_dictionary", list(SPLITS)),
}


class StemsOptions(ImportOptions):
    mixture: str = Field(
        "mixture",
        min_length=1,
        description="the name of the mix in each folder, without ending",
    )
    streams: Names = Field(
        STREAMS,
        description="what the streams of a .stem.mp4 are, in their order; default: those of MUSDB18",
    )


@importer(
    "stems",
    "a folder for each track, with mixture.wav and its stems, or TRACK.stem.mp4",
)
class Stems(Importer):
    """A stem has `instrument` (its name) and `stem_of`; all have `piece` (the folder) and, in train/, `split`.

    Where a folder has stems and no mix, the mix is their sum. A .stem.mp4 gives what a folder of its name would.
    """

    Options: ClassVar[type[ImportOptions]] = StemsOptions
    options: StemsOptions
    definitions = DEFINITIONS

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        errors: list[DataError] = []
        sounds = sorted(
            audio_below(source, errors, (ENDING,)),
            key=lambda path: (below(path.parent, source), path.name),
        )
        refuse_without_package(sounds)
        yield from errors
        # A folder is a track; what lies beside the folders belongs to none.
        for folder, there in itertools.groupby(sounds, lambda path: path.parent):
            together = list(there)
            for path in filter(is_container, together):
                yield from guarded(path, partial(self._streams, path, source))
            paths = [path for path in together if not is_container(path)]
            track = below(folder, source)
            if track != "." and paths:
                yield from self._track(track, paths)
                continue
            for path in paths:
                yield DataError(f"'{path}' does not lie in TRACK/", code="E433")

    def _streams(self, path: Path, source: Path) -> Iterator[Recording]:
        """The recordings of a container, under the keys that a folder of its name would give them."""
        names = self.options.streams
        mixture = self.options.mixture
        refuse_other_streams(path, names, mixture)
        track = below(path, source)[: -len(ENDING)]
        about = _about(track)
        key = f"{track}/{mixture}.wav"
        yield Recording(key, (path,), about, stream=names.index(mixture))
        for number, name in enumerate(names):
            if name != mixture:
                own = {"instrument": [Atom(name)], "stem_of": [Atom(key)]}
                stem = f"{track}/{name}.wav"
                yield Recording(stem, (path,), about | own, stream=number)

    def _track(self, track: str, paths: Sequence[Path]) -> Iterator[Recording]:
        about = _about(track)

        # A folder without a mix still has one: the sum of its stems, which the import decodes and adds.
        mixture = self.options.mixture
        mix = next((path for path in paths if path.stem == mixture), None)
        stems = [path for path in paths if path != mix]
        if mix is None:
            key = f"{track}/{mixture}.wav"
            note = f"no {mixture} in its folder: the mix is the sum of the stems"
            yield Recording(key, tuple(stems), about, (note,))
        else:
            key = f"{track}/{mix.name}"
            yield Recording(key, (mix,), about)
        for path in stems:
            own = {"instrument": [Atom(path.stem)], "stem_of": [Atom(key)]}
            yield Recording(f"{track}/{path.name}", (path,), about | own)

    def export(self, corpus: Sequence[Stored], to: Destination) -> Iterator[DataError]:
        yield from without_place(
            corpus, "stems", lambda _: (*self.definitions, "stem_of")
        )
        # Mixes first: the folder of a stem is that of its mix.
        tracks = {
            stored.key: self._folder(stored)
            for stored in corpus
            if stored.stem_of is None
        }
        for stored in corpus:
            mix = stored.stem_of
            try:
                if mix is None:
                    to.audio(stored, f"{tracks[stored.key]}/{self.options.mixture}")
                elif mix in tracks:
                    to.audio(stored, f"{tracks[mix]}/{_name(stored, tracks[mix])}")
                else:
                    yield DataError(
                        f"'{stored.key}' is a stem of a stem, '{mix}'", code="E469"
                    )
            except DataError as error:
                yield error

    def _folder(self, mix: Stored) -> str:
        folder, _, name = mix.stem.rpartition("/")
        # A mix that came from such a layout has its track as its folder already.
        if folder and name == self.options.mixture:
            track = folder
        else:
            track = mix.stem
        split = mix.entry.first("split")
        if split and not track.startswith(f"{split}/"):
            return f"{split}/{track}"
        return track


def _about(track: str) -> dict[str, list[Atom]]:
    """What is true of a track and of its stems, by its folder."""
    # train/TRACK says the side; a track that is itself called "train" does not.
    split, _, name = track.partition("/")
    if split in SPLITS and name:
        return {"piece": [Atom(name)], "split": [Atom(split)]}
    return {"piece": [Atom(track)]}


def _name(stem: Stored, track: str) -> str:
    """What the stem is called beside its mix: what its key has more than that of the mix, else its instrument."""
    folder, _, name = stem.stem.rpartition("/")
    if folder and (track == folder or track.endswith(f"/{folder}")):
        return name
    # As Bach10 has them: 01-Ach-violin.wav beside 01-Ach.wav.
    more = stem.stem.removeprefix(track.rpartition("/")[2]).strip("-_ ")
    if more and more != stem.stem:
        return more
    return str(stem.entry.first("instrument") or name)
