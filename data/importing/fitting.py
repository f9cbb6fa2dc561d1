"""Recordings and their audio put together: which can be kept, and how they stand in the .pyjama."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...errors import DataError
from ..importers.contract import Recording
from ..late import SLACK_S
from ..pyjama.file import Atom, Entry
from .report import ImportReport
from .staging import Outcome, Staged
from .times import clipped, latest

Usable = tuple[Recording, Staged | None]


def usable(
    recordings: Sequence[Recording],
    outcomes: Mapping[int, Outcome],
    clip: bool,
    report: ImportReport,
) -> list[Usable]:
    """The recordings that can be kept, with their audio; what cannot, and all that is counted, goes into the report."""
    kept: list[Usable] = []
    for index, recording in enumerate(recordings):
        outcome = outcomes.get(index)
        if outcome is None:
            kept.append((recording, None))
        elif outcome.staged is None:
            report.left_out += [outcome.error] if outcome.error else []
        else:
            fitted = _inside(recording, outcome.staged, clip)
            if isinstance(fitted, DataError):
                report.left_out.append(fitted)
            else:
                kept.append((fitted, outcome.staged))

    # After all others: only now is it known which mixes have stayed.
    kept = _with_mix(kept, report)
    _count(kept, report)
    return kept


def entry_of(recording: Recording) -> Entry:
    """The entry of the .pyjama. An annotation without atoms stays: it says that there is nothing to annotate."""
    return Entry({"filepath": (Atom(recording.key),), **recording.annotations})


def _count(kept: Sequence[Usable], report: ImportReport) -> None:
    report.n_recordings = len(kept)
    for recording, staged in kept:
        report.notes.update(recording.notes)
        for name, atoms in recording.annotations.items():
            report.annotations[name] += 1
            if not len(atoms):
                report.notes[f"the annotation '{name}' is there and empty"] += 1
        if staged is not None:
            report.rates_hz[staged.sr_hz] += 1
            report.channels[staged.channels] += 1
            if staged.n_channels < staged.channels:
                report.n_mixed_down += 1
            if staged.cancelled:
                report.cancelled.append(recording.key)
            report.seconds += staged.n_samples / staged.sr_hz


def _inside(recording: Recording, staged: Staged, clip: bool) -> Recording | DataError:
    """The recording, if its annotations end with its audio or are cut there."""
    audio_s = staged.n_samples / staged.sr_hz
    name, end_s = latest(recording.annotations)
    # A little over the end is rounding, and no reason to lose a recording.
    if end_s <= audio_s + SLACK_S:
        return recording
    if clip:
        cut = clipped(recording.annotations, audio_s)
        return replace(
            recording,
            annotations=cut,
            notes=(*recording.notes, "annotations cut at the end of the audio"),
        )
    return DataError(
        f"annotation '{name}' of '{recording.key}' ends at {end_s:.3f} s, its audio at {audio_s:.3f} s",
        code="E412",
        help="--clip cuts annotations at the end of their audio",
    )


def _with_mix(kept: Sequence[Usable], report: ImportReport) -> list[Usable]:
    """Without the stems of mixes that had to be left out."""
    # A stem may be the mix of others: what is left out may take more with it.
    while True:
        keys = {recording.key for recording, _ in kept}
        mixes = {
            recording.key: recording.annotations["stem_of"][0].value
            for recording, _ in kept
            if recording.annotations.get("stem_of")
        }
        lost = {key: mix for key, mix in mixes.items() if mix not in keys}
        if not lost:
            return list(kept)
        report.left_out += [
            DataError(f"'{key}' is a stem of '{mix}', which is left out", code="E413")
            for key, mix in lost.items()
        ]
        kept = [
            (recording, staged)
            for recording, staged in kept
            if recording.key not in lost
        ]
