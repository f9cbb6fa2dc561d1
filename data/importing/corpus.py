"""From a layout of files to a corpus: NAME_audio.hdf5 and NAME.pyjama, in parallel, and on from where it stopped.

`find_recordings` (finding.py) asks an importer what there is. `import_recordings` leaves out what cannot be stored
(guard.py), decodes the audio into a folder .NAME.import beside the files to be (staging.py), puts these together,
each whole or not at all, and removes the folder. So an import needs the space of its audio twice while it runs.
"""

from __future__ import annotations

import contextlib
import filecmp
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import DataError
from ..importers.contract import Recording
from ..pyjama.file import Definition, Pyjama
from ..stores.atomic import make_folder
from ..stores.hdf5 import AudioStore, write_audio
from ..stores.locks import InUse, lock
from ..stores.reading import unreadable
from ..workers import in_workers
from .finding import Found, nothing_found
from .fitting import Usable, entry_of, usable
from .guard import Guard
from .report import ImportReport
from .staging import Channels, Convert, Outcome, Treatment, stage

PARALLEL_AFTER_S = 3.0  # starting worker processes costs seconds, so these are first spent decoding here
LOCK = ".import.lock"
WRITTEN = "written"  # in a staging folder: the audio beside it is this import's own
OWN = {
    "filepath": Definition("global", "text", "filepath"),
    "stem_of": Definition("global", "text"),
}


@dataclass(frozen=True)
class How:
    """How audio is brought in.

    sr_hz     the rate to convert to, by `convert`; None keeps each recording's own
    clip      cut annotations at the start and the end of their audio, instead of leaving such a recording out
    n_jobs    worker processes, as joblib's: -1 is one per core, 1 is none; short work is done without them
    channels  keep: those of the audio files; mono: their mean
    """

    sr_hz: int | None = None
    convert: Convert | None = None
    clip: bool = False
    n_jobs: int = -1
    channels: Channels = "keep"

    @property
    def treatment(self) -> Treatment:
        """What is done to the audio of each recording."""
        return Treatment(self.sr_hz, self.convert, self.channels)


def import_recordings(
    found: Found,
    folder: str | Path,
    name: str,
    how: How | None = None,
    on_done: Callable[[str], None] | None = None,
) -> ImportReport:
    """Write the corpus `name` into `folder`, and import_report.json.

    Parameters
    ----------
    found : Found
        What `find_recordings` gave.
    folder : str or Path
        Where the corpus goes; it must hold none yet.
    name : str
        The name of the corpus: NAME_audio.hdf5 and NAME.pyjama.
    how : How, optional
        Rate, clipping and processes.
    on_done : callable, optional
        Called with the key of each recording whose audio is decoded.

    Returns
    -------
    ImportReport
        What came in, and an error for each recording and annotation that was left out.

    Raises
    ------
    DataError
        E467 where the folder holds a corpus, E434 while another import writes there, E462 where all recordings had to
        be left out, E408 for a full disk or a folder that cannot be written, E456 for a worker process that was
        killed. The next run goes on where this one stopped.
    """
    folder = Path(folder)
    with _locked(folder):
        try:
            return _import(found, folder, name, how or How(), on_done)
        except DataError as error:
            if error.code != "E408":
                raise
            raise DataError(
                error.message,
                code="E408",
                help=f"free some space, then run the same command again: what is decoded lies in '{folder}'",
            ) from error


def _import(
    found: Found,
    folder: Path,
    name: str,
    how: How,
    on_done: Callable[[str], None] | None,
) -> ImportReport:
    importer = found.importer
    staging = folder / f".{name}.import"
    is_written = _refuse_existing(folder, name, staging)
    report = ImportReport(
        importer.kind, str(found.source), name, folder, with_audio=importer.with_audio
    )
    report.left_out += found.left_out

    # What cannot be stored is left out before audio is decoded, which may take hours.
    known = OWN | dict(importer.definitions)
    guard = Guard(known, how.clip, importer.is_midi)
    recordings = guard.keep(found.recordings, report.left_out)
    if importer.with_audio:
        outcomes = _staged(recordings, staging, how, on_done)
    else:
        outcomes = {}
    kept = usable(recordings, outcomes, how.clip, report)
    if not kept:
        with contextlib.suppress(OSError):
            staging.rmdir()
        raise nothing_found(importer, found.source, report.left_out)
    # Only what is used is defined; a .pyjama says nothing of what it does not hold.
    used = report.annotations.keys() - OWN.keys()
    definitions = {key: its for key, its in importer.definitions.items() if key in used}
    pyjama = Pyjama(OWN | definitions, [entry_of(recording) for recording, _ in kept])

    # An import that was killed when all was written has only its staging folder left to remove.
    if is_written:
        _refuse_other(folder, name, staging, kept, pyjama)
    else:
        _write(folder, name, staging, kept, pyjama, report)
    _remove(staging)
    return report


def _remove(staging: Path) -> None:
    """Remove the staging folder; the file that says whose the corpus is goes last, as a kill may come at any time."""
    with contextlib.suppress(OSError):
        for path in staging.iterdir():
            if path.name != WRITTEN:
                path.unlink()
    shutil.rmtree(staging, ignore_errors=True)


def _write(
    folder: Path,
    name: str,
    staging: Path,
    kept: Sequence[Usable],
    pyjama: Pyjama,
    report: ImportReport,
) -> None:
    """The files of the corpus; NAME.pyjama, which makes it one, comes last."""
    if report.with_audio:
        (staging / WRITTEN).touch()  # from here on NAME_audio.hdf5 is this import's
        items = (
            (recording.key, staged.samples(), staged.sr_hz)
            for recording, staged in kept
            if staged
        )
        # Audio first: a folder with a .pyjama counts as a corpus, and must not do so too early.
        write_audio(folder / f"{name}_audio.hdf5", items)
    report.save()
    pyjama.save(folder / f"{name}.pyjama")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder. Raises DataError E434, E408."""
    with contextlib.ExitStack() as held:
        try:
            make_folder(folder)
            held.enter_context(lock(folder / LOCK))
        except InUse as error:
            owner = f" ({error})" if str(error) else ""
            raise DataError(
                f"another import writes into '{folder}'{owner}",
                code="E434",
                help="wait until it ends, stop it, or choose another folder",
            ) from error
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


def _refuse_existing(folder: Path, name: str, staging: Path) -> bool:
    """Whether both files are there that this import wrote before it was killed. Raises DataError E467 for others."""
    try:
        others = sorted(path.name for path in folder.glob("*.pyjama"))
        audio = folder / f"{name}_audio.hdf5"
        # A staging folder with the file `written` shows that the audio beside it is this import's own. Where both files
        # are there, an empty folder was to be removed next; whose they are is seen when they are compared.
        is_own = (staging / WRITTEN).exists()
        was_ending = is_own or (staging.is_dir() and not any(staging.iterdir()))
        if was_ending and audio.exists() and others == [f"{name}.pyjama"]:
            return True
        if audio.exists() and not is_own:
            others.append(audio.name)
    except OSError as error:
        raise unreadable(folder, error) from error
    if others:
        raise _taken(folder, others[0])
    return False


def _refuse_other(
    folder: Path, name: str, staging: Path, kept: Sequence[Usable], pyjama: Pyjama
) -> None:
    """Raises DataError E467 where the files in the folder are not what this import would write."""
    there = folder / f"{name}.pyjama"
    mine = staging / f"{name}.pyjama"
    # The same arguments write the same bytes, so equal files are the work of this import.
    pyjama.save(mine)
    store = AudioStore(folder / f"{name}_audio.hdf5")
    keys = store.keys()
    sizes = {
        key: (store.n_channels(key), store.n_samples(key), store.sr_hz(key))
        for key in keys
    }
    expected = {
        recording.key: (staged.n_channels, staged.n_samples, staged.sr_hz)
        for recording, staged in kept
        if staged
    }
    if sizes != expected or not filecmp.cmp(mine, there, shallow=False):
        raise _taken(folder, there.name)


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot write into the folder '{folder}': {error.strerror or error}",
        code="E408",
        help="choose a folder that can be written",
    )


def _taken(folder: Path, file: str) -> DataError:
    return DataError(
        f"'{folder}' holds '{file}' already",
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
        raise _unwritable(folder, error) from error
    outcomes = {}
    for outcome in _decoded(recordings, folder, how):
        outcomes[outcome.index] = outcome
        if on_done:
            on_done(recordings[outcome.index].key)
    return outcomes


def _decoded(
    recordings: Sequence[Recording], folder: Path, how: How
) -> Iterator[Outcome]:
    # Most imports end before a pool of processes would have started.
    start_s = time.monotonic()
    n_here = 0
    for recording in recordings:
        if how.n_jobs != 1 and time.monotonic() - start_s >= PARALLEL_AFTER_S:
            break
        # The staging folder keeps what is decoded, whichever process did it.
        yield stage(n_here, recording, folder, how.treatment)
        n_here += 1
    if n_here == len(recordings):
        return

    # Workers need no annotations, which would be copied to each of them.
    bare = [replace(one, annotations={}, notes=()) for one in recordings[n_here:]]
    given = (
        (place, one, folder, how.treatment) for place, one in enumerate(bare, n_here)
    )
    help = "run again, it goes on where it stopped; --jobs 1 needs the least memory"
    yield from in_workers(
        stage, given, how.n_jobs, what="decodes audio", help=help, in_order=False
    )
