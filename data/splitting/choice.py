"""Which split a training gets: the one that the graph file asks for, else the folds that the corpus carries."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import DataError, raise_all
from ..corpus import Corpus
from .stored import leaks, stored_folds

AUTO = "auto"
FOLDS = "folds"
STORED_FOLDS = "stored_folds"


@dataclass(frozen=True)
class Choice:
    """A kind of split, and what a user should know about the choice.

    Attributes
    ----------
    split : str
        folds: k folds dealt by group; stored_folds: those of the annotation `fold`; annotation: the sides of the
        annotation `split`.
    note : str or None
        A sentence to print where the corpus carries a split: that it is used, or that it is passed over and why.
    """

    split: str
    note: str | None = None


def choose_split(corpus: Corpus, asked: str = AUTO, folds: int | None = None) -> Choice:
    """Choose the kind of split of a corpus.

    Parameters
    ----------
    corpus : Corpus
        The corpus to be split.
    asked : str
        What the graph file asks for: folds, stored_folds or annotation, which is what comes back. With auto the folds
        that the corpus carries are used, and k folds are dealt where it carries none.
    folds : int, optional
        The number of folds that the graph file asks for, if it does. A corpus that carries another number of folds
        has them passed over.

    Returns
    -------
    Choice
        Never auto. Nothing is raised: what is wrong with folds that are passed over is in the note.
    """
    # Whoever asks for something gets it; only 'auto' and plain folds can meet folds that the corpus carries.
    if asked not in (AUTO, FOLDS):
        return Choice(asked)
    if not _has(corpus, "fold"):
        return Choice(FOLDS, _unused_sides(corpus))
    carried = f"the folds that '{corpus.name}' carries under 'fold'"
    if asked == FOLDS:
        return Choice(
            FOLDS,
            f"{carried} are passed over, because dataset.split is folds; `--set dataset.split=stored_folds` uses them",
        )
    try:
        # Folds that leak or are not whole would give figures that look better than they are.
        count = len(stored_folds(corpus))
        raise_all(leaks(corpus, "fold"))
    except DataError as error:
        return Choice(FOLDS, f"{carried} are passed over: {error.message}")
    if folds is not None and folds != count:
        return Choice(
            FOLDS,
            f"{carried} are passed over: they are {count}, and dataset.folds is {folds}; "
            "`--set dataset.split=stored_folds` uses them",
        )
    return Choice(
        STORED_FOLDS,
        f"{carried} are used, {count} of them; `--set dataset.split=folds` deals others",
    )


def _has(corpus: Corpus, name: str) -> bool:
    return any(item.annotations.get(name) for item in corpus.recordings)


def _unused_sides(corpus: Corpus) -> str | None:
    if not _has(corpus, "split"):
        return None
    return (
        f"the sides that '{corpus.name}' carries under 'split' are passed over; "
        "`--set dataset.split=annotation` uses them"
    )
