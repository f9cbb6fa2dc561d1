"""A corpus: a folder with NAME.pyjama and NAME_audio.hdf5, NAME_feat.hdf5 or both, checked against one another.

**Parts.** A large file may lie in parts, NAME_audio-00001-of-00004.hdf5 and so on, each with recordings of its own.

**Stems.** An item is a stem of a mix if its annotation `stem_of` holds the key of the mix. In a corpus that does not
define `stem_of` the names decide, as in Bach10: `01-Ach-violin.wav` is a stem of `01-Ach.wav` because its name
without the extension is that of another item plus '-' and something (the longest such item wins).

**Groups.** The group of an item, which a split keeps on one side, is its annotation `piece`, else its `work-id`;
without one, the group of the mix it is a stem of; without that, its own key.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from .items import FeatureItem as FeatureItem
from .items import Item as Item
from .late import late_annotations
from .pyjama.file import Entry, Pyjama
from .stores.hdf5 import AudioStore, FeatureStore

T = TypeVar("T")
S = TypeVar("S", AudioStore, FeatureStore)


@dataclass(frozen=True, repr=False)
class Corpus:
    """The recordings of a folder, in the order of its .pyjama.

    Attributes
    ----------
    name : str
        NAME of the files.
    folder : Path
        Where they lie.
    pyjama : Pyjama
        All annotations and their definitions.
    audio : tuple of Item
        The recordings by their audio; empty in a corpus of features.
    given_features : tuple of FeatureItem
        The recordings by the features that the corpus comes with.

    Examples
    --------
    >>> from mirbricks.data import Corpus
    >>> corpus = Corpus.open("corpora/bach10")                                    # doctest: +SKIP
    >>> wave, sr_hz = corpus["01-AchGottundHerr.wav"].read()                      # doctest: +SKIP
    """

    name: str
    folder: Path
    pyjama: Pyjama
    audio: tuple[Item, ...]
    given_features: tuple[FeatureItem, ...] = ()

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Find the files of a corpus and check them against one another; neither audio nor features are read.

        Parameters
        ----------
        folder : str or Path
            A folder with NAME.pyjama, and NAME_audio.hdf5, NAME_feat.hdf5 or both, each whole or in parts such as
            NAME_audio-00001-of-00004.hdf5.

        Returns
        -------
        Corpus

        Raises
        ------
        DataError
            E409 for a folder that cannot be read, E410 for one without exactly one corpus, E411 for a key in one file
            only, E412 for an annotation past the end of its audio, E413 for an unknown `stem_of`, E416 for features
            whose times are wrong, E472 for parts that are missing or too many, E407 for a key in two of them; E400 to
            E406 and E420 to E428 for what is wrong with a file.
        """
        # Keys first: an item without a partner would fail later, and less clearly.
        files = find_corpus(Path(folder))
        pyjama = Pyjama.load(files.notes)
        other_keys = []
        for stores in (audio_stores(files), feature_stores(files)):
            if stores:
                other_keys += refuse_other_keys(stores, pyjama, files)
        raise_all(other_keys)
        corpus, errors = cls.assembled(files, pyjama)
        raise_all(errors)
        # One of them is enough to stop, and `mirbricks data check` lists the others.
        raise_all(late_annotations(corpus.recordings)[:1])
        return corpus

    @classmethod
    def assembled(
        cls, files: CorpusFiles, pyjama: Pyjama
    ) -> tuple[Corpus, list[DataError]]:
        """The items that both the .pyjama and a file of audio or features hold, and what is wrong with the others."""
        mixes, errors = mixes_of(pyjama)
        entries = {entry.filepath: entry for entry in pyjama.entries}
        making = _Making(entries, groups_of(entries, mixes), mixes)
        heard = _each(making.item, audio_stores(files), entries, errors)
        shown = _each(making.feature_item, feature_stores(files), entries, errors)
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

    def __contains__(self, key: object) -> bool:
        """Whether there is a recording of this key; a recording itself is in its corpus too."""
        if isinstance(key, str):
            return any(item.key == key for item in self.recordings)
        return key in self.recordings

    def __repr__(self) -> str:
        n = len(self)
        return f"<Corpus '{self.name}' in '{self.folder}': {n} recording{'' if n == 1 else 's'}>"

    def __getitem__(self, key: str) -> Item:
        """The item of a key. Raises DataError E402 for an unknown one, and E415 as `items`."""
        if not isinstance(key, str):
            raise self._no_text(key)
        if key not in self._by_key:
            raise DataError(
                f"the corpus '{self.name}' has no item '{key}'",
                code="E402",
                help=self._near(key),
            )
        return self._by_key[key]

    def _no_text(self, key: object) -> DataError:
        """What is wrong with something else in the place of a key."""
        got = repr(key)
        hint = "by number: `corpus.items[0]`; all: `for item in corpus`"
        # A recording is often given where its name is expected; of a path the name counts.
        if isinstance(key, Item | FeatureItem):
            got = f"the recording '{key.key}'"
            hint = "it is what you look for: `recording.read()`; its key is `recording.key`"
            if key not in self:
                hint = f"it is of another corpus; {self._keys()}"
        elif isinstance(key, Path):
            hint = self._near(str(key))
        message = f"recordings are found by key, which is text, got {got}"
        return DataError(message, code="E402", help=hint)

    def _near(self, key: str) -> str:
        """The keys that a wrong one may stand for, or some that there are."""
        # The ending of the file is what is most often left out, and folders before it what is most often added.
        given = Path(key)
        whole = [
            known
            for known in self._by_key
            if Path(known).stem == key or Path(known).name == given.name
        ]
        if whole:
            return f"did you mean '{whole[0]}'?"
        return did_you_mean(key, self._by_key) or self._keys()

    def _keys(self) -> str:
        """The first keys, and what lists all."""
        first = ", ".join(f"'{known}'" for known in itertools.islice(self._by_key, 3))
        if len(self._by_key) <= 3:
            return f"there are {first}" if first else "the corpus is empty"
        listing = "`[item.key for item in corpus]` lists all"
        return f"there are {first}, ... ({len(self._by_key)}); {listing}"

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of keys, groups and durations to a tenth of a second.

        It is the same for the same recordings, at whatever rate and under whatever name of the corpus.
        """
        rows = sorted(
            (item.key, item.group, round(item.duration_s or 0.0, 1))
            for item in self.recordings
        )
        return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest()

    @functools.cached_property
    def _by_key(self) -> dict[str, Item]:
        return {item.key: item for item in self.items}


@dataclass(frozen=True)
class _Making:
    """What items are made of, by their keys."""

    entries: Mapping[str, Entry]
    groups: Mapping[str, str]
    mixes: Mapping[str, str]

    def item(self, store: AudioStore, key: str) -> Item:
        return Item(
            key=key,
            n_samples=store.n_samples(key),
            sr_hz=store.sr_hz(key),
            group=self.groups[key],
            stem_of=self.mixes.get(key),
            entry=self.entries[key],
            store=store,
        )

    def feature_item(self, store: FeatureStore, key: str) -> FeatureItem:
        n_frames, n_features = store.shape(key)
        return FeatureItem(
            key=key,
            n_frames=n_frames,
            n_features=n_features,
            duration_s=_spanned_s(store.times_s(key)),
            group=self.groups[key],
            stem_of=self.mixes.get(key),
            entry=self.entries[key],
            store=store,
        )


def audio_stores(files: CorpusFiles) -> list[AudioStore]:
    """The file of the audio, or its parts."""
    return [AudioStore(path) for path in files.audio]


def feature_stores(files: CorpusFiles) -> list[FeatureStore]:
    """The file of the features, or its parts."""
    return [FeatureStore(path) for path in files.features]


def _each(
    make: Callable[[S, str], T],
    stores: Sequence[S],
    entries: Mapping[str, Entry],
    errors: list[DataError],
) -> list[T]:
    """The items of the keys that have an entry, in the entries' order; every one that cannot be used is noted."""
    # The order of the entries is the user's; that of an HDF5 file is the alphabet's.
    order = {key: number for number, key in enumerate(entries)}
    made = {}
    for store in stores:
        for key in sorted(order.keys() & set(store.keys()), key=order.__getitem__):
            try:
                made[key] = make(store, key)
            except DataError as error:
                errors.append(error)
        # Of many parts only those that are being read need to be open.
        if len(stores) > 1:
            store.close()
    return [made[key] for key in entries if key in made]


def _spanned_s(times_s: NDArray[np.float64] | None) -> float | None:
    """Until a step after the last frame."""
    if times_s is None:
        return None
    step_s = np.median(np.diff(times_s)) if len(times_s) > 1 else 0.0
    return float(times_s[-1] + step_s)
