"""Tiny corpora at one call, for notebooks and first trials; made once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ...errors import DataError, did_you_mean
from ...version import __version__
from ..corpus import Corpus
from ..stores.atomic import folder_written_whole
from ..user_cache import cache_folder
from .corpora import synthesise
from .polyphony import NAME as POLYPHONY
from .polyphony import synthesise_polyphony
from .refusing import refuse_count, refuse_seconds


class Size(NamedTuple):
    """How many items, and how many seconds each lasts."""

    n: int
    seconds: float


# Each takes a few seconds to make on one core, and is enough for a small model to learn something.
SIZES = {
    "chords": Size(6, 20.0),
    "covers": Size(4, 20.0),
    "notes": Size(60, 1.0),
    "piano": Size(4, 10.0),
    "polyphony": Size(6, 8.0),
    "stems": Size(4, 8.0),
    "tagged": Size(24, 3.0),
}


def example(
    kind: str,
    n: int | None = None,
    seconds: float | None = None,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
) -> Corpus:
    """Make a tiny corpus by synthesis, or open the one that was made before.

    Parameters
    ----------
    kind : str
        "chords", "covers", "notes", "piano", "polyphony", "stems" or "tagged", as for `mirbricks data synth`.
    n : int, optional
        How many items, or works of covers; default: 4 to 60, as the kind needs.
    seconds : float, optional
        The length of each item in seconds, of songs that of their beginnings; default: 1 to 20, by kind.
    seed : int
        What the music is drawn from.
    folder : str or Path, optional
        Where examples are kept; by default `examples` in the folder of $MIRBRICKS_CACHE, else `mirbricks/examples` in
        the user's cache folder.

    Returns
    -------
    Corpus
        With exact annotations. The same arguments give the same corpus.

    Raises
    ------
    DataError
        E470 for an unknown kind, fewer items than one, and lengths outside 1 to 3600 s; E408 where the folder cannot
        be written.

    Examples
    --------
    >>> import mirbricks as mb
    >>> corpus = mb.data.example("notes", n=2)                                    # doctest: +SKIP
    >>> [item.key for item in corpus]                                             # doctest: +SKIP
    ['note00000.wav', 'note00001.wav']
    """
    if kind not in SIZES:
        listing = f"kinds are: {', '.join(SIZES)}"
        raise DataError(
            f"there is no example '{kind}'",
            code="E470",
            help=did_you_mean(str(kind), SIZES) or listing,
        )
    size = SIZES[kind]
    n = size.n if n is None else n
    seconds = size.seconds if seconds is None else seconds
    refuse_count("n", n)
    refuse_seconds(seconds)

    # The version is part of the name: another one may draw other music from the same seed.
    name = f"{kind}-{n}x{seconds:g}s-seed{seed}-{__version__}"
    kept = Path(folder or cache_folder() / "examples") / name
    if not kept.is_dir():
        _make(kind, kept, n, seconds, seed)
    return Corpus.open(kept)


def _make(kind: str, kept: Path, n: int, seconds: float, seed: int) -> None:
    """Write the corpus beside its place and move it there whole, so that a broken-off one is never opened."""
    try:
        with folder_written_whole(kept) as begun:
            if kind == POLYPHONY:
                synthesise_polyphony(begun, n, seconds, seed)
            else:
                synthesise(kind, begun, n, seconds, seed)
    except DataError as error:
        # Another process may have been faster: its corpus has the same bytes.
        if error.code != "E408":
            raise
        if not kept.is_dir():
            raise DataError(
                f"the folder of examples cannot be written: {error.message}",
                code="E408",
                help='give another one: example(..., folder="examples")',
            ) from error
