"""The page of a listening test."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...data.stores.atomic import written_whole
from ...errors import DataError
from ...printable import listed
from ...report.listening import listening_page, sound_script
from ..progress import Progress, plural
from .anchor import LOW_HZ
from .folders import REFERENCE, Matched, matched
from .stimuli import Stimulus, at_one_level, stimuli_of

Kind = Literal["mushra", "abx", "mos"]
KINDS: tuple[Kind, ...] = ("mushra", "abx", "mos")
INDEX = "index.html"
SOUNDS = "sounds"
MOST_DB = 1.5  # by which the levels of an item may differ before it is reported
LONGEST_S = 12.0  # BS.1534-3, 5.2: longer excerpts are hard to compare
MOST_SIGNALS = 12  # of one MUSHRA trial, as BS.1534-3 advises
LISTED = 3


@dataclass(frozen=True)
class Options:
    """How a test is made.

    Attributes
    ----------
    test : str
        "mushra" (ITU-R BS.1534-3), "abx" or "mos" (absolute category rating, ITU-T P.800).
    reference : str, optional
        The folder of the reference; MUSHRA needs one, MOS hides it among the systems.
    anchors_hz : sequence of int
        The cutoffs of the anchors that MUSHRA makes from the reference.
    trials : int
        How often each item is asked in ABX.
    seed : int
        What every listener's order is drawn from, together with the listener's name.
    title : str
        What stands above the page.
    match_levels : bool
        Whether the sounds of an item are made as soft as the softest of them.
    """

    test: Kind = "mushra"
    reference: str | None = None
    anchors_hz: tuple[int, ...] = (LOW_HZ,)
    trials: int = 8
    seed: int = 0
    title: str = ""
    match_levels: bool = False


@dataclass(frozen=True)
class Made:
    """A page that was written: where it lies, its items and what is compared."""

    index: Path
    items: list[str]
    systems: list[str]


def make_page(
    folders: Sequence[str], out: Path, options: Options, progress: Progress
) -> Made:
    """Write the page of a listening test into a new folder.

    Raises
    ------
    DataError
        E191 where the folder holds something, E640 and E641 for the folders, E642 for an anchor, E430 to E432 for a
        sound that cannot be read.
    """
    found = matched(folders, options.reference)
    _refuse_unfit(found, options)
    _refuse_used(out)
    page = _name_of(found, options)
    systems = list(found.systems)
    trials: list[dict[str, Any]] = []
    names: dict[str, list[str]] = {}
    loudest: tuple[float, str] = (-np.inf, "")
    remarks = _Remarks()
    with progress.counting("items", len(found.items)) as on_done:
        for item in found.items:
            # One item at a time: all sounds of a test need not fit in memory.
            stimuli = stimuli_of(found, item, _anchors(options), page)
            if options.match_levels:
                stimuli = at_one_level(stimuli)
            remarks.look_at(item, stimuli)
            systems = [one.system for one in stimuli]
            for one in stimuli:
                _write(out / SOUNDS / f"{one.key}.js", sound_script(one))
                names[one.key] = [one.item, one.system]
                loudest = max(loudest, (one.level_db, one.key))
            trials.append(_trial(item, stimuli))
            on_done(item)
    for remark in remarks.lines(options):
        progress.note(remark)

    content = _content(page, options, trials, names, loudest[1])
    # The page comes last: a folder whose work was interrupted has none.
    _write(out / INDEX, listening_page(_title(options), content))
    return Made(out / INDEX, found.items, systems)


def _anchors(options: Options) -> tuple[int, ...]:
    if options.test == "mushra":
        return options.anchors_hz
    return ()


def _trial(item: str, stimuli: Sequence[Stimulus]) -> dict[str, Any]:
    """An item as the page knows it: the keys of its sounds, and which is the reference."""
    reference = [one.key for one in stimuli if one.system == REFERENCE]
    return {
        "item": item,
        "stimuli": [one.key for one in stimuli],
        "reference": reference[0] if reference else None,
    }


def _content(
    page: str,
    options: Options,
    trials: list[dict[str, Any]],
    names: Mapping[str, Sequence[str]],
    loudest: str,
) -> dict[str, Any]:
    """What the page's script reads. The names are not in plain words: who looks at the source by chance stays blind."""
    hidden = base64.b64encode(json.dumps(names).encode()).decode("ascii")
    return {
        "page": page,
        "test": options.test,
        "title": _title(options),
        "seed": options.seed,
        "repetitions": options.trials if options.test == "abx" else 1,
        "items": trials,
        "names": hidden,
        "loudest": loudest,
    }


def _title(options: Options) -> str:
    return options.title or "Listening test"


def _name_of(found: Matched, options: Options) -> str:
    """A short name of the test, by which its results are known to belong together."""
    words = [options.test, str(options.seed), _title(options), *found.systems]
    words += [*found.items, *map(str, _anchors(options)), str(options.match_levels)]
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()
    return f"{options.test}-{digest[:8]}"


def _refuse_unfit(found: Matched, options: Options) -> None:
    """Raise E641 where the folders are not what the test compares."""
    count = len(found.systems)
    if options.test == "mushra" and found.reference is None:
        raise DataError(
            "a MUSHRA test needs a reference",
            code="E641",
            help="add --reference DIR with the original sounds, or choose --test mos",
        )
    if options.test == "abx" and (count != 2 or found.reference is not None):
        came = plural(count, "folder")
        if found.reference is not None:
            came += " and a reference"
        raise DataError(
            f"an ABX test compares two folders, got {came}",
            code="E641",
            help="give the reference as one of the two folders; --test mushra compares several",
        )


def _refuse_used(out: Path) -> None:
    """Raise E191 where something lies in the folder already."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        used = True
    else:
        used = out.is_dir() and any(out.iterdir())
    if used:
        raise DataError(
            f"'{out}' already exists",
            code="E191",
            help="choose another folder, or delete it: nothing is overwritten",
        )


def _write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


class _Remarks:
    """What the person who makes a test should know about its sounds; nothing of it is changed silently."""

    def __init__(self) -> None:
        self.uneven: list[tuple[float, str]] = []
        self.long: list[str] = []
        self.unequal: list[str] = []
        self.clipped: list[str] = []
        self.n_signals = 0

    def look_at(self, item: str, stimuli: Sequence[Stimulus]) -> None:
        own = [one for one in stimuli if not one.system.startswith("anchor ")]
        levels_db = [one.level_db for one in own]
        spread_db = max(levels_db) - min(levels_db)
        if spread_db > MOST_DB:
            self.uneven.append((spread_db, item))
        lengths_s = [one.length_s for one in stimuli]
        if max(lengths_s) > LONGEST_S:
            self.long.append(item)
        if max(lengths_s) - min(lengths_s) > 0.05:
            self.unequal.append(item)
        if any(one.peak > 1.0 for one in stimuli):
            self.clipped.append(item)
        self.n_signals = max(self.n_signals, len(stimuli))

    def lines(self, options: Options) -> list[str]:
        found = []
        if self.uneven:
            worst_db, item = max(self.uneven)
            found.append(
                f"the levels of the systems differ by more than {MOST_DB} dB in {plural(len(self.uneven), 'item')}, "
                f"by {worst_db:.1f} dB in '{item}': louder is often rated better; --match-levels evens them out"
            )
        if self.clipped:
            named = listed(self.clipped, LISTED)
            found.append(f"samples beyond full scale are clipped in {named}")
        if self.unequal:
            named = listed(self.unequal, LISTED)
            found.append(f"the lengths of the systems differ in {named}")
        if self.long and options.test == "mushra":
            named = listed(self.long, LISTED)
            found.append(f"longer than the {LONGEST_S:g} s of BS.1534-3: {named}")
        if self.n_signals > MOST_SIGNALS and options.test == "mushra":
            found.append(
                f"{self.n_signals} sounds in one trial; BS.1534-3 advises {MOST_SIGNALS} at most"
            )
        return found
