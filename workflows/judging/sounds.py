"""Where sounds come from: a folder of audio files, a corpus, or sounds in memory; each is read when it is its turn."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import Corpus
from ...data.items import Item
from ...data.stores.audio import stream_audio
from ...data.stores.cells import unguarded_cell
from ...errors import DataError
from ...printable import listed
from ...runs.folder import RunFolder
from ...runs.settings import RunSettings
from ...tasks.sounds import Sound
from ..arguments import wrong
from ..experiment import items_of
from ..generated import CONDITIONS, FILE_COLUMN
from ..loading import load_run
from ..predict import Blocks, audio_files, blocks_of_array
from ..predicted import result_names
from ..raw_corpus import open_corpus

Float32 = NDArray[np.float32]
Read = Callable[[], tuple[Float32, int]]

LONGEST_S = 600  # of a sound that is looked at; more would not fit in memory
SIDES = ("train", "valid", "test")
ALL = "all"
LISTED = 8  # values of an annotation that a message names


@dataclass(frozen=True)
class Source:
    """One sound: its name, what reads it as (N,) with its sampling rate, and what it is, or is to be, by name."""

    name: str
    read: Read
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sounds:
    """A set of sounds.

    Attributes
    ----------
    title : str
        What it is, for tables and messages.
    sources : sequence of Source
        In the order of their names.
    """

    title: str
    sources: Sequence[Source]


@dataclass(frozen=True)
class Side:
    """Which recordings of a corpus are taken.

    Attributes
    ----------
    name : str, optional
        train, valid or test, a value of the annotation `split`, or a fold such as 5 or fold5; None for all.
    settings : RunSettings, optional
        Of the run whose split it is.
    """

    name: str | None = None
    settings: RunSettings | None = None


WHOLE = Side()


def side_of_run(name: str | None, run: str | None) -> Side:
    """A side by its name, as a run has split its corpus where one is given. Raises as `load_run`."""
    if run is None:
        return Side(name)
    _, settings = load_run(RunFolder.open(run))
    return Side(name or "test", settings)


def sounds_of(given: Any, side: Side = WHOLE) -> Sounds:
    """The sounds of a folder, of a corpus, or of a list.

    Parameters
    ----------
    given : str, Path, Corpus or sequence
        A folder of audio files, or one with a corpus; or a list of `Sound`, or of pairs (samples, sr_hz).
    side : Side
        Of a corpus; a folder of files has none.

    Raises
    ------
    DataError
        E430 for a folder without audio files, E410 to E415 for a corpus, E436 for samples that are not audio, E443 for
        a side that is empty, E667 for a side of what has none.
    """
    if isinstance(given, Corpus):
        return _of_corpus(given, side)
    if not isinstance(given, str | Path):
        return _of_memory(given)
    folder = Path(given)
    if any(folder.glob("*.pyjama")):
        return _of_corpus(open_corpus(str(given)), side)
    if side.name not in (None, ALL):
        raise DataError(
            f"'{given}' is not a corpus, and has no side '{side.name}'",
            code="E667",
            help="leave --split and --run out, or give the corpus",
        )
    paths = audio_files(folder)
    names = result_names(paths)
    asked = _asked_of(folder / CONDITIONS)
    sources = []
    for name, path in zip(names, paths, strict=True):
        sources.append(Source(name, _reading(path), asked.get(path.name, {})))
    return Sounds(str(given), sources)


def _asked_of(table: Path) -> dict[str, dict[str, str]]:
    """By the name of a file what `generate` was asked for; empty for a folder without its table.

    A table of that name which `generate` did not write is no table of what was asked for, whatever is in it.
    """
    if not table.is_file():
        return {}
    try:
        text = table.read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(text.splitlines(keepends=True)))
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    asked = {}
    for row in rows:
        # A row that is longer than the head has its rest as a list, under None.
        row.pop(None, None)
        name = unguarded_cell(row.pop(FILE_COLUMN, None) or "")
        asked[name] = {
            key: unguarded_cell(value) for key, value in row.items() if value
        }
    return asked


def _reading(path: Path) -> Read:
    def read() -> tuple[Float32, int]:
        return _joined(stream_audio(path))

    return read


def _joined(blocks: Iterable[tuple[Float32, int]]) -> tuple[Float32, int]:
    """The first `LONGEST_S` of a sound."""
    parts = []
    n_samples = 0
    rate_hz = 1
    for block, rate_hz in blocks:
        parts.append(block)
        n_samples += len(block)
        if n_samples >= LONGEST_S * rate_hz:
            break
    return np.concatenate(parts)[: LONGEST_S * rate_hz], rate_hz


def _of_memory(given: Any) -> Sounds:
    if not isinstance(given, Iterable):
        raise wrong("sounds", "a folder, a corpus or a list of sounds", given)
    sources = []
    for number, one in enumerate(given, 1):
        details: Mapping[str, Any] = {}
        if isinstance(one, Sound):
            pair = (one.samples, one.sr_hz)
            details = one.details
        elif isinstance(one, tuple) and len(one) == 2:
            pair = one
        else:
            raise wrong("sounds", "a list of Sound or of (samples, sr_hz)", one)
        # What is not audio is refused now, before anything is computed.
        playing = _playing(blocks_of_array(*pair))
        sources.append(Source(str(number), playing, details))
    return Sounds("the sounds given", sources)


def _playing(blocks: Callable[[], Blocks]) -> Read:
    return lambda: _joined(blocks())


def _of_corpus(corpus: Corpus, side: Side) -> Sounds:
    # Stems are in their mix, which would count twice.
    recordings = [item for item in corpus.items if item.stem_of is None]
    title = corpus.name
    if side.name not in (None, ALL):
        recordings = _of_side(corpus, recordings, side)
        title = f"{corpus.name}, {side.name} side"
    sources = [Source(item.key, _cut(item), _stated(item)) for item in recordings]
    return Sounds(title, sources)


def _stated(item: Item) -> dict[str, Any]:
    """The annotations of a recording that have one value."""
    found = {}
    for name, atoms in item.annotations.items():
        if len(atoms) == 1:
            found[name] = atoms[0].value
    return found


def _cut(item: Item) -> Read:
    stop = min(item.n_samples, LONGEST_S * item.sr_hz)
    return lambda: item.read(0, stop)


def _of_side(corpus: Corpus, recordings: Sequence[Item], side: Side) -> list[Item]:
    """The recordings of a side. Raises DataError E443, E667."""
    name = str(side.name)
    settings = side.settings
    if settings is not None and settings.is_of(corpus) and name in SIDES:
        found = items_of(recordings, settings.split.get(name, ()))
    else:
        found = [item for item in recordings if _stored(item, name)]
    if found:
        return found
    values = {
        str(item.entry.first(key)) for item in recordings for key in ("split", "fold")
    }
    values.discard("None")
    if name in SIDES and not values:
        raise DataError(
            f"'{corpus.name}' stores no split, so that it has no side '{name}'",
            code="E667",
            help="add --run RUN: the run has dealt the sides; or --split all",
        )
    raise DataError(
        f"the side '{name}' of '{corpus.name}' is empty",
        code="E443",
        facts=[("stored", listed(sorted(values), LISTED, quote="") or "none")],
        help="choose one of these, or all",
    )


def _stored(item: Item, name: str) -> bool:
    fold = item.entry.first("fold")
    if fold is not None and name in (str(fold), f"fold{fold}"):
        return True
    return bool(item.entry.first("split") == name)
