"""Corpora of --also: their recordings train beside those of --data, on no other side."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from ..data.corpus import Corpus
from ..data.splitting.splits import Split
from ..errors import DataError
from .experiment import Experiment, recordings_of

_LISTED = 3


def beside(corpus: Corpus, arguments: Namespace) -> list[Corpus]:
    """The corpora of --also. Raises DataError E447 where two have a recording of one key."""
    others = [Corpus.open(folder) for folder in arguments.also]
    seen = {item.key: corpus for item in corpus.recordings}
    for other in others:
        twice = next((item.key for item in other.recordings if item.key in seen), None)
        if twice is not None:
            raise DataError(
                f"'{twice}' is a recording of '{seen[twice].folder}' and of '{other.folder}'",
                code="E447",
                help="give the files of one of them other names: a recording of the test must not train",
            )
        seen |= {item.key: other for item in other.recordings}
    return others


def recordings_beside(others: Sequence[Corpus], experiment: Experiment) -> list[Any]:
    """All recordings of these corpora as the task works on them; those that it judges by must be annotated."""
    found: list[Any] = []
    for other in others:
        recordings = recordings_of(other, experiment.feature, experiment.task)
        for track in experiment.task.tracks(recordings):
            experiment.task.truth(track)
        found += recordings
    return found


def not_judged(more: Sequence[Any], split: Split) -> list[Any]:
    """Of the recordings of --also those whose group is on no side that judges: a piece of the test must not train."""
    judged = {*split.valid, *split.test}
    return [item for item in more if item.group not in judged]


def note_left_out(more: Sequence[Any], kept: Sequence[Any]) -> None:
    """Say on standard error that recordings of --also do not train, and why."""
    groups = sorted({item.group for item in more} - {item.group for item in kept})
    if groups:
        names = ", ".join(f"'{group}'" for group in groups[:_LISTED]) + (
            ", ..." if len(groups) > _LISTED else ""
        )
        print(
            f"note: {len(more) - len(kept)} of {len(more)} recordings of --also do not train: their pieces are on the "
            f"sides that judge: {names}",
            file=sys.stderr,
        )


def noted(others: Sequence[Corpus]) -> list[dict[str, str]]:
    """What settings.json keeps of them."""
    return [
        {"corpus": one.name, "fingerprint": one.fingerprint, "data": str(one.folder)}
        for one in others
    ]
