"""The files of a corpus, and who belongs to whom in them: keys, mixes and stems, groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, did_you_mean
from ..printable import listed
from .pyjama.file import Entry, Pyjama
from .stores.audio import AUDIO_ENDINGS
from .stores.hdf5 import AudioStore, FeatureStore
from .stores.reading import unreadable

GROUPING = ("piece", "work-id")
AUDIO = "_audio.hdf5"
FEATURES = "_feat.hdf5"
DIGITS = 5  # of the numbers of parts, as data sets in shards are mostly called
NOTES = ".pyjama"
RENAME = "rename them so that both begin with the same NAME"
_LISTED = 5


@dataclass(frozen=True)
class CorpusFiles:
    """NAME.pyjama of a folder, with NAME_audio.hdf5, NAME_feat.hdf5 or both, each whole or in parts.

    audio, features  one file, the parts in their order, or nothing
    """

    folder: Path
    name: str
    audio: tuple[Path, ...]
    features: tuple[Path, ...]

    @property
    def notes(self) -> Path:
        return self.folder / f"{self.name}{NOTES}"


def find_corpus(folder: Path) -> CorpusFiles:
    """The one corpus of a folder. Raises DataError E409, E410, and E472 for parts that are missing or too many."""
    try:
        files = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"there is no folder '{folder}'",
            code="E410",
            help="give the folder of NAME_audio.hdf5 and NAME.pyjama",
        ) from error
    except OSError as error:
        raise unreadable(folder, error) from error

    # A corpus is told by its name: annotations, and audio or features, that are called alike.
    audio = _by_name(files, AUDIO)
    features = _by_name(files, FEATURES)
    notes = {file.removesuffix(NOTES) for file in files if file.endswith(NOTES)}
    pairs = sorted((audio.keys() | features.keys()) & notes)
    if len(pairs) == 1:
        name = pairs[0]
        return CorpusFiles(
            folder,
            name,
            _whole(folder, f"{name}{AUDIO}", audio.get(name, [])),
            _whole(folder, f"{name}{FEATURES}", features.get(name, [])),
        )
    by_ending = {AUDIO: set(audio), FEATURES: set(features), NOTES: notes}
    raise _not_one(folder, files, by_ending)


def part_name(whole: str, number: int, of: int) -> str:
    """What a part of a file is called.

    >>> part_name("songs_audio.hdf5", 3, 16)
    'songs_audio-00003-of-00016.hdf5'
    """
    stem, dot, ending = whole.rpartition(".")
    return f"{stem}-{number:0{DIGITS}}-of-{of:0{DIGITS}}{dot}{ending}"


def holds_audio(names: Sequence[str]) -> bool:
    """Whether files of these names are audio of a corpus, whole or in parts."""
    return bool(_by_name(names, AUDIO))


def _by_name(files: Sequence[str], ending: str) -> dict[str, list[str]]:
    """NAME -> the files NAME_audio.hdf5 and NAME_audio-00001-of-00004.hdf5, sorted; of features alike."""
    stem, _, suffix = ending.rpartition(".")
    number = rf"\d{{{DIGITS}}}"
    pattern = re.compile(
        rf"(.*){re.escape(stem)}(?:-{number}-of-{number})?\.{suffix}", re.DOTALL
    )
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        match = pattern.fullmatch(file)
        if match:
            found.setdefault(match[1], []).append(file)
    return found


def _whole(folder: Path, whole: str, there: Sequence[str]) -> tuple[Path, ...]:
    """One file, all of its parts, or nothing. Raises DataError E472."""
    if not there or list(there) == [whole]:
        return tuple(folder / name for name in there)
    # The number of parts is in the name of each, so that one alone says what belongs to it.
    divisions = sorted({name.rpartition("-of-")[2] for name in there if name != whole})
    if len(divisions) > 1 or whole in there:
        raise DataError(
            f"'{folder}' holds '{whole}' more than once",
            code="E472",
            facts=[("there", listed(there, _LISTED, quote=""))],
            help="keep the whole file or the parts of one division, and move the others elsewhere",
        )
    count = int(divisions[0].partition(".")[0])
    wanted = [part_name(whole, number, count) for number in range(1, count + 1)]
    missing = sorted(set(wanted) - set(there))
    unknown = sorted(set(there) - set(wanted))
    if missing or unknown:
        facts = []
        if missing:
            facts.append(("missing", listed(missing, _LISTED, quote="")))
        if unknown:
            facts.append(("unknown", listed(unknown, _LISTED, quote="")))
        raise DataError(
            f"'{folder}' does not hold the {count} parts of '{whole}', each once",
            code="E472",
            facts=facts,
            help="bring the missing parts, or write the file again in as many parts as it is to have",
        )
    return tuple(folder / name for name in wanted)


def _not_one(
    folder: Path, files: Sequence[str], by_ending: Mapping[str, set[str]]
) -> DataError:
    """DataError E410 of a folder with no corpus, or with several."""
    # The message shows what there is of each ending, so that the name that does not match is seen.
    facts = []
    for ending, names in by_ending.items():
        there = [f"{name}{ending}" for name in sorted(names)]
        if there or ending != FEATURES:
            facts.append((f"*{ending}", listed(there, _LISTED, quote="") or "none"))
    notes = by_ending[NOTES]
    held = by_ending[AUDIO] | by_ending[FEATURES]
    count = len(held & notes)
    if count:
        return DataError(
            f"'{folder}' holds {count} corpora, expected one",
            code="E410",
            facts=facts,
            help="one folder a corpus",
        )
    return DataError(
        f"'{folder}' holds no corpus: expected NAME_audio.hdf5 or NAME_feat.hdf5 and, of the same NAME, NAME.pyjama",
        code="E410",
        facts=facts,
        help=RENAME if notes and held else _next_step(folder, files),
    )


def _next_step(folder: Path, files: Iterable[str]) -> str:
    """What to do in a folder without a corpus."""
    subfolders = [name for name in files if (folder / name).is_dir()]
    corpora = [
        one for one in subfolders[:_LISTED] if any((folder / one).glob("*" + NOTES))
    ]
    # Most often the folder above the corpus was given, or a folder of audio that was never imported.
    if len(corpora) == 1:
        return f"did you mean '{folder / corpora[0]}'?"
    if subfolders or any(name.lower().endswith(AUDIO_ENDINGS) for name in files):
        command = f"mirbricks data import KIND '{folder}' --out DIR"
        return f"`{command}` makes a corpus of audio files; `mirbricks data kinds` lists the kinds"
    return "give the folder of NAME_audio.hdf5 and NAME.pyjama"


def refuse_other_keys(
    stores: Sequence[AudioStore | FeatureStore], pyjama: Pyjama, files: CorpusFiles
) -> list[DataError]:
    """DataError E411 for the keys that one of the two sides alone has, in each direction; E407 for one in two parts."""
    first_in: dict[str, str] = {}
    errors = []
    for store in stores:
        for key in store.keys():  # noqa: SIM118  # not a dict
            if key in first_in:
                errors.append(_in_two_parts(key, first_in[key], store.path.name))
            first_in.setdefault(key, store.path.name)
    audio = set(first_in)
    name = stores[0].path.name
    if len(stores) > 1:
        name = f"{name.partition('-00001-of-')[0]}-*.hdf5"
    notes = {entry.filepath for entry in pyjama.entries}
    sides = (
        (notes - audio, files.notes.name, name),
        (audio - notes, name, files.notes.name),
    )
    for alone, here, there in sides:
        if alone:
            first = min(alone)
            if len(alone) == 1:
                count = "1 key"
            else:
                count = f"{len(alone)} keys"
            # Only a key of the other file that has no partner either can be meant.
            others = audio ^ notes ^ alone
            near = did_you_mean(first, others)
            errors.append(
                DataError(
                    f"{count} of '{here}' not in '{there}': {listed(sorted(alone), _LISTED)}",
                    code="E411",
                    help=near
                    or f"add to '{there}' what is missing, or remove it from '{here}'",
                )
            )
    return errors


def _in_two_parts(key: str, first: str, second: str) -> DataError:
    return DataError(
        f"'{key}' is in '{first}' and in '{second}'",
        code="E407",
        help="a recording lies in one part: remove it from the other",
    )


def mixes_of(pyjama: Pyjama) -> tuple[dict[str, str], list[DataError]]:
    """stem key -> mix key, by the rule in `corpus`'s docstring; DataError E413 for each mix that is none."""
    keys = [entry.filepath for entry in pyjama.entries]
    if "stem_of" not in pyjama.definitions:
        return _mixes_by_name(keys), []

    # A mix must be another item: a stem of itself would send those who follow the mixes round in a circle.
    known = set(keys)
    mixes = {
        entry.filepath: str(entry.first("stem_of"))
        for entry in pyjama.entries
        if entry.first("stem_of")
    }
    wrong = {
        stem: mix for stem, mix in mixes.items() if mix not in known or mix == stem
    }
    errors = [
        DataError(
            f"'{stem}' is a stem of '{mix}', which is not another item of the corpus",
            code="E413",
            help=did_you_mean(mix, known - {stem}),
        )
        for stem, mix in wrong.items()
    ]
    return {stem: mix for stem, mix in mixes.items() if stem not in wrong}, errors


def groups_of(entries: Mapping[str, Entry], mixes: Mapping[str, str]) -> dict[str, str]:
    """key -> group, by the rule in `corpus`'s docstring."""
    return {key: _group(key, entries, mixes) for key in entries}


def _group(key: str, entries: Mapping[str, Entry], mixes: Mapping[str, str]) -> str:
    # A stem belongs to the group of its mix, which may itself be a stem; a circle ends where it began.
    seen: set[str] = set()
    while key not in seen:
        seen.add(key)
        for name in GROUPING:
            value = entries[key].first(name)
            if value is not None:
                return str(value)
        key = mixes.get(key, key)
    return key


def _mixes_by_name(keys: Iterable[str]) -> dict[str, str]:
    by_name = {re.sub(r"\.\w{1,5}$", "", key): key for key in keys}
    mixes = {}
    for name, key in by_name.items():
        # 'a-b-c' is a stem of 'a-b' rather than of 'a': the longest name that is an item wins.
        cuts = [
            i
            for i, character in enumerate(name)
            if character == "-" and i < len(name) - 1
        ]
        mix = next(
            (by_name[name[:cut]] for cut in reversed(cuts) if name[:cut] in by_name),
            None,
        )
        if mix is not None:
            mixes[key] = mix
    return mixes
