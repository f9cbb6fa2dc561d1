"""The channels of a corpus in words, as data info and data check print them."""

from __future__ import annotations

from collections.abc import Mapping

from ..screen import plural


def channel_words(counts: Mapping[int, int]) -> list[str]:
    """How many recordings have how many channels; nothing where every recording has one.

    Parameters
    ----------
    counts : mapping of int to int
        Channels -> recordings.
    """
    if set(counts) <= {1}:
        return []
    if len(counts) == 1:
        (channels,) = counts
        return [f"{channels} channels"]
    return [
        f"{plural(channels, 'channel')} ({count})"
        for channels, count in sorted(counts.items())
    ]
