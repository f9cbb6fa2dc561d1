"""Splits by group: a piece with its stems, versions and excerpts is on one side, whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import DataError
from .corpus import Item


@dataclass(frozen=True)
class Split:
    """Groups for training, for choosing (early stopping, threshold) and for the test; no group is on two sides.

    Raises DataError E442 for a group on two sides.
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
    """Fold k tests on every n_folds-th of the sorted groups from the k-th on, and validates on the next fold's.

    So each group is tested once over all folds, and the split depends on nothing but the names.
    Raises DataError: E440 for fewer groups than folds or fewer than 3 folds, E441 for a fold out of range.
    """
    names = sorted(set(groups))
    if n_folds < 3 or len(names) < n_folds:
        raise DataError(
            f"cannot make {n_folds} folds of {len(names)} groups: at least 3 folds, and a group for each",
            code="E440",
            facts=[("groups", ", ".join(names[:5]) + (", ..." if len(names) > 5 else ""))],
            help=f"set dataset.folds to 3 … {len(names)}" if len(names) >= 3 else "take a corpus of 3 groups or more",
        )
    if not 0 <= fold < n_folds:
        raise DataError(f"there is no fold {fold}: {n_folds} folds are numbered 0 to {n_folds - 1}", code="E441")
    folds = [tuple(names[k::n_folds]) for k in range(n_folds)]
    valid = (fold + 1) % n_folds
    train = tuple(name for k, part in enumerate(folds) if k not in (fold, valid) for name in part)
    return Split(tuple(sorted(train)), folds[valid], folds[fold])


def by_annotation(items: Iterable[Item], name: str = "split") -> Split:
    """The split that the corpus itself carries: an annotation with the values 'train', 'valid' and perhaps 'test'.

    Raises DataError: E443 for an item without it, another value or an empty side; E442 for a group on two sides.
    """
    sides: dict[str, set[str]] = {"train": set(), "valid": set(), "test": set()}
    for item in items:
        value = item.entry.first(name)
        if value not in sides:
            came = "no such annotation" if value is None else f"'{value}'"
            raise DataError(f"expected '{name}' of '{item.key}' to be train, valid or test; it has {came}", code="E443")
        sides[value].add(item.group)
    for side in ("train", "valid"):
        if not sides[side]:
            raise DataError(f"no item has '{name}' = '{side}'", code="E443", help="use folds instead: --fold K")
    return Split(*(tuple(sorted(groups)) for groups in sides.values()))
