"""The folders that the studio may look into, and what of them it shows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..data.stores.atomic import written_whole
from ..data.stores.audio import AUDIO_ENDINGS
from ..errors import DataError
from ..runs.folder import MARK, SETTINGS
from ..zoo import graphs

MOST_FILES = 2_000
DEEPEST = 6
MOST_BYTES = 1_000_000
GRAPH_ENDINGS = (".yaml", ".yml")


class Places:
    """Files below some folders, and no others: paths are resolved, and links lead nowhere else."""

    def __init__(self, folders: Sequence[str | Path]) -> None:
        self.folders = [Path(one).resolve() for one in folders]

    def inside(self, given: str) -> Path:
        """The resolved path; raises DataError E901 where it is not below one of the folders."""
        try:
            path = (self.folders[0] / given).resolve()
        except (OSError, ValueError, RuntimeError):
            path = None
        if path is None or not any(path.is_relative_to(one) for one in self.folders):
            message = f"'{given}' is not below a folder that the studio was given"
            help = (
                "start the studio with the folder that it lies in: mirbricks studio DIR"
            )
            raise DataError(message, code="E901", help=help)
        return path

    def listing(self) -> dict[str, Any]:
        """Graphs, recordings, corpora and runs below the folders."""
        found: dict[str, list[str]] = {
            "graphs": [],
            "audio": [],
            "corpora": [],
            "runs": [],
        }
        for path in self._files():
            name = str(path)
            if path.name in (MARK, SETTINGS):
                found["runs"].append(str(path.parent))
            elif path.suffix in GRAPH_ENDINGS:
                found["graphs"].append(name)
            elif path.suffix.lower() in AUDIO_ENDINGS:
                found["audio"].append(name)
            elif path.suffix == ".pyjama":
                found["corpora"].append(str(path.parent))
        listed = {kind: sorted(set(names)) for kind, names in found.items()}
        # The files of a run are the run's, and not for editing.
        runs = tuple(f"{run}{os.sep}" for run in listed["runs"])
        listed["graphs"] = [
            one for one in listed["graphs"] if not one.startswith(runs or ("\0",))
        ]
        return {
            "folders": [str(one) for one in self.folders],
            "shipped": sorted(graphs()),
            **listed,
        }

    def _files(self) -> Iterator[Path]:
        count = 0
        for folder in self.folders:
            for top, inside, names in os.walk(folder, followlinks=False):
                depth = len(Path(top).relative_to(folder).parts)
                inside[:] = (
                    []
                    if depth >= DEEPEST
                    else sorted(one for one in inside if not one.startswith("."))
                )
                for name in names:
                    path = Path(top) / name
                    if not path.is_symlink():
                        yield path
                        count += 1
                    if count >= MOST_FILES * 10:
                        return

    def read(self, given: str) -> dict[str, Any]:
        """The text of a graph file, where it is saved, and the mark of its state on disk.

        A shipped graph, by its name, and the graph of a run are saved under a name that the user gives: `path` is
        empty, and `origin` says in words where the text is from. `base` is the place from which its parts are found.
        """
        if given in graphs():
            text = graphs()[given].read_text(encoding="utf-8")
            return _copy(given, text, "comes with mirbricks", "")
        path = self.inside(given)
        self._refuse_ending(path)
        try:
            raw = path.read_bytes()
            text = raw.decode("utf-8")
        except OSError as error:
            raise DataError(
                f"'{path}' cannot be read: {error.strerror}", code="E409"
            ) from None
        except UnicodeDecodeError:
            raise DataError(f"'{path}' is not UTF-8 text", code="E409") from None
        if len(raw) > MOST_BYTES:
            raise DataError(f"'{path}' is too large for a graph", code="E409")
        # What a run was trained with is its record, and stays as it is.
        if (path.parent / MARK).is_file():
            run = path.parent.name
            return _copy(f"{run}.yaml", text, f"the graph of the run {run}", str(path))
        whole = {"path": str(path), "base": str(path), "origin": ""}
        return {**whole, "name": path.name, "text": text, "mark": _mark(raw)}

    def save(self, given: str, text: str, mark: str) -> dict[str, Any]:
        """Write a graph file whole or not at all.

        `mark` is that of the text that was read, "" for a new file; raises DataError E902 where the file is another
        now.
        """
        path = self.inside(given)
        self._refuse_ending(path)
        there = _mark(path.read_bytes()) if path.is_file() else ""
        if there != mark:
            message = f"'{path.name}' has changed on disk since it was opened"
            if not mark:
                message = f"there is a file '{path.name}' already"
            raise DataError(
                message, code="E902", help="open it again, or save under another name"
            )
        try:
            with written_whole(path) as part:
                part.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DataError(
                f"'{path}' cannot be written: {error.strerror}", code="E408"
            ) from None
        return {"path": str(path), "name": path.name, "mark": _mark(text.encode())}

    def _refuse_ending(self, path: Path) -> None:
        if path.suffix not in GRAPH_ENDINGS:
            message = f"'{path.name}' is not a graph file"
            raise DataError(message, code="E901", help="its name ends with .yaml")


def _copy(name: str, text: str, origin: str, base: str) -> dict[str, Any]:
    """A text that is saved under a name of the user's."""
    return {
        "path": "",
        "base": base,
        "origin": origin,
        "name": name,
        "text": text,
        "mark": "",
    }


def _mark(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
