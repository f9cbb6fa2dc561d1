"""Annotations that begin before their audio: times are in seconds from the start of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import DataError
from .items import FeatureItem, Item
from .pyjama.atoms import ABSENT, Atoms
from .pyjama.file import Entry

_LISTED = 5


def early_annotations(
    items: Iterable[Item | FeatureItem], one_each: bool = False
) -> list[DataError]:
    """Find the annotations of a corpus that begin before 0 s.

    Parameters
    ----------
    items : iterable of Item or FeatureItem
        The recordings, such as `Corpus.recordings`.
    one_each : bool
        One error for each annotation of each recording; False: one error for all.

    Returns
    -------
    list of DataError
        E429 with the annotation, the recording and the time in seconds; empty where all is well.
    """
    early = [
        (item.key, name, start_s)
        for item in items
        for name in item.annotations
        if (start_s := begins_s(item.entry, name)) is not None and start_s < 0
    ]
    if one_each:
        return [_error([one]) for one in early]
    if early:
        return [_error(early)]
    return []


def begins_s(entry: Entry, name: str) -> float | None:
    """The first moment that an annotation of an entry speaks of, in seconds; None where it has no time."""
    atoms = Atoms.of(entry.annotations[name])
    # Where curves share their times, these are an annotation of their own, and its values are the times.
    if name == entry.shared_time:
        times = atoms.column("value")
    else:
        times = atoms.column("time")
    if times is None or not len(times):
        return None
    if isinstance(times, np.ndarray):
        return float(times.min())

    # Atoms of several times each (curves) come as a list; those without any time have no say.
    starts = [
        float(np.min(one))
        for one in times
        if one is not None and one is not ABSENT and np.size(one)
    ]
    return min(starts, default=None)


def _error(early: Sequence[tuple[str, str, float]]) -> DataError:
    key, name, start_s = early[0]
    others = [
        (other, f"'{its}' begins at {at_s:g} s")
        for other, its, at_s in early[1:_LISTED]
    ]
    if len(early) > _LISTED:
        others.append(("more", f"{len(early) - _LISTED} others"))
    return DataError(
        f"annotation '{name}' of '{key}' begins at {start_s:g} s, before its audio",
        code="E429",
        facts=others,
        help="times are in seconds from the start of the audio; import again with --clip, or correct the annotation",
    )
