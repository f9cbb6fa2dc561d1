"""The files that a graph names, `extends: base.yaml` and `graph: encoder.yaml`: found, and kept inside its folder.

A path is relative to the file it stands in. It may not lead out of the folder of the graph that was asked for, by `..`
or by a link, and may not lead back to a file that is being read. Where it leads to nothing, it may be the name of a
graph that comes with mirbricks, as on the command line, or of a part of one, such as `parts/codec_unit.yaml`; such a
graph in turn may name the files of its own folder.
`zoo:NAME` is the graph of a trained model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import GraphError, RunError, Where, did_you_mean
from ...fields import quoted
from ...zoo import GRAPHS, graph_file, graphs
from ...zoo import PREFIX as ZOO
from .source import MAX_VALUES, Source, read_part

DEEPEST = 16


@dataclass
class Files:
    """Files of one graph; `root` is the folder that none of them may leave."""

    root: Path
    shown: Path  # the same folder as the user wrote it, for messages
    reading: list[Path] = field(default_factory=list)
    known: dict[Path, Source] = field(default_factory=dict)
    values: int = 0  # in all of them

    @classmethod
    def of(cls, source: Source) -> Files:
        """For a graph read from a file; a dict has the working folder."""
        path = Path(source.file)
        # The file itself is being read already: what leads back to it is a circle.
        if path.is_file():
            top = path.resolve()
            return cls(top.parent, path.parent, [top])
        return cls(Path.cwd(), Path())

    @contextmanager
    def open(self, given: Any, where: Where, key: str) -> Iterator[Source]:
        """The source of the file that `given` names; while it is used, naming it again is a cycle."""
        path = self._find(given, where, key)
        if path in self.reading or len(self.reading) > DEEPEST:
            chain = " -> ".join(p.name for p in [*self.reading[-DEEPEST:], path])
            if path in self.reading:
                message = f"{key}: the file leads back to itself"
            else:
                message = f"{key}: too many files deep"
            raise GraphError(
                message,
                code="E115",
                where=where,
                facts=[("files", chain)],
                help="break the circle",
            )
        if path not in self.known:
            self.known[path] = self._read(path, where, key)
        self.reading.append(path)
        try:
            yield self.known[path]
        finally:
            self.reading.pop()

    def _find(self, given: Any, where: Where, key: str) -> Path:
        if not isinstance(given, str) or not given.strip():
            message = f"{key}: expected the path of a graph file, got {quoted(given)}"
            hint = f"write `{key}: file.yaml`"
            raise GraphError(message, code="E106", where=where, help=hint)
        if given.startswith(ZOO):
            return _of_zoo(given, where, key)
        beside = Path(where.file)
        if beside.is_file():
            folder = beside.resolve().parent
        else:
            folder = self.root
        # Links are followed before the folder is compared, so that none leads out of it.
        try:
            path = (folder / given).resolve()
            inside = not Path(given).is_absolute() and self._holds(path, folder)
            there = path.is_file()
            # What is beside the graph goes first, whatever it is.
            shipped = None if path.exists() else _shipped(given)
        except (OSError, ValueError, RuntimeError):
            # A loop of links, or a NUL in the path.
            inside = False
        if not inside:
            message = f"{key}: '{given}' leads out of the graph's folder"
            hint = "move the file beside or below the graph"
            raise GraphError(message, code="E114", where=where, help=hint)
        if shipped:
            return shipped.resolve()
        if not there:
            near = did_you_mean(given, graphs())
            hint = near or "the path is relative to the file it stands in"
            raise GraphError(
                f"{key}: there is no file {quoted(given)}",
                code="E101",
                where=where,
                help=hint,
            )
        return path

    def _holds(self, path: Path, folder: Path) -> bool:
        """Whether a file in `folder` may name `path`: below the graph's folder, or both are shipped."""
        if path.is_relative_to(self.root):
            return True
        own = _shipped_folder()
        return path.is_relative_to(own) and folder.is_relative_to(own)

    def _read(self, path: Path, where: Where, key: str) -> Source:
        if path.is_relative_to(self.root):
            name = path.relative_to(self.root)
            source = read_part(self.shown / name)
        else:
            # A graph that comes with mirbricks, or that of a model of the zoo.
            name = path.relative_to(_shipped_folder().parent)
            source = read_part(path)
        # Each file is within its own bound; many of them together must be as well.
        self.values += len(source.values)
        if self.values > 2 * MAX_VALUES:
            message = f"{key}: the files of this graph hold more than {2 * MAX_VALUES:,} values in all"
            raise GraphError(
                message, code="E103", where=where, help="take less into one graph"
            )
        if not isinstance(source.data, Mapping) or not source.data.keys() & {
            "layers",
            "extends",
        }:
            dialect = isinstance(source.data, Mapping) and "model" in source.data
            message = f"{key}: '{name}' is not a graph in the native form"
            if dialect:
                hint = "`mirbricks migrate` rewrites it"
            else:
                hint = "a graph has `layers:`"
            raise GraphError(message, code="E108", where=where, help=hint)
        return source


def _of_zoo(given: str, where: Where, key: str) -> Path:
    """The graph file of a model of the zoo. Raises GraphError E101 where there is no such model."""
    try:
        return Path(graph_file(given)).resolve()
    except RunError as error:
        raise GraphError(
            f"{key}: {error.message}", code="E101", where=where, help=error.help
        ) from None


def _shipped(given: str) -> Path | None:
    """A graph that comes with mirbricks, by its name, or one of their parts, as they name it themselves.

    So a copy of a shipped graph in another folder compiles as the graph itself does.
    """
    part = GRAPHS / given
    if part.is_file() and part.resolve().is_relative_to(_shipped_folder()):
        return part
    return graphs().get(given)


def _shipped_folder() -> Path:
    """The folder of the graphs that come with mirbricks."""
    return GRAPHS.resolve()
