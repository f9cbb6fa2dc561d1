"""Which lines and branches of the package the tests reach, from the data that `make coverage` has collected.

    python -m coverage run -m pytest ... && python -m coverage combine && python tests/covered.py

Ends with 1 where it is less than the goal.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINES, BRANCHES = 95.0, 90.0  # %
WORST = 12  # files that are named
LEAST_LINES = 20  # of a file that is named
MARK = "coverage"


@dataclass
class Reached:
    """Lines and branches, and those that a test reached."""

    lines: int = 0
    lines_reached: int = 0
    branches: int = 0
    branches_reached: int = 0

    def add(self, summary: Mapping[str, Any]) -> None:
        """Add the summary of a file, in the words of coverage."""
        self.lines += summary["num_statements"]
        self.lines_reached += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.branches_reached += summary["covered_branches"]

    @property
    def of_lines(self) -> float:
        return 100 * self.lines_reached / max(self.lines, 1)

    @property
    def of_branches(self) -> float:
        return 100 * self.branches_reached / max(self.branches, 1)


def by_room(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Reached]:
    """The sums of each folder at the top; files of the root are the room "."."""
    rooms: dict[str, Reached] = {}
    for path, one in sorted(files.items()):
        room = Path(path).parts[0] if len(Path(path).parts) > 1 else "."
        rooms.setdefault(room, Reached()).add(one["summary"])
    return rooms


def table(rooms: Mapping[str, Reached], total: Reached) -> list[str]:
    """A row per room, the sum at the end."""
    rows = ["| room | lines | reached | branches | reached |"]
    rows.append("| --- | ---: | ---: | ---: | ---: |")
    for name, one in [*rooms.items(), ("all", total)]:
        of_lines = f"{one.lines:,} | {one.of_lines:.1f} %"
        of_branches = f"{one.branches:,} | {one.of_branches:.1f} %"
        rows.append(f"| {name} | {of_lines} | {of_branches} |")
    return rows


def least_reached(files: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """The files with the smallest share of their lines reached, and the numbers of the lines that are not."""
    known = {
        path: one
        for path, one in files.items()
        if one["summary"]["num_statements"] >= LEAST_LINES
    }
    for path in sorted(known, key=lambda path: _share(known[path]))[:WORST]:
        missing = known[path]["missing_lines"]
        shown = ", ".join(map(str, missing[:WORST]))
        if missing:
            yield f"{_share(known[path]):5.1f} %  {path}: {len(missing)} lines, {shown}"


def _share(one: Mapping[str, Any]) -> float:
    reached = Reached()
    reached.add(one["summary"])
    return reached.of_lines


def _data(file: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "coverage.json")
        words = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(out)]
        subprocess.run([*words, f"--data-file={file}"], check=True)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return found


def main(words: Sequence[str] | None = None) -> int:
    """Print the table and the files that are reached least; 1 below the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-file", default=".coverage", help="what was collected")
    parser.add_argument("--write", help="the page that has a place for the table")
    asked = parser.parse_args(words)
    files = _data(asked.data_file)["files"]
    rooms = by_room(files)
    total = Reached()
    for one in files.values():
        total.add(one["summary"])
    rows = table(rooms, total)
    print("\n".join([*rows, "", *least_reached(files)]))
    if asked.write:
        page = Path(asked.write)
        text = page.read_text(encoding="utf-8")
        before, begin, rest = text.partition(f"<!-- {MARK} -->\n")
        _, end, after = rest.partition(f"<!-- /{MARK} -->")
        today = datetime.date.today().isoformat()
        inside = "\n".join([*rows, "", f"{today}.", ""])
        page.write_text(f"{before}{begin}{inside}{end}{after}", encoding="utf-8")
    return 0 if total.of_lines >= LINES and total.of_branches >= BRANCHES else 1


if __name__ == "__main__":
    sys.exit(main())
