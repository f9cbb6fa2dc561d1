"""What an importer is: a class that finds recordings in a layout of files, and may write the layout back.

::

    @importer("named", "wav files called ARTIST - TITLE.wav")
    class Named(Importer):
        definitions = {"artist": Definition("global", "text"), "title": Definition("global", "text")}

        def recordings(self, source):
            for path in sorted(source.glob("*.wav")):
                artist, _, title = path.stem.partition(" - ")
                yield Recording(path.name, (path,), {"artist": [Atom(artist)], "title": [Atom(title)]})

In a module of one's own, `mirbricks data import named SRC --out DIR --plugin MODULE` finds it. An importer decodes no
audio, and checks no key and no annotation: data/importing does that for all. An exception that reading a file may raise
costs one recording only where the importer reads each through `guarded`, as `Beside` does; an exception of `recordings`
itself ends the search, with what was found before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ...catalogue import Catalogue
from ...errors import DataError, did_you_mean
from ..pyjama.file import Atom, Definition
from .destination import Destination, Stored

Annotations = Mapping[str, Sequence[Atom]]


@dataclass(frozen=True)
class Recording:
    """One item of the corpus to be.

    key          its key in the HDF5 file, in general the path of the audio below the source, with '/'
    audio        the audio file; the sum of several; none where there are annotations only
    annotations  name -> atoms; times in seconds
    notes        what a user should know about it that does not keep it out, such as "the mix is the sum of the stems"
    read_from    the files that the annotations were read from: what is wrong with one is reported under their names
    stream       of a container with several streams of audio, such as a .stem.mp4: which one, counted from 0
    """

    key: str
    audio: tuple[Path, ...]
    annotations: Annotations = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    read_from: tuple[Path, ...] = ()
    stream: int | None = None


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]  # written "a,b,c"


class ImportOptions(BaseModel):
    """What a user may set with --set KEY=VALUE; each field has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Importer:
    """A layout of files. `definitions` of all annotations are complete when `recordings` has ended.

    options     an instance of the class's `Options`
    with_audio  False: annotations alone are asked for; a recording without an audio file is none the worse
    is_midi     the user says that pitches are MIDI numbers: annotations of pitches that look like Hz come in too
    """

    kind: ClassVar[str]
    text: ClassVar[str]
    Options: ClassVar[type[ImportOptions]] = ImportOptions
    definitions: Mapping[str, Definition] = {}
    is_midi: bool = False

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        if options is None:
            self.options = self.Options()
        else:
            self.options = options
        self.with_audio = with_audio

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        """Each recording below `source`, and for what has to be left out the error that says why."""
        raise NotImplementedError

    def export(self, corpus: Sequence[Stored], to: Destination) -> Iterator[DataError]:  # noqa: ARG002
        """Write the layout; yields what the layout has no place for."""
        raise DataError(
            f"'{self.kind}' can be imported, not exported",
            code="E461",
            help=f"kinds that can be exported: {', '.join(exported_kinds())}",
        )


C = TypeVar("C", bound=type[Importer])
IMPORTERS: Catalogue[type[Importer]] = Catalogue(
    "importer",
    package=__package__ or "",
    group="mirbricks.importers",
    error=DataError,
    code="E461",
    base=Importer,
)


def importer(kind: str, text: str) -> Callable[[C], C]:
    """Make an importer known by the word that `mirbricks data import` takes.

    Parameters
    ----------
    kind : str
        The word, such as "csv".
    text : str
        What the importer reads, for `mirbricks data kinds`.

    Raises
    ------
    RegistryError
        E301 for a word that another class has, E302 for a class that is not an Importer, E313 for a word that is not
        text.
    """

    IMPORTERS.refuse_name(kind)

    def add(cls: C) -> C:
        IMPORTERS.register(kind, cls)
        cls.kind = kind
        cls.text = text
        return cls

    return add


def kinds() -> dict[str, type[Importer]]:
    """Every importer by its word, those of other packages with them, sorted."""
    return IMPORTERS.all()


def exported_kinds() -> list[str]:
    return [kind for kind, cls in kinds().items() if cls.export is not Importer.export]


def importer_of(
    kind: str, settings: Sequence[str] = (), with_audio: bool = True
) -> Importer:
    """The importer of a kind with its options, given as "KEY=VALUE". Raises DataError E461, E464."""
    cls = IMPORTERS.get(kind)
    given = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise DataError(
                f"expected KEY=VALUE, got '{setting}'",
                code="E464",
                help="write --set key=value",
            )
        # Values stay texts here: the options' own types know what to make of them.
        given[key] = value
    try:
        return cls(cls.Options(**given), with_audio)
    except ValidationError as error:
        raise _wrong_option(cls, given, error) from error


def _wrong_option(
    cls: type[Importer], given: Mapping[str, str], error: ValidationError
) -> DataError:
    first = error.errors()[0]
    key = str(first["loc"][0])
    fields = cls.Options.model_fields
    if key not in fields:
        near = did_you_mean(key, fields) or (
            f"its options: {', '.join(fields)}" if fields else "it takes none"
        )
        return DataError(f"'{cls.kind}' has no option '{key}'", code="E464", help=near)
    if first["type"] == "missing":
        text = str(fields[key].description)
        return DataError(
            f"'{cls.kind}' needs the option '{key}'",
            code="E464",
            help=f"--set {key}=...: {text}",
        )
    return DataError(
        f"'{cls.kind}': '{given[key]}' cannot be the option '{key}'",
        code="E464",
        facts=[("reason", first["msg"])],
        help=fields[key].description,
    )
