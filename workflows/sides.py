"""Which recordings of a corpus an evaluation takes: what --split names, or what the model has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..data.corpus import Corpus, Item
from ..errors import DataError
from ..printable import listed
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from .experiment import items_of
from .progress import Progress

SIDES = ("train", "valid", "test")
MOST_LISTED = 8


def side_of(
    corpus: Corpus,
    recordings: Sequence[Item],
    settings: RunSettings,
    given: str | None,
    run: RunFolder,
    progress: Progress,
) -> tuple[str, list[Item]]:
    """What is evaluated, in a word, and the recordings.

    Without `given` the run's test side of its own corpus; everything of another, and for a packed model always. `given`
    is train, valid or test, all, another value of the corpus's annotation `split`, or a fold as stored: 5 or fold5.
    Raises DataError E443 where nothing is there.
    """
    # A corpus of the same name with other recordings is usually a newer import: the split of the
    # run does not fit it, and its test tracks may have trained.
    own = settings.is_of(corpus)
    if not own and not given and settings.corpus == corpus.name and not run.packed:
        progress.note(
            f"'{corpus.name}' has other recordings than '{run.path}' was trained on; all of them are evaluated"
        )
    # The honest default: what the model has not seen.
    if given:
        side = given
    elif own and not run.packed:
        side = settings.evaluated_on
    else:
        side = "all"
    if side == "all":
        found = list(recordings)
    else:
        found = _named(corpus, recordings, settings, side, own, run)
    if run.packed and side != "train":
        _note_trained(corpus, found, settings, own, progress)
    return side, found


def _named(
    corpus: Corpus,
    recordings: Sequence[Item],
    settings: RunSettings,
    side: str,
    own: bool,
    run: RunFolder,
) -> list[Item]:
    # Of a packed model the split that the corpus itself stores goes first: a stranger means that one.
    stored = [item for item in recordings if item.entry.first("split") == side]
    if side in SIDES and own and not (run.packed and stored):
        found = items_of(recordings, settings.split.get(side, ()))
    elif stored:
        found = stored
    else:
        found = [one for one in recordings if _is_fold(one.entry.first("fold"), side)]
    if not found and side in SIDES:
        message = (
            f"the {side} side of '{corpus.name}' is empty for the run '{run.path}'"
        )
        raise DataError(message, code="E443", help="choose another --split, or all")
    if not found:
        raise DataError(
            f"'{corpus.name}' has no split or fold '{side}'",
            code="E443",
            facts=[(name, _values(recordings, name)) for name in ("split", "fold")],
            help="choose one of these, or all",
        )
    return found


def _is_fold(value: Any, side: str) -> bool:
    return value is not None and side in (str(value), f"fold{value}")


def _values(recordings: Sequence[Item], name: str) -> str:
    """The values of an annotation, the first of them listed."""
    firsts = [item.entry.first(name) for item in recordings]
    values = sorted({str(value) for value in firsts if value is not None})
    if not values:
        return "none"
    return listed(values, MOST_LISTED, quote="")


def _note_trained(
    corpus: Corpus,
    found: Sequence[Item],
    settings: RunSettings,
    own: bool,
    progress: Progress,
) -> None:
    """A figure on what a model has learned from means little; people evaluate shipped models on what they have."""
    # Only groups of the corpus it was trained on can be compared by name.
    trained: set[str] = set()
    if own or corpus.name == settings.corpus:
        trained = set(settings.split.get("train", ()))
    count = sum(item.group in trained for item in found)
    if count:
        progress.note(
            f"{count} of these {len(found)} recordings are of groups that the model was trained on"
        )
