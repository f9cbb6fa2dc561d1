"""From a corpus back to a layout of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ..corpus import Corpus
from ..corpus_files import holds_audio
from ..pyjama.file import Pyjama
from ..stores.atomic import folder_written_whole
from ..stores.reading import unreadable
from .contract import Importer
from .destination import Destination, Stored


@dataclass(frozen=True)
class ExportReport:
    """How many recordings of the corpus, how many audio files were written, and what the layout has no place for."""

    n_recordings: int
    n_audio: int
    left_out: list[DataError]


def stored_items(folder: str | Path, with_audio: bool = True) -> list[Stored]:
    """The items of a corpus, in its order; one with NAME.pyjama alone, or with features, has annotations only.

    Raises DataError: E410 where the folder holds no .pyjama, or several, and what the readers raise.
    """
    folder = Path(folder)
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError as error:
        raise DataError(
            f"there is no folder '{folder}'",
            code="E410",
            help="give the folder of NAME.pyjama",
        ) from error
    except OSError as error:
        raise unreadable(folder, error) from error
    # The audio tells which .pyjama of a folder is the corpus; without it there must be one alone.
    if with_audio and holds_audio(names):
        return [Stored(item.entry, item) for item in Corpus.open(folder).items]
    pyjamas = [name for name in names if name.endswith(".pyjama")]
    if len(pyjamas) != 1:
        if pyjamas:
            count = f"{len(pyjamas)} .pyjama files"
        else:
            count = "no .pyjama file"
        raise DataError(
            f"'{folder}' holds {count}, expected one",
            code="E410",
            help="give the folder of one corpus",
        )
    return [Stored(entry, None) for entry in Pyjama.load(folder / pyjamas[0]).entries]


def export_corpus(
    importer: Importer,
    corpus: Sequence[Stored],
    out: str | Path,
    on_done: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write the corpus into a new folder, which appears whole or not at all; `on_done` is called with written keys.

    Raises DataError: E461 for a kind that cannot be exported, E467 where `out` is taken, E408 where it cannot be
    written.
    """
    out = Path(out)
    _refuse_existing(out)
    # All is written beside the folder, which appears whole or not at all.
    with folder_written_whole(out) as part:
        to = Destination(part, on_done)
        # The importer's export is a generator: only its end says that all was written.
        left_out = list(importer.export(corpus, to))
    return ExportReport(len(corpus), to.n_audio, left_out)


def _refuse_existing(out: Path) -> None:
    try:
        taken = out.is_symlink() or (
            out.exists() and (not out.is_dir() or any(out.iterdir()))
        )
    except OSError as error:
        raise unreadable(out, error) from error
    if taken:
        help = (
            "give a folder that is not there yet, or is empty: nothing is overwritten"
        )
        raise DataError(f"'{out}' already exists", code="E467", help=help)
