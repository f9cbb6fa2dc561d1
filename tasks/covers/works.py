"""Which recordings are versions of one work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError, TaskError
from ...printable import listed
from .config import CoversConfig

LISTED = 5


def work_of(item: Any, config: CoversConfig) -> str:
    """The work of a recording; with `singles` its key where it has none. Raises TaskError E503."""
    value = item.entry.first(config.annotation)
    if value is None and not config.unlabelled:
        raise _unknown([item], 1, config)
    if value is None:
        return f"key {item.key}"
    return str(value)


def work_or_key(item: Any, config: CoversConfig) -> str:
    """The work of a recording that is only compared with; its own where it has none."""
    return work_of(item, config.model_copy(update={"singles": True}))


def annotated(items: Sequence[Any], config: CoversConfig) -> list[Any]:
    """The recordings without stems. Raises TaskError E503 where one lacks its work, or there is none."""
    tracks = [item for item in items if item.stem_of is None]
    missing = [item for item in tracks if item.entry.first(config.annotation) is None]
    if not tracks or (missing and not config.unlabelled):
        raise _unknown(missing, len(tracks), config)
    return tracks


def refuse_no_work(tracks: Sequence[Any], config: CoversConfig) -> None:
    """Raise TaskError E503 where not one recording says its work: nothing could be found right."""
    missing = [item for item in tracks if item.entry.first(config.annotation) is None]
    if len(missing) == len(tracks):
        raise _unknown(missing, len(tracks), config)


def _unknown(missing: Sequence[Any], count: int, config: CoversConfig) -> TaskError:
    name = config.annotation
    if not count:
        return TaskError(
            "there are no recordings to compare",
            code="E503",
            help="stems alone are not compared",
        )
    names = sorted({one for item in missing for one in item.annotations} - {"filepath"})
    keys = listed([item.key for item in missing], LISTED)
    return TaskError(
        f"{len(missing)} of {count} recordings lack the annotation '{name}', the work that they are versions of",
        code="E503",
        facts=[
            ("missing", keys),
            ("got", ", ".join(f"'{one}'" for one in names) or "no annotations"),
        ],
        help="set task.annotation to the one that holds the work",
    )


def numbered(works: Sequence[str]) -> Tensor:
    """A number for each work, (n,)."""
    # Sorted, so that the numbers do not depend on the order of the corpus.
    number = {work: k for k, work in enumerate(sorted(set(works)))}
    return torch.tensor([number[work] for work in works])


def has_covers(works: Sequence[str]) -> bool:
    """Whether any work has two recordings."""
    return len(set(works)) < len(works)


def refuse_no_cover(works: Sequence[str], side: str = "") -> None:
    """Raise TaskError E520 where no recording has a cover to be found."""
    if not has_covers(works):
        raise TaskError(
            f"no {side}recording has a cover: {len(works)} recordings are of {len(works)} works",
            code="E520",
            help="take works with two recordings or more; a version left out of the corpus cannot be found",
        )


def refuse_several_groups(items: Sequence[Any], config: CoversConfig) -> None:
    """Raise DataError E442 where a split could part the recordings of a work."""
    groups: dict[str, set[str]] = {}
    for item in items:
        groups.setdefault(work_of(item, config), set()).add(item.group)
    work = next((work for work, names in groups.items() if len(names) > 1), None)
    if work is not None:
        raise DataError(
            f"the recordings of the work '{work}' are in {len(groups[work])} groups, which a split may part",
            code="E442",
            facts=[("groups", ", ".join(sorted(groups[work])[:LISTED]))],
            help="name the work in the annotation 'work-id' or 'piece': splits go by these",
        )
