"""A corpus: a folder with NAME_audio.hdf5 and NAME.pyjama, checked against one another.

**Stems.** An item is a stem of a mix if its annotation `stem_of` holds the key of the mix. In a corpus that does not
define `stem_of` the names decide, as in Bach10: `01-Ach-violin.wav` is a stem of `01-Ach.wav` because its name
without the extension is that of another item plus '-' and something (the longest such item wins).

**Groups.** The group of an item, which a split keeps on one side, is its annotation `piece`; without one, the group of
the mix it is a stem of; without that, its own key.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, raise_all
from .hdf5 import AudioStore
from .pyjama import Atom, Entry, Pyjama
from .reading import unreadable

SLACK_S = 0.1  # how far an annotation may go past the end of its audio
_LISTED = 5


@dataclass(frozen=True)
class Item:
    """One recording: where its audio lies, and its annotations. Pickles small: no audio in it."""

    key: str
    n_samples: int
    sr_hz: int
    group: str
    stem_of: str | None
    entry: Entry = field(repr=False, compare=False)
    store: AudioStore = field(repr=False, compare=False)

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.sr_hz

    @property
    def annotations(self) -> Mapping[str, tuple[Atom, ...]]:
        return self.entry.annotations

    @property
    def source(self) -> Path:
        """The HDF5 file that holds the audio."""
        return self.store.path

    def read(self, start: int = 0, stop: int | None = None) -> tuple[NDArray[np.float32], int]:
        """Samples [start, stop) as float32 (N,), and the sampling rate in Hz. Raises as `AudioStore.read`."""
        return self.store.read(self.key, start, stop), self.sr_hz


@dataclass(frozen=True)
class Corpus:
    """All items of a folder, in the order of the .pyjama."""

    name: str
    folder: Path
    pyjama: Pyjama = field(repr=False)
    items: tuple[Item, ...] = field(repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Find and cross-check the two files; no audio is read.

        Raises DataError: E409 for a folder that cannot be read, E410 for one without exactly one corpus, E411 for a
        key in one file only, E412 for an annotation past the end of its audio, E413 for an unknown `stem_of`; and what
        the two files' readers raise.
        """
        folder = Path(folder)
        name = _name(folder)
        store = AudioStore(folder / f"{name}_audio.hdf5")
        pyjama = Pyjama.load(folder / f"{name}.pyjama")
        _same_keys(store, pyjama, name)
        mixes = _mixes(pyjama)
        entries = {entry.filepath: entry for entry in pyjama.entries}
        sizes = _sizes(store, entries)
        items = tuple(
            Item(key, *sizes[key], _group(key, entries, mixes), mixes.get(key), entry, store)
            for key, entry in entries.items()
        )
        _annotations_inside(items)
        return cls(name, folder, pyjama, items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: str) -> Item:
        """The item of a key. Raises DataError E402 for an unknown one."""
        if key not in self._by_key:
            near = did_you_mean(key, self._by_key)
            raise DataError(f"the corpus '{self.name}' has no item '{key}'", code="E402", help=near)
        return self._by_key[key]

    @functools.cached_property
    def fingerprint(self) -> str:
        """The same for the same recordings, at whatever rate and under whatever name of the corpus: a hash of keys,
        groups and durations to a tenth of a second."""
        rows = sorted((item.key, item.group, round(item.duration_s, 1)) for item in self.items)
        return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest()

    @functools.cached_property
    def _by_key(self) -> dict[str, Item]:
        return {item.key: item for item in self.items}


def _name(folder: Path) -> str:
    """NAME of the one NAME_audio.hdf5 + NAME.pyjama in the folder."""
    try:
        files = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"there is no folder '{folder}'", code="E410", help="give the folder of NAME_audio.hdf5 and NAME.pyjama"
        ) from error
    except OSError as error:
        raise unreadable(folder, error) from error
    audio, notes = (
        {file.removesuffix(ending) for file in files if file.endswith(ending)} for ending in ("_audio.hdf5", ".pyjama")
    )
    pairs = sorted(audio & notes)
    if len(pairs) == 1:
        return pairs[0]
    facts = [
        (f"*{ending}", ", ".join(f"{n}{ending}" for n in sorted(names)[:_LISTED]) or "none")
        for ending, names in (("_audio.hdf5", audio), (".pyjama", notes))
    ]
    if pairs:
        raise DataError(
            f"'{folder}' holds {len(pairs)} corpora, expected one", code="E410", facts=facts, help="one folder a corpus"
        )
    raise DataError(
        f"'{folder}' holds no corpus: expected NAME_audio.hdf5 and, of the same NAME, NAME.pyjama",
        code="E410",
        facts=facts,
    )


def _same_keys(store: AudioStore, pyjama: Pyjama, name: str) -> None:
    audio, notes = set(store.keys()), {entry.filepath for entry in pyjama.entries}
    sides = (
        (notes - audio, f"{name}.pyjama", f"{name}_audio.hdf5"),
        (audio - notes, f"{name}_audio.hdf5", f"{name}.pyjama"),
    )
    errors = []
    for alone, here, there in sides:
        if alone:
            first, count = min(alone), "1 key" if len(alone) == 1 else f"{len(alone)} keys"
            near = did_you_mean(first, audio ^ notes ^ alone)  # only a key without a partner can be meant
            errors.append(
                DataError(
                    f"{count} of '{here}' not in '{there}': {_listed(sorted(alone))}",
                    code="E411",
                    help=near or f"add to '{there}' what is missing, or remove it from '{here}'",
                )
            )
    raise_all(errors)


def _sizes(store: AudioStore, keys: Iterable[str]) -> dict[str, tuple[int, int]]:
    """key -> (n_samples, sr_hz); every key that cannot be used is named."""
    sizes, errors = {}, []
    for key in keys:
        try:
            sizes[key] = store.n_samples(key), store.sr_hz(key)
        except DataError as error:
            errors.append(error)
    raise_all(errors)
    return sizes


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_LISTED])
    return shown + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _mixes(pyjama: Pyjama) -> dict[str, str]:
    """stem key -> mix key, by the rule in the module's docstring."""
    keys = [entry.filepath for entry in pyjama.entries]
    if "stem_of" not in pyjama.definitions:
        return _mixes_by_name(keys)
    known = set(keys)
    mixes = {entry.filepath: str(entry.first("stem_of")) for entry in pyjama.entries if entry.first("stem_of")}
    raise_all(
        [
            DataError(
                f"'{stem}' is a stem of '{mix}', which is not another item of the corpus",
                code="E413",
                help=did_you_mean(mix, known - {stem}),
            )
            for stem, mix in mixes.items()
            if mix not in known or mix == stem
        ]
    )
    return mixes


def _mixes_by_name(keys: Iterable[str]) -> dict[str, str]:
    by_name = {re.sub(r"\.\w{1,5}$", "", key): key for key in keys}
    mixes = {}
    for name, key in by_name.items():
        cuts = [i for i, character in enumerate(name) if character == "-" and i < len(name) - 1]
        mix = next((by_name[name[:cut]] for cut in reversed(cuts) if name[:cut] in by_name), None)
        if mix is not None:
            mixes[key] = mix
    return mixes


def _group(key: str, entries: Mapping[str, Entry], mixes: Mapping[str, str]) -> str:
    """`piece`, else the group of the mix, else the key."""
    seen: set[str] = set()
    while key not in seen:
        seen.add(key)
        piece = entries[key].first("piece")
        if piece is not None:
            return str(piece)
        key = mixes.get(key, key)
    return key


def _annotations_inside(items: Iterable[Item]) -> None:
    """Raise one DataError E412 for everything that ends more than `SLACK_S` after its audio."""
    late = []
    for item in items:
        for name, atoms in item.annotations.items():
            end_s = max((atom.end_s for atom in atoms if atom.end_s is not None), default=0.0)
            if end_s > item.duration_s + SLACK_S:
                late.append((item, name, end_s))
    if late:
        item, name, end_s = late[0]
        others = [(i.key, f"'{n}' ends at {e:.3f} s, audio at {i.duration_s:.3f} s") for i, n, e in late[1:_LISTED]]
        more = [("more", f"{len(late) - _LISTED} others")] if len(late) > _LISTED else []
        raise DataError(
            f"annotation '{name}' of '{item.key}' ends at {end_s:.3f} s, its audio at {item.duration_s:.3f} s",
            code="E412",
            facts=[("audio", f"{item.n_samples} samples at sr_hz = {item.sr_hz}"), *others, *more],
            help="check that the annotation belongs to this audio, and its 'sr_hz'",
        )
