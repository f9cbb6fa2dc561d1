"""A split made and stored: the annotation `split` (train, valid, test) or `fold` (0, 1, ...) of every recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..corpus import Corpus
from ..pyjama.definitions_check import current
from ..pyjama.file import Atom, Definition, Entry
from .making import SIDES, label_counts, linked_groups, share_out


@dataclass(frozen=True)
class Made:
    """A split of a corpus: the value of each recording, its group, and how well the sides are balanced."""

    name: str  # of the annotation: split or fold
    sides: tuple[Any, ...]
    values: tuple[Any, ...]  # one a recording, out of `sides`
    groups: tuple[str, ...]
    # The largest distance of a label's share on a side from the side's own; None where no label is frequent enough.
    farthest: float | None
    definition: Definition

    def count(self, side: Any) -> int:
        return self.values.count(side)

    def count_groups(self, side: Any) -> int:
        return len(
            {
                group
                for group, value in zip(self.groups, self.values, strict=True)
                if value == side
            }
        )


def make_split(
    corpus: Corpus,
    *,
    folds: int | None = None,
    ratios: Sequence[float] = (),
    by: Sequence[str] = (),
    stratify: Sequence[str] = (),
    seed: int = 0,
) -> Made:
    """Make a split that keeps groups whole: k folds, or train, valid and, of three ratios, test.

    Parameters
    ----------
    corpus : Corpus
        The corpus to be split.
    folds : int, optional
        The number of folds, numbered from 0.
    ratios : sequence of float
        Without `folds`: the shares of train, valid and perhaps test.
    by : sequence of str
        Annotations of which no value is on two sides, such as the artist.
    stratify : sequence of str
        Annotations of which every value has its share of each side, as near as groups allow.
    seed : int
        The same arguments give the same split.

    Returns
    -------
    Made
        The side of each recording; `store_split` writes it.

    Raises
    ------
    DataError
        E440 for fewer groups than sides, E444 for an annotation that no recording has.
    """
    groups = linked_groups(corpus.recordings, by)
    labels = label_counts(corpus.recordings, groups, stratify)
    order = sorted(set(groups))

    # Folds are sides of equal shares, so both kinds of split are dealt by the same rule.
    if folds is None:
        shares = list(ratios)
        sides: tuple[Any, ...] = SIDES[: len(shares)]
    else:
        shares = [1.0] * folds
        sides = tuple(range(folds))
    side = share_out(_sizes(groups, order), labels, shares, seed)

    side_of = dict(zip(order, side.tolist(), strict=True))
    part = np.asarray(shares) / np.sum(shares)
    return Made(
        name="split" if folds is None else "fold",
        sides=sides,
        values=tuple(sides[side_of[group]] for group in groups),
        groups=tuple(groups),
        farthest=_farthest(side, labels, part),
        definition=_definition(folds, by, stratify, seed),
    )


def _definition(
    folds: int | None, by: Sequence[str], stratify: Sequence[str], seed: int
) -> Definition:
    """What the annotation means, and how it was made."""
    generator = {
        "name": "mirbricks data split",
        "by": list(by),
        "stratify": list(stratify),
        "seed": seed,
    }
    if folds is None:
        content = "text"
        dictionary: list[Any] = list(SIDES)
    else:
        content = "numeric"
        dictionary = [0, folds - 1]
    return Definition(
        "global", content, "value_in_dictionary", dictionary, generator=generator
    )


def store_split(corpus: Corpus, made: Made, *, replacing: bool = False) -> None:
    """Write a split into a corpus's NAME.pyjama, which is replaced whole.

    Parameters
    ----------
    corpus : Corpus
        The corpus that the split was made of.
    made : Made
        What `make_split` gave.
    replacing : bool
        Whether a split that it carries already is replaced.

    Raises
    ------
    DataError
        E445 where it carries one already and `replacing` is False, E408 where it cannot be written.
    """
    pyjama = corpus.pyjama
    refuse_stored(corpus, made.name, replacing)
    values = {
        item.key: value
        for item, value in zip(corpus.recordings, made.values, strict=True)
    }
    entries = [
        Entry(
            {**entry.annotations, made.name: (Atom(values[entry.filepath]),)},
            entry.shared_time,
        )
        for entry in pyjama.entries
    ]
    definitions = {**pyjama.definitions, made.name: made.definition}

    # The file is written again whole: a split that is half there would leave recordings without a side.
    changed = replace(
        pyjama,
        definitions=definitions,
        entries=entries,
        schemaversion=current(pyjama.schemaversion),
    )
    changed.save(corpus.folder / f"{corpus.name}.pyjama")


def refuse_stored(corpus: Corpus, name: str, replacing: bool) -> None:
    """Raise DataError E445 where the corpus carries the annotation already and it is not to be replaced."""
    count = sum(1 for item in corpus.recordings if item.annotations.get(name))
    if count and not replacing:
        raise DataError(
            f"the corpus '{corpus.name}' carries a '{name}' already",
            code="E445",
            facts=[("recordings", f"{count} have one")],
            help="look at it with `mirbricks data info`; --replace puts the new one in its place",
        )


def _sizes(groups: Sequence[str], order: Sequence[str]) -> NDArray[np.int64]:
    rows = {group: i for i, group in enumerate(order)}
    return np.bincount([rows[group] for group in groups], minlength=len(order)).astype(
        np.int64
    )


def _farthest(
    side: NDArray[np.int64], labels: NDArray[np.int64], part: NDArray[np.float64]
) -> float | None:
    """Of the labels that occur often enough for every side to get one."""
    often = labels[:, labels.sum(0) >= 1 / part.min() - 1e-9]
    if not often.size:
        return None
    per_side = np.stack([often[side == s].sum(0) for s in range(len(part))])
    return float(np.abs(per_side / often.sum(0) - part[:, None]).max())
