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
    farthest: (
        float | None
    )  # the largest distance of a label's share on a side from the side's own, or None
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
    """k folds, or train, valid and, of three ratios, test; no group (and no value of `by`) is on two sides.

    Every value of the annotations in `stratify` has its share of each side, as near as groups allow
    (`split_making.share_out`). The same arguments give the same split. Raises DataError E440 for fewer groups than
    sides, E444 for an annotation that no recording has.
    """
    recordings = corpus.recordings
    groups = linked_groups(recordings, by)
    labels = label_counts(recordings, groups, stratify)
    order = sorted(set(groups))
    sizes = _sizes(groups, order)
    if folds is None:
        shares = list(ratios)
    else:
        shares = [1.0] * folds
    side = share_out(sizes, labels, shares, seed)
    if folds is None:
        names: tuple[Any, ...] = SIDES[: len(shares)]
    else:
        names = tuple(range(folds))
    at = dict(zip(order, side.tolist(), strict=True))
    values = tuple(names[at[group]] for group in groups)
    generator = {
        "name": "mirbricks data split",
        "by": list(by),
        "stratify": list(stratify),
        "seed": seed,
    }
    if folds is None:
        bounds: list[Any] = list(SIDES)
    else:
        bounds = [0, folds - 1]
    if folds is None:
        content = "text"
    else:
        content = "numeric"
    definition = Definition(
        "global", content, "value_in_dictionary", bounds, generator=generator
    )
    farthest = _farthest(side, labels, np.asarray(shares) / np.sum(shares))
    return Made(
        "split" if folds is None else "fold",
        names,
        values,
        tuple(groups),
        farthest,
        definition,
    )


def store_split(corpus: Corpus, made: Made, *, replacing: bool = False) -> None:
    """Write the split into the corpus's NAME.pyjama, which is replaced whole.

    Raises DataError E445 where it carries one already and `replacing` is False, E408 where it cannot be written.
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
