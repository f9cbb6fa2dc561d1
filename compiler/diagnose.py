"""Everything that is wrong with the text of a graph, for editors: `diagnose`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import ErrorList, GraphError, MirbricksError
from .compile import assemble, new_block, read_either
from .given_shapes import read_shape
from .inference.probe import Provisional
from .inference.remembered import Remembered
from .inference.without_compiler import without_compiler
from .language.graph import Graph
from .language.source import MAX_BYTES, read_text
from .module import GraphModule

UNNAMED = "graph.yaml"


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` finds in a text.

    Attributes
    ----------
    errors : tuple of MirbricksError
        In the order of their places; each has `message`, `code`, `where`, `facts`, `help` and `edits`.
    warnings : tuple of MirbricksError
        What can be compiled, and probably does not say what its author means.
    graph : Graph or None
        The graph, where the form of the text is right.
    model : GraphModule or None
        The compiled graph, where its sizes are right too. Its weights are on the meta device: they have sizes and no
        values, so that a graph of any size costs no memory.
    provisional : bool
        Whether the error is that of a quick look, and a `thorough` one may find another.
    """

    errors: tuple[MirbricksError, ...] = ()
    warnings: tuple[MirbricksError, ...] = ()
    graph: Graph | None = field(default=None, repr=False)
    model: GraphModule | None = field(default=None, repr=False)
    provisional: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Errors and warnings as JSON values."""
        return {
            "errors": [_as_dict(error, "error") for error in self.errors],
            "warnings": [_as_dict(warning, "warning") for warning in self.warnings],
            "provisional": self.provisional,
        }


def diagnose(
    text: str,
    file: str = UNNAMED,
    *,
    overrides: Sequence[str] = (),
    thorough: bool = True,
) -> Diagnosis:
    r"""Find everything that is wrong with the text of a graph; nothing is raised for it.

    Parameters
    ----------
    text : str
        The text of a graph file, native or in the tutorial's dialect.
    file : str
        The path that the text is from or will be saved to: places name it, and files that the graph names are
        looked for beside it.
    overrides : sequence of str
        Assignments that change values of the text, such as `"vars.width=32"`.
    thorough : bool
        Whether a skip that does not fit is tried at every remainder of its sizes, which may take a second; else the
        first error is `provisional` there.

    Returns
    -------
    Diagnosis

    Examples
    --------
    >>> import mirbricks as mb
    >>> text = "input: B C=1 T\nlayers:\n  - Conv1D: {out_channels: 4, kernel_size: 3}\n"
    >>> found = mb.diagnose(text)
    >>> found.errors[0].where.line, found.errors[0].edits[0].text
    (3, 'Conv1d')
    """
    # One at a time: what is remembered is shared, and reading a config records warnings for the whole process.
    with _LOCK:
        return _diagnosed(text, file, overrides, thorough)


_LOCK = threading.Lock()


class _Memory:
    """What blocks made in earlier calls: between two keystrokes most layers stay as they are."""

    remembered = Remembered()


def _diagnosed(
    text: str, file: str, overrides: Sequence[str], thorough: bool
) -> Diagnosis:
    try:
        graph = _read(text, file, overrides)
    except MirbricksError as error:
        return Diagnosis(_each(error))
    warnings = (*graph.warnings, *graph.of_sections)
    _Memory.remembered = _Memory.remembered.again()
    try:
        with _on_meta():
            model = assemble(
                graph,
                read_shape(graph, None),
                new_block,
                _Memory.remembered,
                thorough=thorough,
            )
    except Provisional as found:
        return Diagnosis(_each(found.error), warnings, graph, provisional=True)
    except MirbricksError as error:
        return Diagnosis(_each(error), warnings, graph)
    return Diagnosis((), warnings, graph, model)


def _read(text: str, file: str, overrides: Sequence[str]) -> Graph:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        message = f"larger than {MAX_BYTES:,} bytes: this is not a graph file"
        raise GraphError(message, code="E103", help="give a graph file")
    return read_either(read_text(text, file), overrides)


@contextmanager
def _on_meta() -> Iterator[None]:
    with without_compiler(), torch.device("meta"):
        yield


def _each(error: MirbricksError) -> tuple[MirbricksError, ...]:
    if isinstance(error, ErrorList):
        return error.errors
    return (error,)


def _as_dict(error: MirbricksError, severity: str) -> dict[str, Any]:
    where = error.where
    return {
        "severity": severity,
        "code": error.code,
        "message": error.message,
        "facts": [list(fact) for fact in error.facts],
        "help": error.help,
        "file": where.file if where else None,
        "line": where.line if where else 1,
        "column": where.column if where else 1,
        "length": where.length if where else 1,
        "edits": [
            {
                "line": edit.where.line,
                "column": edit.where.column,
                "length": edit.where.length,
                "text": edit.text,
                "label": edit.label,
            }
            for edit in error.edits
        ],
    }
