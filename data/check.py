"""Everything that is wrong with a corpus, found in one pass: files, keys, annotations, audio, splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import DataError
from ..printable import listed
from .corpus import (
    Corpus,
    FeatureItem,
    Item,
    audio_stores,
    feature_stores,
)
from .corpus_files import CorpusFiles, find_corpus, refuse_other_keys
from .early import early_annotations
from .late import late_annotations
from .pyjama.file import Pyjama
from .scan import CLIPPED_SHARE, SILENT, OnDone, Scanned, same_recordings, scan
from .splitting.making import SIDES
from .splitting.stored import STORED, is_fold, leaks

_LISTED = 5


@dataclass(frozen=True)
class Findings:
    """The problems of a corpus, each once; `corpus` is what can be used of it, None where nothing can."""

    problems: tuple[DataError, ...]
    corpus: Corpus | None


def check_corpus(
    folder: str | Path, n_jobs: int = 1, on_done: OnDone | None = None
) -> Findings:
    """Check a corpus through: files, keys, annotations, audio and splits.

    Parameters
    ----------
    folder : str or Path
        The folder of the corpus.
    n_jobs : int
        How many processes read the audio; -1: one for each core.
    on_done : callable, optional
        Called with the key of each recording that was read, and its error or None.

    Returns
    -------
    Findings
        Nothing is raised: its `problems` are DataErrors E40x (files and keys), E410 to E413 (the corpus), E414
        (silence and clipping), E416 (times of features), E417 (the same audio twice), E42x (the .pyjama), E429 (times
        before 0), E438 (channels that cancel each other), E442 to E446 (splits that leak or are not whole).
    """
    try:
        # Without files or annotations there is nothing more to look at; every later stage adds to what is found.
        files = find_corpus(Path(folder))
        pyjama, problems = Pyjama.read(files.notes)
    except DataError as error:
        return Findings((error,), None)
    if pyjama is None:
        return Findings(tuple(problems), None)

    # What can be opened is checked even where the rest cannot: one run is to find everything.
    files = _readable(files, pyjama, problems)
    if not files.audio and not files.features:
        return Findings(tuple(problems), None)
    corpus, errors = Corpus.assembled(files, pyjama)
    problems += errors
    problems += early_annotations(corpus.recordings, one_each=True)
    problems += late_annotations(corpus.recordings, one_each=True)

    # Reading all audio takes longest, so it comes after what the headers tell.
    everything: list[Item | FeatureItem] = [*corpus.audio, *corpus.given_features]
    if everything:
        scanned = scan(everything, n_jobs, on_done)
    else:
        scanned = []
    problems += _heard(everything, scanned)
    problems += _opposite(everything, scanned)
    # Features of the same recordings lie behind the first ones, and would find each duplicate again.
    problems += same_twice(corpus, scanned[: len(corpus.recordings)])
    for name in STORED:
        if any(item.annotations.get(name) for item in corpus.recordings):
            problems += [*_not_whole(corpus, name), *leaks(corpus, name)]
    return Findings(tuple(problems), corpus)


def same_twice(corpus: Corpus, scanned: Sequence[Scanned]) -> list[DataError]:
    """DataError E417 for the same audio under several keys in different groups: a split may put them on two sides."""
    items = {item.key: item for item in corpus.recordings}
    problems = []
    for keys in same_recordings(scanned):
        # Copies in one group stay on one side of every split, and leak nothing.
        if len({items[key].group for key in keys}) == 1:
            continue
        stored = [
            (name, {key: items[key].entry.first(name) for key in keys})
            for name in STORED
        ]
        apart = [
            (name, found)
            for name, found in stored
            if len(set(map(str, found.values()))) > 1
        ]
        where = "".join(f", on two sides of the stored '{name}'" for name, _ in apart)
        facts = [
            (name, ", ".join(f"{key}: {value}" for key, value in found.items()))
            for name, found in apart
        ]
        problems.append(
            DataError(
                f"the same {_kind(items[keys[0]])} in different groups{where}: {listed(keys, _LISTED)}",
                code="E417",
                facts=facts,
                help="remove all but one, or give them the same annotation 'piece'",
            )
        )
    return problems


def _readable(
    files: CorpusFiles, pyjama: Pyjama, problems: list[DataError]
) -> CorpusFiles:
    """The files that can be opened; the keys of each are compared with the entries."""
    audio = audio_stores(files)
    features = feature_stores(files)
    for stores in (audio, features):
        if not stores:
            continue
        try:
            problems += refuse_other_keys(stores, pyjama, files)
        # A file that cannot be opened is left out, so that the other one is still checked.
        except DataError as error:
            problems.append(error)
            if stores is audio:
                files = replace(files, audio=())
            else:
                files = replace(files, features=())
    return files


def _heard(
    items: Sequence[Item | FeatureItem], scanned: Sequence[Scanned]
) -> Iterator[DataError]:
    for item, one in zip(items, scanned, strict=True):
        if one.error is not None:
            yield one.error
        # Audio has a noise floor that is not silence; of features only exact zeros are suspicious.
        elif isinstance(item, Item) and one.peak < SILENT:
            yield DataError(
                f"'{item.key}' of '{item.source}' is silent",
                code="E414",
                facts=[("peak", f"{one.peak:.2g} of full scale")],
                help="remove it from the corpus, or build it again from its source",
            )
        elif isinstance(item, FeatureItem) and one.peak == 0.0:
            yield DataError(
                f"'{item.key}' of '{item.source}' is 0 throughout",
                code="E414",
                help="build it again",
            )
        elif one.clipped > CLIPPED_SHARE:
            yield DataError(
                f"'{item.key}' of '{item.source}' is clipped",
                code="E414",
                facts=[
                    (
                        "clipped",
                        f"{100 * one.clipped:.2f} % of the samples stay at the peak of {one.peak:.2f}",
                    )
                ],
                help="take it from its source again with less gain, or remove it from the corpus",
            )


def _opposite(
    items: Sequence[Item | FeatureItem], scanned: Sequence[Scanned]
) -> Iterator[DataError]:
    """DataError E438 for channels that cancel each other."""
    for item, one in zip(items, scanned, strict=True):
        name = f"'{item.key}' of '{item.source}'"
        if one.opposite:
            pairs = ", ".join(f"{first} and {second}" for first, second in one.opposite)
            message = f"channels {pairs} of {name} cancel each other"
        elif one.cancelled:
            message = f"the channels of {name} cancel each other"
        else:
            continue
        if one.cancelled:
            seen = "their mean, which tasks of one channel read, is nearly silent"
        else:
            seen = "each is the other upside down"
        yield DataError(
            message,
            code="E438",
            facts=[("so that", seen)],
            help="turn the polarity of one of them at its source, or leave it out, and import the recording again",
        )


def _not_whole(corpus: Corpus, name: str) -> Iterator[DataError]:
    """Recordings that a stored split leaves out, or gives a value that is none of its sides."""
    values = {item.key: item.entry.first(name) for item in corpus.recordings}
    is_split = name == "split"
    if is_split:
        expected = "train, valid or test"
    else:
        expected = "a whole number or a text"
    wrong = [
        key
        for key, value in values.items()
        if not (value in SIDES if is_split else is_fold(value))
    ]
    if wrong:
        if len(wrong) == 1:
            what = f"1 recording has no sound '{name}'"
        else:
            what = f"{len(wrong)} recordings have no sound '{name}'"
        yield DataError(
            f"{what}: {listed(wrong, _LISTED)}",
            code="E443" if is_split else "E446",
            facts=[("expected", expected)],
            help="`mirbricks data split` gives every recording one",
        )


def _kind(item: Item | FeatureItem) -> str:
    if isinstance(item, Item):
        return "audio"
    return "features"
