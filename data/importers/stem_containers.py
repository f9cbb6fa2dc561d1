"""Tracks whose stems are the streams of one file, as MUSDB18 has them: TRACK.stem.mp4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import DataError
from ..stores.containers import count_streams
from .optional import optional

ENDING = ".stem.mp4"
# The order of MUSDB18's streams: Rafii et al., "The MUSDB18 corpus for music separation", 2017.
STREAMS = ("mixture", "drums", "bass", "other", "vocals")


def is_container(path: Path) -> bool:
    return path.name.lower().endswith(ENDING)


def refuse_without_package(paths: Sequence[Path]) -> None:
    """Raise DataError E468 where there is a container, and no package that reads it."""
    if any(map(is_container, paths)):
        optional("av", extra="separation")


def refuse_other_streams(path: Path, names: Sequence[str], mixture: str) -> None:
    """Raise DataError E433 for a container that has not a stream for each name, E464 for names without the mix."""
    if mixture not in names:
        raise DataError(
            f"no stream of '{path}' is called '{mixture}', which is the mix",
            code="E464",
            help=f"--set streams={mixture},... names the streams in their order",
        )
    count = count_streams(optional("av", extra="separation"), path)
    if count != len(names):
        listed = ", ".join(names)
        raise DataError(
            f"'{path}' has {count} streams of audio, expected {len(names)}: {listed}",
            code="E433",
            help=f"--set streams={mixture},... names the streams in their order",
        )
