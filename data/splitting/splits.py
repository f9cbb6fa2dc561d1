"""Splits by group: a piece with its stems, versions and excerpts is on one side, whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import DataError
from ...printable import listed
from ..corpus import Corpus, FeatureItem, Item


@dataclass(frozen=True)
class Split:
    """Which groups train, which choose (early stopping, threshold), and which test.

    A group is a piece with its stems and versions; it is on one side whole.

    Parameters
    ----------
    train, valid, test : tuple of str
        The groups of each side, sorted.

    Raises
    ------
    DataError
        E442 for a group on two sides.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sides = {"train": self.train, "valid": self.valid, "test": self.test}
        names = list(sides)
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                both = sorted(set(sides[one]) & set(sides[other]))
                if both:
                    raise DataError(
                        f"the group '{both[0]}' is in '{one}' and in '{other}'",
                        code="E442",
                        facts=[("groups", f"{len(both)} on both sides")],
                        help="put each piece, with all its versions, on one side",
                    )


def k_fold(groups: Iterable[str], n_folds: int = 5, fold: int = 0) -> Split:
    """Deal groups into folds, of which one tests and the next one validates.

    Fold k tests on every `n_folds`-th of the sorted groups from the k-th on. So each group is tested once over all
    folds, and the split depends on nothing but the names.

    Parameters
    ----------
    groups : iterable of str
        The groups of a corpus's recordings, in any order; a group may come several times.
    n_folds : int
        3 or more.
    fold : int
        From 0 to n_folds - 1.

    Returns
    -------
    Split

    Raises
    ------
    DataError
        E440 for fewer groups than folds or fewer than 3 folds, E441 for a fold out of range.

    Examples
    --------
    >>> from mirbricks.data import k_fold
    >>> k_fold("abcdef", n_folds=3, fold=0)
    Split(train=('c', 'f'), valid=('b', 'e'), test=('a', 'd'))
    """
    # Sorted names: the split is the same on every machine, and in every order of files.
    names = sorted(set(groups))
    if n_folds < 3 or len(names) < n_folds:
        if len(names) == 3:
            help = "set dataset.folds to 3"
        elif len(names) > 3:
            help = f"set dataset.folds to 3 … {len(names)}"
        else:
            help = "take a corpus of 3 groups or more"
        raise DataError(
            f"cannot make {n_folds} folds of {len(names)} groups: at least 3 folds, and a group for each",
            code="E440",
            facts=[("groups", listed(names, 5, quote=""))],
            help=help,
        )
    if not 0 <= fold < n_folds:
        raise no_fold(fold, n_folds)
    return rotated([names[k::n_folds] for k in range(n_folds)], fold)


def rotated(folds: Sequence[Iterable[str]], fold: int) -> Split:
    """Fold k tests, the next one validates, the others train."""
    # So each fold also validates exactly once.
    valid = (fold + 1) % len(folds)
    train = [
        group
        for k, groups in enumerate(folds)
        if k not in (fold, valid)
        for group in groups
    ]
    return Split(
        tuple(sorted(train)), tuple(sorted(folds[valid])), tuple(sorted(folds[fold]))
    )


def no_fold(fold: int, n_folds: int) -> DataError:
    text = f"there is no fold {fold}: {n_folds} folds are numbered 0 to {n_folds - 1}"
    return DataError(text, code="E441")


def held_out(split: Split, share: float) -> Split:
    """Make the validation of a split its test, and let a share of the training groups validate.

    Those are every n-th of the sorted groups. Raises DataError E443 where there is a test side already.
    """
    _refuse_test(split, help="set dataset.held_out to 0")
    every = max(2, round(1 / share))
    valid = split.train[::every]
    train = tuple(group for group in split.train if group not in set(valid))
    return Split(train, valid, split.valid)


def held_out_where(
    split: Split, corpus: Corpus, wanted: Mapping[str, Sequence[str]]
) -> Split:
    """As `held_out`, but those training groups validate whose annotations have one of the `wanted` values each.

    Raises DataError E443 where there is a test side already, or none or all of the training groups are meant.
    """
    _refuse_test(split, help="leave dataset.validate_where out")

    # Groups stay whole: one recording with the wanted values takes its group with it.
    meant = {item.group for item in corpus.recordings if _has_each(item, wanted)}
    valid = tuple(group for group in split.train if group in meant)
    train = tuple(group for group in split.train if group not in meant)
    if not valid or not train:
        conditions = [
            f"{name}: {', '.join(map(str, values))}" for name, values in wanted.items()
        ]
        which = "every" if valid else "no"
        raise DataError(
            f"{which} training recording has {'; '.join(conditions)}",
            code="E443",
            help="change dataset.validate_where; `mirbricks data info` lists the values",
        )
    return Split(train, valid, split.valid)


def _has_each(item: Item | FeatureItem, wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether the recording has one of the wanted values of each annotation."""
    return all(
        str(item.entry.first(name)) in map(str, values)
        for name, values in wanted.items()
    )


def _refuse_test(split: Split, help: str) -> None:
    if split.test:
        message = (
            "the corpus has a test side of its own, so nothing needs to be held out"
        )
        raise DataError(message, code="E443", help=help)


def all_train(split: Split) -> Split:
    """What would validate trains too; without a test side the validation becomes the test, as `held_out` has it."""
    if split.test:
        return Split(tuple(sorted((*split.train, *split.valid))), (), split.test)
    return Split(split.train, (), split.valid)
