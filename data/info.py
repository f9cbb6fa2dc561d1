"""What is in a corpus, in numbers: sizes, labels and their balance, coverage, overlaps, splits, duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .corpus import Corpus, FeatureItem, Item
from .pyjama.file import Atoms, Definition
from .scan import Scanned, same_recordings
from .splitting.stored import STORED, leaks

Float64 = NDArray[np.float64]
TOUCH_S = 1e-3  # segments that overlap by less only touch
MOST_VALUES = 200  # of an annotation, the most frequent


def describe(corpus: Corpus, scanned: Sequence[Scanned] = ()) -> dict[str, Any]:
    """Describe a corpus in numbers.

    Parameters
    ----------
    corpus : Corpus
        The corpus.
    scanned : sequence of Scanned
        What `mirbricks.data.scan.scan` gave of its recordings: with it the duplicates are found.

    Returns
    -------
    dict
        Ready for JSON; seconds where a name ends in _s. Of each annotation: the recordings that have it, its atoms,
        the share of the time it covers (segments and curves), how many different values, and the values with how
        often and how long they occur.
    """
    items = corpus.recordings
    side_of, sides = sides_of(corpus)
    definitions = corpus.pyjama.definitions
    holds = {"audio": corpus.audio, "features": corpus.given_features}
    rates = Counter(item.sr_hz for item in corpus.audio)
    channels = Counter(item.n_channels for item in corpus.audio)
    widths = Counter(item.n_features for item in corpus.given_features)
    known = [item.duration_s for item in items if item.duration_s is not None]
    return {
        "name": corpus.name,
        "holds": [kind for kind, held in holds.items() if held],
        "recordings": len(items),
        "groups": len({item.group for item in items}),
        "stems": sum(item.stem_of is not None for item in items),
        "duration_s": _rounded(sum(known)),
        "durations_s": _quantiles(known),
        "sample_rates_hz": dict(rates.most_common()),
        "channels": dict(sorted(channels.items())),
        "features": dict(widths.most_common()),
        "annotations": {
            name: _annotation(name, definition, items, side_of)
            for name, definition in definitions.items()
        },
        "splits": sides,
        "duplicates": same_recordings(scanned),
    }


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """The shortest, the middle and the longest; nothing where no length is known."""
    if not seconds:
        return {}
    parts = {"min": 0.0, "median": 0.5, "max": 1.0}
    return {name: _rounded(np.quantile(seconds, part)) for name, part in parts.items()}


def sides_of(corpus: Corpus) -> tuple[dict[str, str], dict[str, Any]]:
    """(key -> side of the first stored split, the stored splits with the size of each side and the leaks)."""
    stored = [
        name
        for name in STORED
        if any(item.annotations.get(name) for item in corpus.recordings)
    ]
    splits: dict[str, Any] = {}
    for name in stored:
        members: dict[str, list[Item | FeatureItem]] = defaultdict(list)
        for item in corpus.recordings:
            members[str(item.entry.first(name))].append(item)
        # The usual sides in their usual order, then the folds by name.
        order = sorted(
            members,
            key=lambda side: (
                ("train", "valid", "test").index(side) if side in _SIDES else 3,
                side,
            ),
        )
        splits[name] = {
            "sides": {side: _side(members[side]) for side in order},
            "leaks": [error.message for error in leaks(corpus, name)],
        }
    if stored:
        first = {
            item.key: str(item.entry.first(stored[0])) for item in corpus.recordings
        }
    else:
        first = {}
    return first, splits


_SIDES = ("train", "valid", "test")


def _side(items: Sequence[Item | FeatureItem]) -> dict[str, Any]:
    return {
        "recordings": len(items),
        "groups": len({item.group for item in items}),
        "duration_s": _rounded(sum(item.duration_s or 0.0 for item in items)),
    }


def _annotation(
    name: str,
    definition: Definition,
    items: Sequence[Item | FeatureItem],
    side_of: Mapping[str, str],
) -> dict[str, Any]:
    having = [item for item in items if item.annotations.get(name)]
    extent = definition.extent
    found: dict[str, Any] = {
        "extent": extent,
        "content": definition.type_content,
        "recordings": len(having),
        "atoms": sum(len(item.annotations[name]) for item in having),
    }

    # A share of the time makes sense for what has an extent, not for beats or for a key.
    total_s = sum(item.duration_s or 0.0 for item in having)
    if extent in ("segment", "breakpoint", "breakpoint_time") and total_s:
        found["covered"] = round(
            sum(_covered_s(item, name, extent) for item in having) / total_s, 4
        )
    if extent == "segment":
        found["overlaps"] = _overlaps(
            having, name, definition.type_content == "numeric"
        )
    if extent in ("global", "marker", "segment"):
        found |= _values(having, name, extent, side_of)
    return found


def _values(
    having: Sequence[Item | FeatureItem],
    name: str,
    extent: str,
    side_of: Mapping[str, str],
) -> dict[str, Any]:
    """How often each value occurs, on each side, and how long."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for item in having:
        side = side_of.get(item.key, "all")
        if extent == "global":
            # A tag of the whole recording lasts as long as the recording does.
            words: list[Any] = item.entry.values(name)
            lasting: Sequence[float] = [item.duration_s or 0.0] * len(words)
        else:
            words, _, durations = item.entry.segments(name)
            lasting = durations.tolist()
        for word, duration in zip(words, lasting, strict=True):
            counts[str(word)][side] += 1
            seconds[str(word)][side] += duration

    # The most frequent first, then by name: the same corpus gives the same report.
    order = sorted(counts, key=lambda word: (-counts[word].total(), word))
    values = {
        word: {
            "count": counts[word].total(),
            "duration_s": _rounded(sum(seconds[word].values())),
            "sides": {
                side: {"count": n, "duration_s": _rounded(seconds[word][side])}
                for side, n in counts[word].items()
            },
        }
        for word in order[:MOST_VALUES]
    }
    return {"different": len(counts), "values": values}


def _covered_s(item: Item | FeatureItem, name: str, extent: str) -> float:
    """Seconds of the recording that an annotation speaks of; what overlaps counts once."""
    if extent == "segment":
        _, onsets_s, durations_s = item.entry.segments(name)
        # In the order of onsets each segment adds only what reaches beyond all ends before it.
        ends_s = np.minimum(onsets_s + durations_s, item.duration_s or np.inf)
        order = np.argsort(onsets_s, kind="stable")
        onsets_s = np.maximum(onsets_s[order], 0.0)
        ends_s = ends_s[order]
        before = np.concatenate([[0.0], np.maximum.accumulate(ends_s)[:-1]])
        return float(np.clip(ends_s - np.maximum(onsets_s, before), 0.0, None).sum())

    # A curve speaks of its span, and its last value for one more step.
    column = Atoms.of(item.annotations[name]).column(
        "time" if extent == "breakpoint" else "value"
    )
    spans = [np.asarray(times, np.float64).ravel() for times in column]
    return float(
        sum(
            span[-1] - span[0] + (np.median(np.diff(span)) if len(span) > 1 else 0.0)
            for span in spans
        )
    )


def _overlaps(
    having: Sequence[Item | FeatureItem], name: str, only_equal: bool
) -> dict[str, Any]:
    """Segments that begin before another has ended: of numbers (notes) only equal ones, of texts (chords) any."""
    count = 0
    recordings = 0
    first = ""
    for item in having:
        words, onsets_s, durations_s = item.entry.segments(name)
        # Notes of different pitches may sound together: each pitch is looked at alone.
        kinds: dict[str, list[int]] = defaultdict(list)
        for index, word in enumerate(words):
            kinds[str(word) if only_equal else ""].append(index)
        found: list[float] = []
        for indices in kinds.values():
            ends_s = (onsets_s + durations_s)[indices]
            found += _begun_early(onsets_s[indices], ends_s)
        if found and not first:
            first = f"{item.key} at {found[0]:.3f} s"
        count += len(found)
        recordings += bool(found)
    return {"count": count, "recordings": recordings, "first": first}


def _begun_early(onsets_s: Float64, ends_s: Float64) -> list[float]:
    """When each segment begins that begins before an earlier one has ended."""
    order = np.argsort(onsets_s, kind="stable")
    later_s = onsets_s[order][1:]
    # The end that counts is the latest of all that began before.
    latest_end_s = np.maximum.accumulate(ends_s[order])[:-1]
    return list(map(float, later_s[latest_end_s - later_s > TOUCH_S]))


def _rounded(seconds: Any) -> float:
    return round(float(seconds), 3)
