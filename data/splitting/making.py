"""Groups shared out over folds or over train, valid and test, so that each side has its share of every label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean
from ..corpus import FeatureItem, Item

Recording = Item | FeatureItem
SIDES = ("train", "valid", "test")
EQUAL = 1e-9  # wishes nearer than this are equal
PASSES = 20


def linked_groups(recordings: Sequence[Recording], by: Sequence[str] = ()) -> list[str]:
    """The group of each recording: those that share a group, or a value of an annotation in `by`, are in one.

    Sharing is passed on: two pieces that one artist plays are one group by artist. A group is named by the value it
    shares, or by its first recording's. Raises DataError E444 for an annotation that no recording has.
    """
    parents = list(range(len(recordings)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for index, recording in enumerate(recordings):
        own = [
            ("", recording.group),
            *((name, str(v)) for name in by for v in recording.entry.values(name)),
        ]
        for tie in own:
            one, other = sorted((root(first.setdefault(tie, index)), root(index)))
            parents[other] = one
    for name in by:
        if recordings and not any(
            recording.annotations.get(name) for recording in recordings
        ):
            raise no_annotation(name, recordings)
    names = {
        i: str(next(iter(r.entry.values(by[0])), r.group)) if by else r.group
        for i, r in enumerate(recordings)
    }
    return [names[root(index)] for index in range(len(recordings))]


def label_counts(
    recordings: Sequence[Recording], groups: Sequence[str], stratify: Sequence[str]
) -> NDArray[np.int64]:
    """(groups, labels): how many recordings of each group, sorted by name, have each value of the annotations.

    Raises DataError E444 for an annotation that no recording has.
    """
    for name in stratify:
        if not any(recording.annotations.get(name) for recording in recordings):
            raise no_annotation(name, recordings)
    labels = [
        {
            (name, str(value))
            for name in stratify
            for value in recording.entry.values(name)
        }
        for recording in recordings
    ]
    columns = {label: i for i, label in enumerate(sorted(set().union(*labels)))}
    rows = {group: i for i, group in enumerate(sorted(set(groups)))}
    counts = np.zeros((len(rows), len(columns)), np.int64)
    for group, its in zip(groups, labels, strict=True):
        for label in its:
            counts[rows[group], columns[label]] += 1
    return counts


def share_out(
    sizes: NDArray[np.int64],
    labels: NDArray[np.int64],
    shares: Sequence[float],
    seed: int = 0,
) -> NDArray[np.int64]:
    """The side of each group: sizes (G,), how many of each label in each (G, L), the sides' shares (S,) -> (G,).

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML 2011)
    of groups: the rarest label that is left goes first, its largest groups first, each to the side that still misses
    most of it, then most recordings, then by lot. The groups without a label left come last, large ones first. Every
    side gets a group. Raises DataError E440 for fewer groups than sides.
    """
    rng = np.random.default_rng(seed)
    part = np.asarray(shares, np.float64) / np.sum(shares)
    if len(sizes) < len(part):
        message = f"cannot share {len(sizes)} groups out over {len(part)} sides: each needs one"
        raise DataError(
            message, code="E440", help="take fewer sides, or a corpus of more groups"
        )
    wish = part * sizes.sum()
    wish_labels = part[:, None] * labels.sum(0)
    side = np.full(len(sizes), -1)
    while (left := np.flatnonzero(side < 0)).size:
        missing = labels[left].sum(0)
        if missing.any():
            label = int(np.argmin(np.where(missing > 0, missing, np.inf)))
        else:
            label = None
        if label is None:
            weights = sizes
        else:
            weights = labels[:, label]
        members = rng.permutation(
            left if label is None else left[labels[left, label] > 0]
        )
        for group in members[np.argsort(-weights[members], kind="stable")]:
            if label is None:
                wanted = [wish]
            else:
                wanted = [wish_labels[:, label], wish]
            side[group] = _neediest(wanted, rng)
            wish[side[group]] -= sizes[group]
            wish_labels[side[group]] -= labels[group]
    return _refined(
        _none_empty(side, sizes, len(part)), np.column_stack([sizes, labels]), part
    )


def _neediest(wanted: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> int:
    """The side with the largest wish; of equal ones that with the largest second wish; then by lot."""
    candidates = np.arange(len(wanted[0]))
    for wish in wanted:
        candidates = candidates[wish[candidates] >= wish[candidates].max() - EQUAL]
    return int(candidates[0] if len(candidates) == 1 else rng.choice(candidates))


def _none_empty(
    side: NDArray[np.int64], sizes: NDArray[np.int64], n_sides: int
) -> NDArray[np.int64]:
    """An empty side gets the smallest group of a side that has several."""
    for empty in np.flatnonzero(np.bincount(side, minlength=n_sides) == 0):
        counts = np.bincount(side, minlength=n_sides)
        movable = np.flatnonzero(counts[side] > 1)
        side[movable[np.argmin(sizes[movable])]] = empty
    return side


def _refined(
    side: NDArray[np.int64], counts: NDArray[np.int64], part: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Single groups moved to another side for as long as that brings sizes and labels nearer to their shares.

    counts (G, 1 + L): the size and the labels of each group; what is made small is the sum over sides and columns of
    (count - share)² / total. The greedy order before it cannot take a step back; this can.
    """
    totals = counts.sum(0).clip(1)
    over = (
        np.stack([counts[side == s].sum(0) for s in range(len(part))])
        - part[:, None] * totals
    )
    n_groups = np.bincount(side, minlength=len(part))
    for _ in range(PASSES):
        moved = False
        for group, own in enumerate(counts):
            here = side[group]
            gain = ((2 * over[here] - own) * own / totals).sum() - (
                (2 * over + own) * own / totals
            ).sum(1)
            gain[here] = 0.0
            there = int(np.argmax(gain))
            if gain[there] > EQUAL and n_groups[here] > 1:
                over[here], over[there] = over[here] - own, over[there] + own
                n_groups[[here, there]] += (-1, 1)
                side[group], moved = there, True
        if not moved:
            break
    return side


def no_annotation(name: str, recordings: Iterable[Any]) -> DataError:
    known = sorted(
        {
            other
            for recording in recordings
            for other, atoms in recording.annotations.items()
            if atoms
        }
    )
    near = did_you_mean(name, known) or f"the recordings have: {', '.join(known)}"
    return DataError(
        f"no recording has the annotation '{name}'", code="E444", help=near
    )
