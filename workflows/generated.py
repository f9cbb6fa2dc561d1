"""The folder that generated sounds are written to: a wav per sound, a page with all of them, and their conditions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.stores.atomic import refuse_unwritable
from ..data.stores.cells import guarded_cell
from ..data.stores.together import write_together
from ..errors import DataError
from ..tasks.sounds import Sound

INDEX = "index.html"
CONDITIONS = "conditions.csv"  # what each sound was asked for
FILE_COLUMN = "filename"  # of that table
LONGEST_NAME = 80  # characters of conditions in the name of a file
PITCH = "pitch"  # a condition with this in its name makes a sound a note


class SoundFolder:
    """Writes sounds as they come, and the page of those that came.

    Parameters
    ----------
    out : Path
        The folder; made if it is missing.
    n : int
        How many sounds there will be.
    replace : bool
        Whether files of the same names are replaced.

    Raises
    ------
    DataError
        E191 where the folder has such files already, E408 where it cannot be written: before anything is computed.
    """

    def __init__(self, out: Path, n: int, *, replace: bool = False) -> None:
        self.out = out
        self._digits = max(2, len(str(n)))
        self._replace = replace
        self._cards: list[str] = []
        self._asked: list[dict[str, Any]] = []
        # What cannot be written is refused before it is computed.
        refuse_unwritable(out / INDEX)
        if not replace:
            self._refuse_taken(n)

    @property
    def n_written(self) -> int:
        """The sounds that are written so far."""
        return len(self._cards)

    def add(self, sound: Sound, conditions: Sequence[str]) -> Path:
        """Write one sound; the names of its file and title have the values of these conditions.

        Raises DataError E191 for a file that holds something else, E408 for one that cannot be written.
        """
        from ..report.generated import sound_card  # matplotlib takes a second to import

        number = self.n_written + 1
        stem = self._stem(number, sound, conditions)
        path = self.out / f"{stem}.wav"
        # The picture takes longest, and comes first: an interrupt meanwhile leaves no sound that the page lacks.
        is_note = any(PITCH in name for name in conditions)
        card = sound_card(sound.titled(stem), path.name, number, is_note=is_note)
        write_together({path: sound.files()[".wav"]}, replace=self._replace)
        self._cards.append(card)
        asked = {name: sound.details.get(name, "") for name in conditions}
        self._asked.append({FILE_COLUMN: path.name, **asked})
        return path

    def finish(self, title: str, subtitle: str, command: str) -> Path:
        """Write the page of all sounds so far, and the table of their conditions; returns the page's path."""
        from ..report.generated import generated_page

        page = generated_page(title, subtitle, command, self._cards)
        path = self.out / INDEX
        files = {path: page.encode()}
        columns = list(self._asked[0]) if self._asked else []
        # A model without conditions was asked for nothing.
        if len(columns) > 1:
            files[self.out / CONDITIONS] = self._table(columns).encode()
        write_together(files, replace=self._replace)
        return path

    def _table(self, columns: Sequence[str]) -> str:
        """What each sound was asked for, as `mirbricks data import csv` and `mirbricks judge --heard` read it."""
        text = io.StringIO()
        table = csv.DictWriter(text, columns, lineterminator="\n")
        table.writeheader()
        # The values are labels of a corpus, and a spreadsheet would run what looks like a formula.
        for row in self._asked:
            table.writerow({key: _guarded(value) for key, value in row.items()})
        return text.getvalue()

    def _stem(self, number: int, sound: Sound, conditions: Sequence[str]) -> str:
        """Such as 03_instrument-guitar_pitchmidi-60."""
        parts = []
        for name in conditions:
            if name in sound.details:
                parts.append(f"{_safe(name)}-{_safe(str(sound.details[name]))}")
        words = "_".join(parts)[:LONGEST_NAME].rstrip("-_.")
        numbered = f"{number:0{self._digits}d}"
        return f"{numbered}_{words}" if words else numbered

    def _refuse_taken(self, n: int) -> None:
        """Raise E191 where a name that will be needed is taken; the conditions in the names are not all known yet."""
        numbers = {f"{number:0{self._digits}d}" for number in range(1, n + 1)}
        taken = []
        if self.out.is_dir():
            for path in sorted(self.out.iterdir()):
                begin = path.stem.partition("_")[0]
                if path.name in (INDEX, CONDITIONS) or (
                    path.suffix == ".wav" and begin in numbers
                ):
                    taken.append(path)
        if taken:
            raise DataError(
                f"'{taken[0]}' already exists",
                code="E191",
                help="choose another folder; --replace writes over it",
            )


def _safe(words: str) -> str:
    """Words in the name of a file, on every system."""
    return re.sub(r"[^\w.+#]+", "-", words).strip("-") or "x"


def _guarded(value: object) -> object:
    return guarded_cell(value) if isinstance(value, str) else value
