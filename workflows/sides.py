"""Which recordings of a corpus an evaluation takes: what --split names, or what the model has not seen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..data.corpus import Corpus, Item
from ..errors import DataError
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from .experiment import items_of

SIDES = ("train", "valid", "test")
_LISTED = 8


def side_of(
    corpus: Corpus,
    recordings: Sequence[Item],
    settings: RunSettings,
    given: str | None,
    run: RunFolder,
) -> list[Item]:
    """The recordings to evaluate on.

    Without `given` the run's test side of its own corpus; everything of another, and for a packed model always. `given`
    is train, valid or test, all, another value of the corpus's annotation `split`, or a fold as stored: 5 or fold5.
    Raises DataError E443 where nothing is there.
    """
    own = settings.is_of(corpus)
    if not own and not given and settings.corpus == corpus.name and not run.packed:
        note = f"note: '{corpus.name}' has other recordings than '{run.path}' was trained on; all of them are evaluated"
        print(note, file=sys.stderr)
    side = given or (settings.evaluated_on if own and not run.packed else "all")
    if side == "all":
        found = list(recordings)
    else:
        found = _named(corpus, recordings, settings, side, own, run)
    if run.packed and side != "train":
        _tell_trained(corpus, found, settings, own)
    return found


def _named(
    corpus: Corpus,
    recordings: Sequence[Item],
    settings: RunSettings,
    side: str,
    own: bool,
    run: RunFolder,
) -> list[Item]:
    stored = [item for item in recordings if item.entry.first("split") == side]
    if side in SIDES and own and not (run.packed and stored):
        found = items_of(recordings, settings.split.get(side, ()))
    else:
        found = stored or [
            item for item in recordings if _is_fold(item.entry.first("fold"), side)
        ]
    if not found and side in SIDES:
        message = (
            f"the {side} side of '{corpus.name}' is empty for the run '{run.path}'"
        )
        raise DataError(message, code="E443", help="choose another --split, or all")
    if not found:
        raise DataError(
            f"'{corpus.name}' has no split or fold '{side}'",
            code="E443",
            facts=[(name, _listed(recordings, name)) for name in ("split", "fold")],
            help="choose one of these, or all",
        )
    return found


def _is_fold(value: Any, side: str) -> bool:
    return value is not None and side in (str(value), f"fold{value}")


def _listed(recordings: Sequence[Item], name: str) -> str:
    values = sorted(
        {
            str(value)
            for item in recordings
            if (value := item.entry.first(name)) is not None
        }
    )
    return (
        ", ".join(values[:_LISTED]) + (", ..." if len(values) > _LISTED else "")
        or "none"
    )


def _tell_trained(
    corpus: Corpus, found: Sequence[Item], settings: RunSettings, own: bool
) -> None:
    """A figure on what a model has learned from says little; people evaluate shipped models on what they have."""
    if own or corpus.name == settings.corpus:
        trained = set(settings.split.get("train", ()))
    else:
        trained = set()
    count = sum(item.group in trained for item in found)
    if count:
        print(
            f"note: {count} of these {len(found)} recordings are of groups that the model was trained on",
            file=sys.stderr,
        )
