"""Listening tests in Python: what `mirbricks listen` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arguments import flag_of, optional_path_of, path_of, paths_of, wrong
from ..progress import progress_of
from .anchor import LOW_HZ
from .make import KINDS, Kind, Options, make_page
from .results import UNITS, Results, Unit, results_of


def listening_page(
    folders: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    test: Kind = "mushra",
    reference: str | Path | None = None,
    anchors_hz: Sequence[int] = (LOW_HZ,),
    trials: int = 8,
    match_levels: bool = False,
    title: str = "",
    seed: int = 0,
    progress: bool = False,
) -> Path:
    """Write the page of a blind listening test.

    Parameters
    ----------
    folders : sequence of path
        A folder of sounds per system, whose files have the same names; "NAME=DIR" gives the system another name.
    out : path
        The folder of the page; it must be new or empty.
    test : {"mushra", "abx", "mos"}
        Rate all versions beside each other (ITU-R BS.1534-3), tell two apart, or rate one by one (ITU-T P.800).
    reference : path, optional
        The original sounds: MUSHRA needs them, MOS hides them among the systems.
    anchors_hz : sequence of int
        Cutoffs in Hz of the low-pass filters that make the anchors of MUSHRA of the reference.
    trials : int
        How often ABX asks each item.
    match_levels : bool
        Whether the sounds of an item are made as soft as the softest of them.
    title : str
        What stands above the page.
    seed : int
        Another number gives the listeners other orders.
    progress : bool
        Whether bars are shown.

    Returns
    -------
    Path
        The page, index.html.

    Raises
    ------
    DataError
        E191 where the folder holds something, E640 and E641 for the folders, E642 for an anchor, E430 to E432 for a
        sound that cannot be read.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.listening_page(["ours=clips_a", "theirs=clips_b"], "page", test="abx").name
    'index.html'
    """
    if test not in KINDS:
        raise wrong("test", " or ".join(map(repr, KINDS)), test)
    options = Options(
        test=test,
        reference=optional_path_of(reference, "reference"),
        anchors_hz=tuple(anchors_hz),
        trials=_whole("trials", trials, 1),
        seed=_whole("seed", seed, 0),
        title=title,
        match_levels=flag_of(match_levels, "match_levels"),
    )
    words = [str(one) for one in paths_of(folders, "folders")]
    shown = progress_of(flag_of(progress, "progress"))
    return make_page(words, Path(path_of(out, "out")), options, shown).index


def listening_results(
    files: Sequence[str | Path] | str | Path,
    *,
    unit: Unit = "listeners",
    screen: bool = True,
) -> Results:
    """What the ratings of a listening test say.

    Parameters
    ----------
    files : sequence of path
        The csv files that the page of one test has downloaded.
    unit : {"listeners", "items", "ratings"}
        What intervals and tests are made over.
    screen : bool
        Whether MUSHRA leaves out listeners by the post-screening of ITU-R BS.1534-3.

    Returns
    -------
    Results
        `systems` with means and 95 % intervals, `pairs` with paired tests, of ABX `answers`; `left_out` and `notes`.

    Raises
    ------
    DataError
        E643 for files that are not results of one test, E644 where no listener is left.

    Examples
    --------
    >>> import mirbricks as mb
    >>> found = mb.listening_results("answers.csv", unit="items")
    >>> found.systems["ours"].value, found.systems["ours"].n
    (3.5, 2)
    """
    if unit not in UNITS:
        raise wrong("unit", " or ".join(map(repr, UNITS)), unit)
    paths = [str(one) for one in paths_of(files, "files")]
    return results_of(paths, unit=unit, screen=flag_of(screen, "screen"))


def _whole(name: str, value: Any, least: int) -> int:
    """A whole number from `least` on. Raises DataError E437."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise wrong(name, f"a whole number from {least} on", value)
    return value
