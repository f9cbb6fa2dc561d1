"""Annotations that go on after their audio, or their features, have ended."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DataError
from .items import FeatureItem, Item

SLACK_S = 0.1  # how far an annotation may go past the end of its audio
FEATURE_SLACK_S = 2.0  # and of its features, whose last windows may be left out
_LISTED = 5
Late = tuple[Item | FeatureItem, str, float]  # the annotation, and when it ends


def late_annotations(
    items: Iterable[Item | FeatureItem], one_each: bool = False
) -> list[DataError]:
    """DataError E412 for what ends more than `SLACK_S` after its audio: one for all, or one for each annotation."""
    late: list[Late] = []
    for item in items:
        if item.duration_s is None:
            continue
        # Features may leave out their last, incomplete window; audio ends on a sample.
        slack_s = SLACK_S if isinstance(item, Item) else FEATURE_SLACK_S
        for name in item.annotations:
            end_s = item.entry.end_s(name) or 0.0
            if end_s > item.duration_s + slack_s:
                late.append((item, name, end_s))
    if one_each:
        return [_error([one]) for one in late]
    if late:
        return [_error(late)]
    return []


def _error(late: list[Late]) -> DataError:
    item, name, end_s = late[0]
    if isinstance(item, Item):
        what = "audio"
        size = f"{item.n_samples} samples at sr_hz = {item.sr_hz}"
        help = "check that the annotation belongs to this audio, and its 'sr_hz'"
    else:
        what = "features"
        size = f"{item.n_frames} frames"
        help = "check that the annotation belongs to these features, and its times"
    others = [
        (
            other.key,
            f"'{its}' ends at {at_s:.3f} s, {what} at {other.duration_s or 0:.3f} s",
        )
        for other, its, at_s in late[1:_LISTED]
    ]
    if len(late) > _LISTED:
        others.append(("more", f"{len(late) - _LISTED} others"))
    return DataError(
        f"annotation '{name}' of '{item.key}' ends at {end_s:.3f} s, its {what} at {item.duration_s or 0:.3f} s",
        code="E412",
        facts=[(what, size), *others],
        help=help,
    )
