"""Which recordings are mixes, and which are their stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import TaskError, did_you_mean
from ...printable import listed

LISTED = 12  # values of an annotation that a message names


@dataclass(frozen=True)
class Track:
    """A mix with its stems.

    Parameters
    ----------
    mix : Item
        The recording of all together.
    stems : tuple of Item
        Its parts.
    labels : tuple of str
        What each stem is; "" for one without the annotation.
    """

    mix: Any
    stems: tuple[Any, ...]
    labels: tuple[str, ...]

    def of(self, target: str) -> list[Any]:
        """The stems of a target; none where it does not play."""
        pairs = zip(self.stems, self.labels, strict=True)
        return [stem for stem, label in pairs if label == target]


def tracks_of(items: Sequence[Any], annotation: str) -> list[Track]:
    """Every mix among the items that has stems among them. Raises TaskError E800 where there is none."""
    stems: dict[str, list[Any]] = {}
    for item in items:
        mix = getattr(item, "stem_of", None)
        if mix is not None:
            stems.setdefault(mix, []).append(item)
    found = []
    for item in items:
        own = stems.get(item.key)
        if own:
            labels = tuple(label_of(stem, annotation) for stem in own)
            found.append(Track(item, tuple(own), labels))
    if not found:
        raise TaskError(
            f"none of {len(items)} recordings is a mix with stems",
            code="E800",
            help="import them with `mirbricks data import stems SRC --out DIR`, or choose another corpus or split",
        )
    return found


def label_of(stem: Any, annotation: str) -> str:
    """What a stem is; "" without the annotation."""
    value = stem.entry.first(annotation)
    return "" if value is None else str(value)


def refuse_unknown_targets(
    tracks: Sequence[Track], targets: Sequence[str], annotation: str
) -> None:
    """Raise TaskError E801 for a target that no stem is."""
    labels = _labels(tracks)
    for target in targets:
        if target not in labels:
            message = f"no stem that trains is '{target}', which task.targets name"
            raise _unknown(message, target, labels, annotation)


def refuse_no_target(
    tracks: Sequence[Track], targets: Sequence[str], annotation: str
) -> None:
    """Raise TaskError E801 where no stem is any of the targets: all that could be reported would be silence."""
    labels = _labels(tracks)
    if not labels.intersection(targets):
        message = f"none of the targets {listed(targets, LISTED)} is among the stems"
        raise _unknown(message, targets[0], labels, annotation)


def _labels(tracks: Sequence[Track]) -> set[str]:
    return {label for track in tracks for label in track.labels} - {""}


def _unknown(message: str, target: str, labels: set[str], annotation: str) -> TaskError:
    known = sorted(labels)
    return TaskError(
        message,
        code="E801",
        facts=[(f"'{annotation}'", listed(known, LISTED, quote="") or "none")],
        help=did_you_mean(target, known)
        or "leave it out of task.targets, or let task.annotation name another annotation",
    )
