"""Splits that a corpus carries: the annotations `split` (train, valid, test) and `fold`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import DataError, raise_all
from ..corpus import Corpus, FeatureItem, Item
from .making import SIDES, linked_groups
from .splits import Split, no_fold, rotated

HELP = "`mirbricks data split` writes a fold for every recording"
NO_SIDES = (
    "`mirbricks data split DIR --ratios .8/.1/.1` stores a side for every recording; "
    "--set dataset.split=folds makes sides without it"
)
STORED = ("split", "fold")  # the annotations that `mirbricks data split` writes


def by_annotation(
    given: Corpus | Iterable[Item | FeatureItem], name: str = "split"
) -> Split:
    """Take the split that a corpus itself carries.

    Parameters
    ----------
    given : Corpus, or iterable of Item or FeatureItem
        Given the corpus, the annotations that its split was grouped by (`grouped_by`) are held apart too.
    name : str
        A global annotation with the values train, valid and perhaps test.

    Returns
    -------
    Split

    Raises
    ------
    DataError
        E443 for a recording without the annotation, another value or an empty side; E442 for a group on two sides.
    """
    items = list(given.recordings if isinstance(given, Corpus) else given)
    sides: dict[str, set[str]] = {side: set() for side in SIDES}
    for item in items:
        value = item.entry.first(name)
        if value not in sides:
            came = "no such annotation" if value is None else f"'{value}'"
            raise DataError(
                f"expected '{name}' of '{item.key}' to be train, valid or test; it has {came}",
                code="E443",
                help=NO_SIDES,
            )
        sides[value].add(item.group)

    # A corpus may do without a test side, but not without these two.
    for side in ("train", "valid"):
        if not sides[side]:
            help = "set dataset.held_out to a share, or dataset.split to folds"
            message = f"no item has '{name}' = '{side}'"
            raise DataError(message, code="E443", help=help)
    split = Split(*(tuple(sorted(groups)) for groups in sides.values()))
    if isinstance(given, Corpus):
        # The annotations that the split was grouped by are known to the corpus only.
        raise_all(leaks(given, name))
    return split


def by_fold(corpus: Corpus, fold: int, name: str = "fold") -> Split:
    """Take a fold of those that a corpus itself carries: it tests, the next one validates, the others train.

    Parameters
    ----------
    corpus : Corpus
        Each recording has the annotation.
    fold : int
        Counts from 0 through the values in their order, whether they are numbered from 0, from 1 or are texts.
    name : str
        A global annotation: a whole number or a text for each recording.

    Returns
    -------
    Split

    Raises
    ------
    DataError
        E446 for a recording without a fold or fewer than 3 folds, E441 for a fold out of range, E442 for a group in
        two folds.
    """
    folds = list(stored_folds(corpus, name).values())
    if not 0 <= fold < len(folds):
        raise no_fold(fold, len(folds))
    raise_all(leaks(corpus, name))
    return rotated(folds, fold)


def stored_folds(corpus: Corpus, name: str = "fold") -> dict[int | str, set[str]]:
    """The groups of each fold that the corpus carries, in the order of the folds' values.

    Raises DataError E446 for an item without a fold, or fewer than 3.
    """
    found: dict[int | str, set[str]] = {}
    for item in corpus.recordings:
        value = item.entry.first(name)
        if not is_fold(value):
            came = "no such annotation" if value is None else f"'{value}'"
            raise DataError(
                f"expected '{name}' of '{item.key}' to be a whole number or a text; it has {came}",
                code="E446",
                help=HELP,
            )
        found.setdefault(value, set()).add(item.group)

    # Numbers before texts: sorting them together would raise TypeError.
    values = sorted(found, key=lambda value: (isinstance(value, str), value))
    if len(values) < 3:
        listed = ", ".join(map(str, values)) or "none"
        message = f"expected 3 folds or more in '{name}'; it has {listed}"
        raise DataError(message, code="E446", help=HELP)
    return {value: found[value] for value in values}


def is_fold(value: object) -> bool:
    """Whether a value of the annotation `fold` names one."""
    return type(value) is int or (isinstance(value, str) and bool(value))


def grouped_by(corpus: Corpus, name: str) -> tuple[str, ...]:
    """The annotations that a stored split was grouped by, beside the groups themselves: its generator's `by`."""
    definition = corpus.pyjama.definitions.get(name)
    if definition is None or not isinstance(definition.generator, Mapping):
        return ()
    by = definition.generator.get("by", [])
    if not isinstance(by, list):
        return ()

    # The file may come from elsewhere: what no recording has cannot group anything.
    names = [one for one in by if isinstance(one, str)]
    return tuple(
        one
        for one in names
        if any(item.annotations.get(one) for item in corpus.recordings)
    )


def leaks(corpus: Corpus, name: str) -> list[DataError]:
    """DataError E442 for each group with recordings on two sides of the stored split or fold `name`."""
    by = grouped_by(corpus, name)
    sides: dict[str, dict[Any, str]] = {}
    groups = linked_groups(corpus.recordings, by)
    for item, group in zip(corpus.recordings, groups, strict=True):
        value = item.entry.first(name)
        if isinstance(value, (str, int, float)):
            # The first recording of each value is kept, to be shown.
            sides.setdefault(group, {}).setdefault(value, item.key)
    return [
        _leak(name, group, found, by)
        for group, found in sides.items()
        if len(found) > 1
    ]


def _leak(
    name: str, group: str, found: Mapping[Any, str], by: Sequence[str]
) -> DataError:
    (one, first), (other, second) = list(found.items())[:2]
    linked = f" (linked by {', '.join(by)})" if by else ""
    return DataError(
        f"the group '{group}'{linked} is in '{one}' and in '{other}' of the stored '{name}'",
        code="E442",
        facts=[(str(one), first), (str(other), second)],
        help="put each piece, with all its versions, on one side; `mirbricks data split` does",
    )
