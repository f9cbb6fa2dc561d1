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
    for name in by:
        if recordings and not any(one.annotations.get(name) for one in recordings):
            raise no_annotation(name, recordings)

    # A forest over the recordings: each points to another one of its group, the first of a group to itself.
    parents = list(range(len(recordings)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    # What recordings have in common joins their trees, below the earlier one.
    first: dict[tuple[str, str], int] = {}
    for index, recording in enumerate(recordings):
        ties = [("", recording.group)]
        for name in by:
            ties += [(name, str(value)) for value in recording.entry.values(name)]
        for tie in ties:
            earlier = root(first.setdefault(tie, index))
            one, other = sorted((earlier, root(index)))
            parents[other] = one
    return [_name(recordings[root(i)], by) for i in range(len(recordings))]


def _name(recording: Recording, by: Sequence[str]) -> str:
    """What a group is called after its first recording."""
    if by:
        for value in recording.entry.values(by[0]):
            return str(value)
    return recording.group


def label_counts(
    recordings: Sequence[Recording], groups: Sequence[str], stratify: Sequence[str]
) -> NDArray[np.int64]:
    """(groups, labels): how many recordings of each group, sorted by name, have each value of the annotations.

    Raises DataError E444 for an annotation that no recording has.
    """
    for name in stratify:
        if not any(recording.annotations.get(name) for recording in recordings):
            raise no_annotation(name, recordings)
    labels = []
    for recording in recordings:
        pairs = [(name, recording.entry.values(name)) for name in stratify]
        # A set: a label that a recording has many times, such as a chord, counts once.
        labels.append(
            {(name, str(value)) for name, values in pairs for value in values}
        )

    # Sorted, so that the split depends on names and not on the order of files.
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
    """Share groups out over sides, so that each side has its share of the recordings and of every label.

    Parameters
    ----------
    sizes : array of int, (G,)
        How many recordings each group has.
    labels : array of int, (G, L)
        How many of them have each label.
    shares : sequence of float
        The share of each side; they need not sum to 1.
    seed : int
        Decides between sides that miss equally much.

    Returns
    -------
    array of int, (G,)
        The side of each group. Every side gets a group.

    Raises
    ------
    DataError
        E440 for fewer groups than sides.

    References
    ----------
    Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML 2011: iterative
    stratification, here of groups, and refined by single moves.
    """
    part = np.asarray(shares, np.float64) / np.sum(shares)
    if len(sizes) < len(part):
        message = f"cannot share {len(sizes)} groups out over {len(part)} sides: each needs one"
        raise DataError(
            message, code="E440", help="take fewer sides, or a corpus of more groups"
        )

    # The greedy order comes close, may leave a side empty, and cannot go back: two passes mend that.
    side = dealt(sizes, labels, part, np.random.default_rng(seed))
    side = _none_empty(side, sizes, len(part))
    return _refined(side, np.column_stack([sizes, labels]), part)


def dealt(
    sizes: NDArray[np.int64],
    labels: NDArray[np.int64],
    part: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """The greedy order of iterative stratification: the side of each group, (G,).

    The rarest label that is left goes first, its largest groups first, each to the side that still misses most of it,
    then most recordings, then by lot. The groups without a label left come last, large ones first.
    """
    # What each side still wishes for: recordings (S,), and recordings with each label (S, L).
    wish = part * sizes.sum()
    wish_labels = part[:, None] * labels.sum(0)
    side = np.full(len(sizes), -1)
    while (left := np.flatnonzero(side < 0)).size:
        # The rarest label has the fewest groups that could still mend its balance, so it cannot wait.
        missing = labels[left].sum(0)
        if missing.any():
            rarest = int(np.argmin(np.where(missing > 0, missing, np.inf)))
            weights = labels[:, rarest]
            members = left[labels[left, rarest] > 0]
            wanted = [wish_labels[:, rarest], wish]
        else:
            weights = sizes
            members = left
            wanted = [wish]

        # Large groups first: small ones even out at the end what those have left uneven.
        members = rng.permutation(members)
        for group in members[np.argsort(-weights[members], kind="stable")]:
            side[group] = _neediest(wanted, rng)
            wish[side[group]] -= sizes[group]
            wish_labels[side[group]] -= labels[group]
    return side


def _neediest(wanted: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> int:
    """The side with the largest wish; of equal ones that with the largest second wish; then by lot."""
    candidates = np.arange(len(wanted[0]))
    for wish in wanted:
        candidates = candidates[wish[candidates] >= wish[candidates].max() - EQUAL]
    if len(candidates) == 1:
        return int(candidates[0])
    return int(rng.choice(candidates))


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
    """Move single groups to another side for as long as that brings sizes and labels nearer to their shares.

    counts (G, 1 + L): the size and the labels of each group; what is made small is the sum over sides and columns of
    (count - share)² / total. The greedy order before it cannot take a step back; this can.
    """
    totals = counts.sum(0).clip(1)
    n_sides = len(part)
    per_side = np.stack([counts[side == s].sum(0) for s in range(n_sides)])
    # How far each side is above its share; moves change two of its rows, so nothing is counted again.
    over = per_side - part[:, None] * totals
    n_groups = np.bincount(side, minlength=n_sides)
    for _ in range(PASSES):
        moved = False
        for group, own in enumerate(counts):
            # (over - own)² - over² for the side that loses the group, (over + own)² - over² for one that gets it.
            here = side[group]
            saved = ((2 * over[here] - own) * own / totals).sum()
            cost = ((2 * over + own) * own / totals).sum(1)
            gain = saved - cost
            gain[here] = 0.0
            there = int(np.argmax(gain))
            # EQUAL keeps rounding from moving groups to and fro; no side gives its last group away.
            if gain[there] > EQUAL and n_groups[here] > 1:
                over[here] -= own
                over[there] += own
                n_groups[here] -= 1
                n_groups[there] += 1
                side[group] = there
                moved = True
        if not moved:
            break
    return side


def no_annotation(name: str, recordings: Iterable[Any]) -> DataError:
    """DataError E444, with the name that was meant or those that there are."""
    known = set[str]()
    for recording in recordings:
        known |= {other for other, atoms in recording.annotations.items() if atoms}
    listed = ", ".join(sorted(known))
    near = did_you_mean(name, sorted(known)) or f"the recordings have: {listed}"
    text = f"no recording has the annotation '{name}'"
    return DataError(text, code="E444", help=near)
