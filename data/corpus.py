"""A corpus: a folder with NAME.pyjama and NAME_audio.hdf5, NAME_feat.hdf5 or both, checked against one another.

**Stems.** An item is a stem of a mix if its annotation `stem_of` holds the key of the mix. In a corpus that does not
define `stem_of` the names decide, as in Bach10: `01-Ach-violin.wav` is a stem of `01-Ach.wav` because its name
without the extension is that of another item plus '-' and something (the longest such item wins).

**Groups.** The group of an item, which a split keeps on one side, is its annotation `piece`, else its `work-id`;
without one, the group of the mix it is a stem of; without that, its own key.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, raise_all
from .corpus_files import (
    CorpusFiles,
    find_corpus,
    groups_of,
    mixes_of,
    refuse_other_keys,
)
from .pyjama.file import Atom, Entry, Pyjama
from .stores.hdf5 import AudioStore, FeatureStore

SLACK_S = 0.1  # how far an annotation may go past the end of its audio
FEATURE_SLACK_S = 2.0  # and of its features, whose last windows may be left out
_LISTED = 5
T = TypeVar("T")


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
    def annotations(self) -> Mapping[str, Sequence[Atom]]:
        return self.entry.annotations

    @property
    def source(self) -> Path:
        """The HDF5 file that holds the audio."""
        return self.store.path

    def read(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """Samples [start, stop) as float32 (N,), and the sampling rate in Hz. Raises as `AudioStore.read`."""
        return self.store.read(self.key, start, stop), self.sr_hz


@dataclass(frozen=True)
class FeatureItem:
    """One recording by its features, without audio: (n_frames, n_features). Pickles small: no features in it."""

    key: str
    n_frames: int
    n_features: int
    duration_s: float | None  # None where the file does not say when the frames are
    group: str
    stem_of: str | None
    entry: Entry = field(repr=False, compare=False)
    store: FeatureStore = field(repr=False, compare=False)

    @property
    def annotations(self) -> Mapping[str, Sequence[Atom]]:
        return self.entry.annotations

    @property
    def source(self) -> Path:
        """The HDF5 file that holds the features."""
        return self.store.path

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """When each frame is, (n_frames,), in seconds; None where the file does not say. As `FeatureStore.times_s`."""
        return self.store.times_s(self.key)

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Frames [start, stop) as float32 (T, n_features), scaled. Raises as `FeatureStore.read`."""
        return self.store.read(self.key, start, stop)


@dataclass(frozen=True)
class Corpus:
    """All recordings of a folder, in the order of the .pyjama: by their audio, or where there is none, by features."""

    name: str
    folder: Path
    pyjama: Pyjama = field(repr=False)
    audio: tuple[Item, ...] = field(repr=False)
    given_features: tuple[FeatureItem, ...] = field(default=(), repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Find and cross-check the files; neither audio nor features are read.

        Raises DataError: E409 for a folder that cannot be read, E410 for one without exactly one corpus, E411 for a
        key in one file only, E412 for an annotation past the end of its audio, E413 for an unknown `stem_of`, E416
        for features whose times are wrong; and what the files' readers raise.
        """
        files = find_corpus(Path(folder))
        stores = [store(files) for store in (audio_store, feature_store)]
        pyjama = Pyjama.load(files.notes)
        raise_all(
            [
                error
                for store in stores
                if store
                for error in refuse_other_keys(store, pyjama, files)
            ]
        )
        corpus, errors = cls.assembled(files, pyjama)
        raise_all(errors)
        raise_all(late_annotations(corpus.recordings)[:1])
        return corpus

    @classmethod
    def assembled(
        cls, files: CorpusFiles, pyjama: Pyjama
    ) -> tuple[Corpus, list[DataError]]:
        """The items that both the .pyjama and a file of audio or features hold, and what is wrong with the others."""
        audio = audio_store(files)
        features = feature_store(files)
        mixes, errors = mixes_of(pyjama)
        entries = {entry.filepath: entry for entry in pyjama.entries}
        groups = groups_of(entries, mixes)

        def item(store: AudioStore, key: str) -> Item:
            return Item(
                key,
                store.n_samples(key),
                store.sr_hz(key),
                groups[key],
                mixes.get(key),
                entries[key],
                store,
            )

        def feature_item(store: FeatureStore, key: str) -> FeatureItem:
            n_frames, n_features = store.shape(key)
            seconds = _spanned_s(store.times_s(key))
            group = groups[key]
            mix = mixes.get(key)
            entry = entries[key]
            return FeatureItem(
                key, n_frames, n_features, seconds, group, mix, entry, store
            )

        if audio is None:
            heard = []
        else:
            heard = _each(functools.partial(item, audio), audio.keys(), entries, errors)
        shown = [] if features is None else _each(
            functools.partial(feature_item, features), features.keys(), entries, errors)  # fmt: skip
        return cls(files.name, files.folder, pyjama, tuple(heard), tuple(shown)), errors

    @property
    def recordings(self) -> tuple[Item | FeatureItem, ...]:
        """Every recording once: its audio, or its features in a corpus without audio."""
        return self.audio or self.given_features

    @property
    def items(self) -> tuple[Item, ...]:
        """The recordings by their audio. Raises DataError E415 in a corpus that has features only."""
        if not self.audio and self.given_features:
            raise DataError(
                f"the corpus '{self.name}' holds features and no audio",
                code="E415",
                facts=[
                    ("there", f"{self.name}_feat.hdf5"),
                    ("missing", f"{self.name}_audio.hdf5"),
                ],
                help="take a corpus with audio, or a graph and a task that read these features",
            )
        return self.audio

    @property
    def features(self) -> tuple[FeatureItem, ...]:
        """The recordings by their features. Raises DataError E415 in a corpus that has audio only."""
        if self.audio and not self.given_features:
            raise DataError(
                f"the corpus '{self.name}' holds audio and no features",
                code="E415",
                facts=[
                    ("there", f"{self.name}_audio.hdf5"),
                    ("missing", f"{self.name}_feat.hdf5"),
                ],
                help="take a corpus with features, or a graph whose section 'feature' computes them from audio",
            )
        return self.given_features

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[Item | FeatureItem]:
        return iter(self.recordings)

    def __getitem__(self, key: str) -> Item:
        """The item of a key. Raises DataError E402 for an unknown one, and E415 as `items`."""
        if key not in self._by_key:
            near = did_you_mean(key, self._by_key)
            raise DataError(
                f"the corpus '{self.name}' has no item '{key}'", code="E402", help=near
            )
        return self._by_key[key]

    @functools.cached_property
    def fingerprint(self) -> str:
        """The same for the same recordings, at whatever rate and under whatever name of the corpus: a hash of keys,
        groups and durations to a tenth of a second."""
        rows = sorted(
            (item.key, item.group, round(item.duration_s or 0.0, 1))
            for item in self.recordings
        )
        return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest()

    @functools.cached_property
    def _by_key(self) -> dict[str, Item]:
        return {item.key: item for item in self.items}


def audio_store(files: CorpusFiles) -> AudioStore | None:
    if files.audio:
        return AudioStore(files.audio)
    return None


def feature_store(files: CorpusFiles) -> FeatureStore | None:
    if files.features:
        return FeatureStore(files.features)
    return None


def late_annotations(
    items: Iterable[Item | FeatureItem], one_each: bool = False
) -> list[DataError]:
    """DataError E412 for what ends more than `SLACK_S` after its audio: one for all, or one for each annotation."""
    late = []
    for item in items:
        if isinstance(item, Item):
            slack_s = SLACK_S
        else:
            slack_s = FEATURE_SLACK_S
        for name in item.annotations if item.duration_s is not None else ():
            end_s = item.entry.end_s(name) or 0.0
            if end_s > (item.duration_s or 0.0) + slack_s:
                late.append((item, name, end_s))
    if one_each:
        return [_late([one]) for one in late]
    if late:
        return [_late(late)]
    return []


def _late(late: list[tuple[Item | FeatureItem, str, float]]) -> DataError:
    item, name, end_s = late[0]
    is_audio = isinstance(item, Item)
    if is_audio:
        what = "audio"
    else:
        what = "features"
    if isinstance(item, Item):
        size = f"{item.n_samples} samples at sr_hz = {item.sr_hz}"
    else:
        size = f"{item.n_frames} frames"
    others = [
        (i.key, f"'{n}' ends at {e:.3f} s, {what} at {i.duration_s or 0:.3f} s")
        for i, n, e in late[1:_LISTED]
    ]
    if len(late) > _LISTED:
        more = [("more", f"{len(late) - _LISTED} others")]
    else:
        more = []
    return DataError(
        f"annotation '{name}' of '{item.key}' ends at {end_s:.3f} s, its {what} at {item.duration_s or 0:.3f} s",
        code="E412",
        facts=[(what, size), *others, *more],
        help=f"check that the annotation belongs to {'this audio' if is_audio else 'these features'}, and "
        f"its {repr('sr_hz') if is_audio else 'times'}",
    )


def _each(
    make: Callable[[str], T],
    keys: Iterable[str],
    entries: Mapping[str, Entry],
    errors: list[DataError],
) -> list[T]:
    """The items of the keys that have an entry, in the entries' order; every one that cannot be used is noted."""
    there = set(keys)
    items = []
    for key in entries:
        try:
            if key in there:
                items.append(make(key))
        except DataError as error:
            errors.append(error)
    return items


def _spanned_s(times_s: NDArray[np.float64] | None) -> float | None:
    """Until a step after the last frame."""
    if times_s is None:
        return None
    return float(
        times_s[-1] + (np.median(np.diff(times_s)) if len(times_s) > 1 else 0.0)
    )
