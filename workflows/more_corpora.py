"""Further corpora of a training: their recordings train beside those of the corpus, and are on no other side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..data.corpus import Corpus
from ..data.splitting.splits import Split
from ..errors import DataError
from ..printable import listed
from .experiment import Experiment, recordings_of
from .progress import Progress

MOST_LISTED = 3


def beside(corpus: Corpus, folders: Sequence[str]) -> list[Corpus]:
    """The corpora in these folders. Raises DataError E447 where two have a recording of one key."""
    others = [Corpus.open(folder) for folder in folders]
    seen = {item.key: corpus for item in corpus.recordings}
    for other in others:
        for item in other.recordings:
            if item.key in seen:
                raise _twice(item.key, seen[item.key], other)
        seen |= {item.key: other for item in other.recordings}
    return others


def _twice(key: str, first: Corpus, second: Corpus) -> DataError:
    return DataError(
        f"'{key}' is a recording of '{first.folder}' and of '{second.folder}'",
        code="E447",
        help="give the files of one of them other names: a recording of the test must not train",
    )


def recordings_beside(others: Sequence[Corpus], experiment: Experiment) -> list[Any]:
    """All recordings of these corpora as the task works on them; those that it judges must be annotated."""
    found: list[Any] = []
    for other in others:
        recordings = recordings_of(other, experiment.feature, experiment.task)
        # A missing annotation is reported now, and not in the first step that draws this track.
        for track in experiment.task.tracks(recordings):
            experiment.task.truth(track)
        found += recordings
    return found


def not_judged(more: Sequence[Any], split: Split) -> list[Any]:
    """The recordings whose group is on no side that judges: a piece of the test must not train."""
    judged = {*split.valid, *split.test}
    return [item for item in more if item.group not in judged]


def note_left_out(more: Sequence[Any], kept: Sequence[Any], progress: Progress) -> None:
    """Report that recordings of further corpora do not train, and why."""
    groups = sorted({item.group for item in more} - {item.group for item in kept})
    if groups:
        progress.note(
            f"{len(more) - len(kept)} of {len(more)} recordings of --also do not train: their pieces are on the "
            f"sides that judge: {listed(groups, MOST_LISTED)}"
        )


def noted(others: Sequence[Corpus]) -> list[dict[str, str]]:
    """What settings.json keeps of them."""
    kept = []
    for one in others:
        facts = {
            "corpus": one.name,
            "fingerprint": one.fingerprint,
            "data": str(one.folder),
        }
        kept.append(facts)
    return kept
