"""Audio files with annotation files beside them: the same name, another ending."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ...errors import DataError
from ..pyjama.file import Atom
from .contract import Annotations, Importer, ImportOptions, Recording
from .destination import Destination, Stored, without_ending
from .guarded import guarded
from .walk import audio_below, below, files_below


class BesideOptions(ImportOptions):
    audio: str = Field(
        "", description="the folder of the audio, where it is not the source"
    )


class Beside(Importer):
    """The part that all such layouts share; a layout says how one file is read and written."""

    Options: ClassVar[type[ImportOptions]] = BesideOptions
    endings: tuple[str, ...] = ()

    def read(self, path: Path, name: str) -> Annotations:
        """The annotations of one file; `name` is what `part` gave. Raises DataError."""
        raise NotImplementedError

    def write(self, stored: Stored, to: Destination) -> None:
        """Write the annotation files of an item, `stored.stem` with other endings. Raises DataError."""
        raise NotImplementedError

    def takes(self, path: Path) -> bool:
        """Whether a file is an annotation of this layout."""
        return path.suffix.lower() in self.endings

    def held(self, stored: Stored) -> Iterable[str]:  # noqa: ARG002
        """The annotations of an item that the layout has a place for."""
        return self.definitions

    def part(self, stem: str) -> tuple[str, str]:
        """The stem of the recording that an annotation file of this stem belongs to, and which part of it it is."""
        return stem, ""

    def key(self, relative: str) -> str:
        """The key of the audio at a path below its folder."""
        return relative

    def about(self, key: str) -> Annotations:  # noqa: ARG002
        """What the name of a recording says about it."""
        return {}

    def parts(self, path: Path, name: str) -> Iterator[Annotations | DataError | str]:
        """What one file gives: annotations, errors for what it does not give, and notes for the user."""
        yield self.read(path, name)

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        errors: list[DataError] = []
        # Files of one stem belong together: x.wav, x.lab and x.segment.lab.
        sounds: dict[str, list[Path]] = {}
        if self.with_audio:
            folder = Path(getattr(self.options, "audio", "") or source)
            for path in audio_below(folder, errors):
                sounds.setdefault(stem_of(path, folder), []).append(path)
        notes: dict[str, list[tuple[str, Path]]] = {}
        for path in files_below(source, errors):
            if self.takes(path):
                stem, name = self.part(stem_of(path, source))
                notes.setdefault(stem, []).append((name, path))

        # Audio and annotations may lie in one folder, which has then been walked through twice.
        yield from {error.message: error for error in errors}.values()
        for stem in sorted(sounds.keys() | notes.keys()):
            if stem not in notes:
                yield from (self._no_annotation(path) for path in sounds[stem])
            elif self.with_audio and stem not in sounds:
                yield from (_no_audio(path) for _, path in notes[stem])
            else:
                yield from self._recordings_of(
                    stem, sounds.get(stem, ()), notes[stem], source
                )

    def _recordings_of(
        self,
        stem: str,
        sounds: Iterable[Path],
        notes: Sequence[tuple[str, Path]],
        source: Path,
    ) -> Iterator[Recording | DataError]:
        # Each file is read under its own guard: what is wrong with one costs its annotations.
        annotations: dict[str, Sequence[Atom]] = {}
        remarks: list[str] = []
        read_from: list[Path] = []
        for name, path in notes:
            for part in guarded(path, functools.partial(self.parts, path, name)):
                if isinstance(part, DataError):
                    yield part
                elif isinstance(part, str):
                    remarks.append(part)
                else:
                    annotations |= part
                    read_from.append(path)

        # Without a single annotation that could be read there is nothing to learn from the audio.
        if not read_from:
            return
        for key, audio in self._keyed(stem, sounds, source):
            known = {**self.about(key), **annotations}
            files = tuple(dict.fromkeys(read_from))
            yield Recording(key, audio, known, tuple(remarks), files)

    def _keyed(
        self, stem: str, sounds: Iterable[Path], source: Path
    ) -> Iterator[tuple[str, tuple[Path, ...]]]:
        """The keys of the recordings of a stem, with their audio."""
        if not self.with_audio:
            yield self.key(stem), ()
            return
        folder = Path(getattr(self.options, "audio", "") or source)
        for path in sounds:
            yield self.key(below(path, folder)), (path,)

    def export(self, corpus: Sequence[Stored], to: Destination) -> Iterator[DataError]:
        yield from without_place(corpus, self.kind, self.held)
        for stored in corpus:
            try:
                to.audio(stored, stored.stem)
                self.write(stored, to)
            except DataError as error:
                yield error

    def _no_annotation(self, path: Path) -> DataError:
        endings = " or ".join(self.endings)
        return DataError(
            f"'{path}' has no annotation: no {endings} file of its name", code="E465"
        )


def stem_of(path: Path, folder: Path) -> str:
    """The path of a file below a folder, without its ending."""
    relative = below(path, folder)
    cut = without_ending(relative)
    if cut != relative:
        return cut
    return relative[: len(relative) - len(path.suffix)]


def _no_audio(path: Path) -> DataError:
    return DataError(
        f"'{path}' has no audio: no wav, flac, ogg or mp3 file of its name",
        code="E466",
        help="--set audio=FOLDER says where the audio lies, --no-audio takes annotations alone",
    )


def without_place(
    corpus: Iterable[Stored], kind: str, held: Callable[[Stored], Iterable[str]]
) -> Iterator[DataError]:
    """One DataError E469 for each annotation of the corpus that a layout cannot hold; `held` says what it can."""
    counts: Counter[str] = Counter()
    for stored in corpus:
        names = {"filepath", *held(stored)}
        # An empty annotation loses nothing.
        counts.update(
            name
            for name, atoms in stored.entry.annotations.items()
            if name not in names and len(atoms)
        )
    for name, count in counts.items():
        if count == 1:
            of = "1 recording"
        else:
            of = f"{count} recordings"
        yield DataError(
            f"'{kind}' has no place for the annotation '{name}' of {of}", code="E469"
        )
