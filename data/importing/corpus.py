"""From a layout of files to a corpus: NAME_audio.hdf5 and NAME.pyjama, in parallel, and on from where it stopped.

`find_recordings` asks an importer what there is, `import_recordings` decodes the audio into a folder .NAME.import
beside the files to be (import_staging.py), then puts these together, each whole or not at all, and removes the folder.
So an import needs the space of its audio twice while it runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ...errors import DataError
from ..corpus import SLACK_S
from ..importers.contract import Importer, Recording
from ..pyjama.file import Atom, Definition, Entry, Pyjama
from ..stores.hdf5 import write_audio
from ..stores.reading import unreadable
from ..workers import in_workers
from .report import ImportReport, by_reason
from .staging import Convert, Outcome, Staged, stage
from .times import clipped, latest

PARALLEL_AFTER_S = 3.0  # starting worker processes costs seconds, so these are first spent decoding here
Usable = tuple[Recording, Staged | None]
OWN = {
    "filepath": Definition("global", "text", "filepath"),
    "stem_of": Definition("global", "text"),
}


@dataclass(frozen=True)
class Found:
    """What an importer found below `source`: recordings with keys of their own, and what it left out."""

    importer: Importer
    source: Path
    recordings: list[Recording]
    left_out: list[DataError]


@dataclass(frozen=True)
class How:
    """How audio is brought in.

    sr_hz    the rate to convert to, by `convert`; None keeps each recording's own
    clip     cut annotations at the end of their audio, instead of leaving such a recording out
    n_jobs   worker processes, as joblib's: -1 is one a core, 1 is none; short work is done without them
    """

    sr_hz: int | None = None
    convert: Convert | None = None
    clip: bool = False
    n_jobs: int = -1


def find_recordings(importer: Importer, source: str | Path) -> Found:
    """Run an importer; recordings whose key cannot be used or is taken are left out.

    Raises DataError: E462 where there is nothing, and what the importer raises for a source that makes no sense.
    """
    source = Path(source)
    try:
        if not source.exists():
            raise DataError(
                f"there is nothing at '{source}'", code="E462", help="check the path"
            )
    except OSError as error:
        raise unreadable(source, error) from error
    recordings: list[Recording] = []
    left_out: list[DataError] = []
    seen: dict[str, Recording] = {}
    for found in importer.recordings(source):
        fault = found if isinstance(found, DataError) else _key_fault(found, seen)
        if fault is not None:
            left_out.append(fault)
        elif isinstance(found, Recording):
            recordings.append(found)
            seen[found.key] = found
    folders = {str(parent) for key in seen for parent in PurePosixPath(key).parents}
    left_out += [_is_folder(key) for key in seen if key in folders]
    recordings = [recording for recording in recordings if recording.key not in folders]
    if not recordings:
        raise _nothing(importer, source, left_out)
    return Found(importer, source, recordings, left_out)


def import_recordings(
    found: Found,
    folder: str | Path,
    name: str,
    how: How | None = None,
    on_done: Callable[[str], None] | None = None,
) -> ImportReport:
    """Write the corpus `name` into `folder`, and import_report.json; `on_done` is called with each key.

    Raises DataError: E467 where the folder holds a corpus, E462 where all recordings had to be left out, E408 for a
    full disk or a folder that cannot be written, E456 for a worker process that was killed. The next run goes on.
    """
    folder = Path(folder)
    how = how or How()
    importer = found.importer
    staging = folder / f".{name}.import"
    _refuse_existing(folder, name, staging)
    report = ImportReport(
        importer.kind, str(found.source), name, folder, with_audio=importer.with_audio
    )
    report.left_out += found.left_out
    if importer.with_audio:
        outcomes = _staged(found.recordings, staging, how, on_done)
    else:
        outcomes = {}
    kept = _usable(found.recordings, outcomes, how, report)
    if not kept:
        with contextlib.suppress(OSError):
            staging.rmdir()
        raise _nothing(importer, found.source, report.left_out)
    if importer.with_audio:
        (staging / "written").touch()  # from here on NAME_audio.hdf5 is this import's
        items = (
            (recording.key, staged.samples(), staged.sr_hz)
            for recording, staged in kept
            if staged
        )
        write_audio(folder / f"{name}_audio.hdf5", items)
    entries = [_entry(recording) for recording, _ in kept]
    used = report.annotations.keys() - OWN.keys()
    definitions = OWN | {
        key: value for key, value in importer.definitions.items() if key in used
    }
    report.save()
    Pyjama(definitions, entries).save(folder / f"{name}.pyjama")
    shutil.rmtree(staging, ignore_errors=True)
    return report


def _key_fault(recording: Recording, seen: dict[str, Recording]) -> DataError | None:
    key = recording.key
    if key in seen:
        paths = [str(path) for path in (*seen[key].audio[:1], *recording.audio[:1])]
        if len(paths) == 2:
            facts = [("first", paths[0]), ("then", paths[-1])]
        else:
            facts = []
        text = f"two recordings have the key '{key}'" + (
            f": '{paths[0]}', '{paths[1]}'" if facts else ""
        )
        return DataError(
            text, code="E407", help="the first is in the corpus; rename the other"
        )
    path = PurePosixPath(key)
    if (
        key in ("", ".")
        or key != path.as_posix()
        or path.is_absolute()
        or ".." in path.parts
        or "\0" in key
    ):
        return DataError(
            f"'{key}' cannot be the key of a recording",
            code="E433",
            help="rename the file",
        )
    try:
        key.encode()
    except UnicodeEncodeError:
        return DataError(
            f"the name {os.fsencode(key)!r} is not UTF-8",
            code="E433",
            help="rename the file",
        )
    return None


def _is_folder(key: str) -> DataError:
    return DataError(
        f"'{key}' is a recording and, for other recordings, a folder",
        code="E433",
        help="rename it",
    )


def _nothing(
    importer: Importer, source: Path, left_out: Sequence[DataError]
) -> DataError:
    reasons = [("left out", line) for line in by_reason(left_out)]
    return DataError(
        f"nothing in '{source}' can be imported as '{importer.kind}'",
        code="E462",
        facts=reasons,
        help=f"'{importer.kind}' reads {importer.text}",
    )


def _refuse_existing(folder: Path, name: str, staging: Path) -> None:
    try:
        others = sorted(path.name for path in folder.glob("*.pyjama"))
        audio = folder / f"{name}_audio.hdf5"
        others += (
            [audio.name]
            if audio.exists() and not (staging / "written").exists()
            else []
        )
    except OSError as error:
        raise unreadable(folder, error) from error
    if others:
        raise DataError(
            f"'{folder}' holds '{others[0]}' already",
            code="E467",
            help="give another folder: nothing is overwritten",
        )


def _staged(
    recordings: Sequence[Recording],
    folder: Path,
    how: How,
    on_done: Callable[[str], None] | None,
) -> dict[int, Outcome]:
    """The outcome for each place in the list: at first decoded in this process, then by workers."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot make the folder '{folder}': {reason}"
        raise DataError(
            message, code="E408", help="choose a folder that can be written"
        ) from error
    outcomes = {}
    for outcome in _decoded(recordings, folder, how):
        outcomes[outcome.index] = outcome
        if on_done:
            on_done(recordings[outcome.index].key)
    return outcomes


def _decoded(
    recordings: Sequence[Recording], folder: Path, how: How
) -> Iterator[Outcome]:
    start_s = time.monotonic()
    n_here = 0
    while n_here < len(recordings) and (
        how.n_jobs == 1 or time.monotonic() - start_s < PARALLEL_AFTER_S
    ):
        yield stage(n_here, recordings[n_here], folder, how.sr_hz, how.convert)
        n_here += 1
    if n_here == len(recordings):
        return
    bare = (
        Recording(one.key, one.audio) for one in recordings[n_here:]
    )  # workers need no annotations
    given = (
        (n_here + place, one, folder, how.sr_hz, how.convert)
        for place, one in enumerate(bare)
    )
    help = "run again, it goes on where it stopped; --jobs 1 needs the least memory"
    yield from in_workers(
        stage, given, how.n_jobs, what="decodes audio", help=help, in_order=False
    )


def _usable(
    recordings: Sequence[Recording],
    outcomes: Mapping[int, Outcome],
    how: How,
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
            fitted = _inside(recording, outcome.staged, how.clip)
            if isinstance(fitted, DataError):
                report.left_out.append(fitted)
            else:
                kept.append((fitted, outcome.staged))
    kept = _with_mix(kept, report)
    report.n_recordings = len(kept)
    for recording, staged in kept:
        report.notes.update(recording.notes)
        report.annotations.update(
            name for name, atoms in recording.annotations.items() if len(atoms)
        )
        if staged is not None:
            report.rates_hz[staged.sr_hz] += 1
            report.channels[staged.channels] += 1
            report.seconds += staged.n_samples / staged.sr_hz
    return kept


def _inside(recording: Recording, staged: Staged, clip: bool) -> Recording | DataError:
    """The recording, if its annotations end with its audio or are cut there."""
    audio_s = staged.n_samples / staged.sr_hz
    name, end_s = latest(recording.annotations)
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
    while True:
        keys = {recording.key for recording, _ in kept}
        mixes = {
            r.key: r.annotations["stem_of"][0].value
            for r, _ in kept
            if r.annotations.get("stem_of")
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


def _entry(recording: Recording) -> Entry:
    atoms = {
        name: tuple(map(_plain, atoms))
        for name, atoms in recording.annotations.items()
        if len(atoms)
    }
    return Entry({"filepath": (Atom(recording.key),), **atoms})


def _plain(atom: Atom) -> Atom:
    """With Python's own numbers and lists where an importer gives those of NumPy."""
    fields = (atom.value, atom.time, atom.duration)
    if not any(hasattr(field, "tolist") for field in fields):
        return atom
    value, time, duration = (
        field.tolist() if hasattr(field, "tolist") else field for field in fields
    )
    return Atom(value, time, duration, atom.others)
