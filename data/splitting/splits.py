"""Splits by group: a piece with its stems, versions and excerpts is on one side, whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DataError, raise_all
from ..corpus import Corpus, FeatureItem, Item
from .making import linked_groups

STORED = ("split", "fold")  # the annotations that `mirbricks data split` writes


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
            facts=[
                ("groups", ", ".join(names[:5]) + (", ..." if len(names) > 5 else ""))
            ],
            help=f"set dataset.folds to 3 … {len(names)}"
            if len(names) >= 3
            else "take a corpus of 3 groups or more",
        )
    if not 0 <= fold < n_folds:
        raise DataError(
            f"there is no fold {fold}: {n_folds} folds are numbered 0 to {n_folds - 1}",
            code="E441",
        )
    folds = [tuple(names[k::n_folds]) for k in range(n_folds)]
    valid = (fold + 1) % n_folds
    train = tuple(
        name for k, part in enumerate(folds) if k not in (fold, valid) for name in part
    )
    return Split(tuple(sorted(train)), folds[valid], folds[fold])


def by_annotation(
    given: Corpus | Iterable[Item | FeatureItem], name: str = "split"
) -> Split:
    """The split that the corpus itself carries: an annotation with the values 'train', 'valid' and perhaps 'test'.

    Given the corpus, the annotations it was grouped by (`grouped_by`) are held apart too.
    Raises DataError: E443 for an item without it, another value or an empty side; E442 for a group on two sides.
    """
    items = list(given.recordings if isinstance(given, Corpus) else given)
    sides: dict[str, set[str]] = {"train": set(), "valid": set(), "test": set()}
    for item in items:
        value = item.entry.first(name)
        if value not in sides:
            if value is None:
                came = "no such annotation"
            else:
                came = f"'{value}'"
            raise DataError(
                f"expected '{name}' of '{item.key}' to be train, valid or test; it has {came}",
                code="E443",
            )
        sides[value].add(item.group)
    for side in ("train", "valid"):
        if not sides[side]:
            message = f"no item has '{name}' = '{side}'"
            raise DataError(
                message,
                code="E443",
                help="set dataset.held_out to a share, or dataset.split to folds",
            )
    split = Split(*(tuple(sorted(groups)) for groups in sides.values()))
    if isinstance(given, Corpus):
        raise_all(leaks(given, name))
    return split


def held_out(split: Split, share: float) -> Split:
    """A split without a test side, whose validation becomes the test; a share of the training groups validates.

    Every n-th of the sorted groups. Raises DataError E443 where there is a test side already.
    """
    if split.test:
        message = (
            "the corpus has a test side of its own, so nothing needs to be held out"
        )
        raise DataError(message, code="E443", help="set dataset.held_out to 0")
    every = max(2, round(1 / share))
    valid = split.train[::every]
    return Split(
        tuple(name for name in split.train if name not in set(valid)),
        valid,
        split.valid,
    )


def held_out_where(
    split: Split, corpus: Corpus, wanted: Mapping[str, Sequence[str]]
) -> Split:
    """As `held_out`, but those training groups validate whose annotations have one of the `wanted` values each.

    Raises DataError E443 where there is a test side already, or none or all of the training groups are meant.
    """
    if split.test:
        message = (
            "the corpus has a test side of its own, so nothing needs to be held out"
        )
        raise DataError(message, code="E443", help="leave dataset.validate_where out")
    meant = {
        item.group
        for item in corpus.recordings
        if all(
            str(item.entry.first(name)) in map(str, values)
            for name, values in wanted.items()
        )
    }
    valid = tuple(name for name in split.train if name in meant)
    train = tuple(name for name in split.train if name not in meant)
    if not valid or not train:
        said = "; ".join(
            f"{name}: {', '.join(map(str, values))}" for name, values in wanted.items()
        )
        message = f"{'no' if not valid else 'every'} training recording has {said}"
        raise DataError(
            message,
            code="E443",
            help="change dataset.validate_where; `mirbricks data info` lists the values",
        )
    return Split(train, valid, split.valid)


def all_train(split: Split) -> Split:
    """What would validate trains too; without a test side the validation becomes the test, as `held_out` has it."""
    if split.test:
        return Split(tuple(sorted((*split.train, *split.valid))), (), split.test)
    return Split(split.train, (), split.valid)


def by_fold(corpus: Corpus, fold: int, name: str = "fold") -> Split:
    """The folds that the corpus itself carries: fold k tests, the next one validates, the others train.

    `fold` counts from 0 through the values in their order, whether they are numbered from 0, from 1 or are texts.
    Raises DataError as `stored_folds`, and E441 for a fold out of range, E442 for a group in two folds.
    """
    folds = list(stored_folds(corpus, name).values())
    if not 0 <= fold < len(folds):
        raise DataError(
            f"there is no fold {fold}: {len(folds)} folds are numbered 0 to {len(folds) - 1}",
            code="E441",
        )
    raise_all(leaks(corpus, name))
    valid = (fold + 1) % len(folds)
    train = sorted(
        group
        for k, groups in enumerate(folds)
        if k not in (fold, valid)
        for group in groups
    )
    return Split(tuple(train), tuple(sorted(folds[valid])), tuple(sorted(folds[fold])))


def stored_folds(corpus: Corpus, name: str = "fold") -> dict[int | str, set[str]]:
    """The groups of each fold that the corpus carries, in the order of the folds' values.

    Raises DataError E446 for an item without a fold, or fewer than 3.
    """
    found: dict[int | str, set[str]] = {}
    for item in corpus.recordings:
        value = item.entry.first(name)
        if not is_fold(value):
            if value is None:
                came = "no such annotation"
            else:
                came = f"'{value}'"
            raise DataError(
                f"expected '{name}' of '{item.key}' to be a whole number or a text; it has {came}",
                code="E446",
            )
        found.setdefault(value, set()).add(item.group)
    values = sorted(found, key=lambda value: (isinstance(value, str), value))
    if len(values) < 3:
        message = f"expected 3 folds or more in '{name}'; it has {', '.join(map(str, values)) or 'none'}"
        raise DataError(message, code="E446")
    return {value: found[value] for value in values}


def is_fold(value: object) -> bool:
    """Whether a value of the annotation `fold` names one."""
    return type(value) is int or (isinstance(value, str) and bool(value))


def grouped_by(corpus: Corpus, name: str) -> tuple[str, ...]:
    """The annotations that a stored split was grouped by, beside the groups themselves: its generator's `by`."""
    definition = corpus.pyjama.definitions.get(name)
    if definition:
        generator = definition.generator
    else:
        generator = None
    if isinstance(generator, Mapping):
        by = generator.get("by", [])
    else:
        by = []
    if isinstance(by, list):
        known = [one for one in by if isinstance(one, str)]
    else:
        known = []
    return tuple(
        one
        for one in known
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
    if by:
        linked = f" (linked by {', '.join(by)})"
    else:
        linked = ""
    return DataError(
        f"the group '{group}'{linked} is in '{one}' and in '{other}' of the stored '{name}'",
        code="E442",
        facts=[(str(one), first), (str(other), second)],
        help="put each piece, with all its versions, on one side; `mirbricks data split` does",
    )
