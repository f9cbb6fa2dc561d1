"""What an import brought in, what it left out, and why: import_report.json, and the lines on the screen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...printable import listed
from ..stores.atomic import written_whole

REPORT = "import_report.json"
MOST_NOTES = 20  # lines on the screen
MOST_KEYS = 3  # of recordings, in a line


@dataclass
class ImportReport:
    """`left_out` holds an error for each thing that is not in the corpus; `notes` count what is good to know.

    channels      how many recordings have how many channels, as they came
    n_mixed_down  recordings of which the mean of the channels came in
    cancelled     keys of recordings whose channels have a mean that is nearly silent
    """

    kind: str
    source: str
    name: str
    folder: Path
    n_recordings: int = 0
    seconds: float = 0.0
    with_audio: bool = True
    rates_hz: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    n_mixed_down: int = 0
    cancelled: list[str] = field(default_factory=list)
    annotations: Counter[str] = field(default_factory=Counter)
    left_out: list[DataError] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "source": self.source,
            "name": self.name,
            "recordings": self.n_recordings,
            "seconds": round(self.seconds, 3),
            "sr_hz": {
                str(rate): count for rate, count in sorted(self.rates_hz.items())
            },
            "channels": {
                str(channels): count
                for channels, count in sorted(self.channels.items())
            },
            "mixed_down": self.n_mixed_down,
            "cancelled": self.cancelled,
            "annotations": dict(self.annotations),
            "notes": dict(self.notes),
            "left_out": [
                {"code": error.code, "why": _in_one_line(error)}
                for error in self.left_out
            ],
        }

    def save(self) -> None:
        """Write import_report.json into the folder; the report of an earlier import gives way."""
        with written_whole(self.folder / REPORT) as temporary:
            text = json.dumps(self.to_json(), indent=1, ensure_ascii=False)
            temporary.write_text(
                text + "\n", encoding="utf-8", errors="backslashreplace"
            )

    def lines(self) -> Iterator[str]:
        """For the screen: what came in, what was done to it, and one line for each reason to leave something out."""
        if self.n_recordings == 1:
            count = "1 recording"
        else:
            count = f"{self.n_recordings} recordings"
        if self.with_audio:
            audio = f", {self.seconds / 60:.1f} min"
        else:
            audio = ", annotations alone"
        yield f"{self.name}: {count}{audio}, in {self.folder}"
        # What was done to the audio, and what is good to know, before what is missing.
        for channels, number in sorted(self.channels.items()):
            if channels > 1 and self.n_mixed_down:
                yield f"  {number} of {channels} channels, averaged to one"
            elif channels > 1:
                yield f"  {number} of {channels} channels"
        if self.cancelled:
            what = "with channels that cancel each other, so that their mean is nearly silent"
            keys = listed(self.cancelled, MOST_KEYS)
            yield f"  {len(self.cancelled)} {what}: {keys}"
        for note, number in list(self.notes.items())[:MOST_NOTES]:
            yield f"  {number} × {note}"
        if len(self.notes) > MOST_NOTES:
            rest = len(self.notes) - MOST_NOTES
            yield f"  and {rest} notes more, all listed in {self.folder / REPORT}"
        if self.left_out:
            yield f"left out: {len(self.left_out)}, all listed in {self.folder / REPORT}"
            yield from (f"  {line}" for line in by_reason(self.left_out))


def by_reason(errors: Sequence[DataError]) -> Iterator[str]:
    """A line for each code, the most frequent first: how many, and the first of them."""
    # A thousand errors of one kind are one line, with an example to go by.
    first: dict[str, DataError] = {}
    for error in errors:
        first.setdefault(error.code, error)
    for code, number in Counter(error.code for error in errors).most_common():
        if number == 1:
            what = code
        else:
            what = f"{code}, the first"
        yield f"{number} × {what}: {_in_one_line(first[code])}"


def _in_one_line(error: DataError) -> str:
    if error.where:
        where = f"{error.where}: "
    else:
        where = ""
    return f"{where}{error.message}"
