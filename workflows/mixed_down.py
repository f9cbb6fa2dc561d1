"""The note on recordings of several channels that a feature of one channel reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..features.base import FeatureConfig
from .progress import Progress


def note_mixed_down(
    feature: FeatureConfig, items: Sequence[Any], progress: Progress
) -> None:
    """Report, once for all of them, recordings whose channels are averaged."""
    if feature.audio_channels != 1:
        return
    # Features that a corpus brings along have no channels.
    counts = Counter(getattr(item, "n_channels", 1) for item in items)
    counts.pop(1, None)
    if not counts:
        return
    several = ", ".join(f"{counts[n]} of {n} channels" for n in sorted(counts))
    progress.note(
        f"mixed down to mono, which the feature '{feature.type}' reads: "
        f"{sum(counts.values())} of {len(items)} recordings ({several})"
    )
