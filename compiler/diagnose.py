"""Everything that is wrong with the layers of a graph's text, for editors: `diagnose_graph`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import torch
from torch import nn

from ..errors import ErrorList, GraphError, GraphWarning, MirbricksError
from .compile import assemble, new_block, read_either
from .given_shapes import read_shape
from .inference.probe import Provisional
from .inference.remembered import Remembered
from .inference.walk import Step
from .inference.without_compiler import without_compiler
from .language.graph import Graph
from .language.source import MAX_BYTES, read_text
from .module import GraphModule

UNNAMED = "graph.yaml"


@dataclass(frozen=True)
class Diagnosis:
    """What `mirbricks.diagnose` finds in a text.

    Attributes
    ----------
    errors : tuple of MirbricksError
        Those of the layers in the order of their places, then those of the sections; each has `message`, `code`,
        `where`, `facts`, `help` and `edits`.
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

    def __str__(self) -> str:
        """Every message as `mirbricks check` prints it; "fine" without any."""
        told = [str(one) for one in (*self.errors, *self.warnings)]
        return "\n\n".join(told) or "fine"

    def _repr_html_(self) -> str:
        """What a notebook shows: the messages, and the drawing of a sound graph."""
        drawing = ""
        if self.model is not None:
            drawing = self.model._repr_svg_() or ""
        return f"<pre>{escape(str(self))}</pre>{drawing}"

    def as_dict(self) -> dict[str, Any]:
        """Errors and warnings as JSON values."""
        return {
            "errors": [_as_dict(error, "error") for error in self.errors],
            "warnings": [_as_dict(warning, "warning") for warning in self.warnings],
            "provisional": self.provisional,
        }


Further = Callable[[Graph, "GraphModule | None"], Sequence[MirbricksError]]


def nothing_further(_graph: Graph, _model: GraphModule | None) -> tuple[()]:
    """What the text of a graph alone is asked for beyond its layers."""
    return ()


def diagnose_graph(
    text: str,
    file: str = UNNAMED,
    *,
    overrides: Sequence[str] = (),
    thorough: bool = True,
    further: Further = nothing_further,
) -> Diagnosis:
    """Find what is wrong with the layers of a text; `mirbricks.diagnose` reads its sections too.

    `further` is given the graph, and its model where the sizes are right, and returns more mistakes.
    """
    # One at a time: what is remembered is shared, and reading a config records warnings for the whole process.
    with _LOCK:
        found = _diagnosed(text, file, overrides, thorough)
        if found.graph is None:
            return found
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            more = further(found.graph, found.model)
    old_words = [one.message for one in told if isinstance(one.message, GraphWarning)]
    return replace(
        found,
        errors=(*found.errors, *more),
        warnings=(*found.warnings, *old_words),
    )


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
    told = (*graph.warnings, *graph.of_sections)
    _Memory.remembered = _Memory.remembered.again()
    try:
        with without_compiler():
            model = assemble(
                graph,
                read_shape(graph, None),
                _meta_block,
                _Memory.remembered,
                thorough=thorough,
            )
    except Provisional as found:
        return Diagnosis(_each(found.error), told, graph, provisional=True)
    except MirbricksError as error:
        return Diagnosis(_each(error), told, graph)
    return Diagnosis((), told, graph, model)


def _read(text: str, file: str, overrides: Sequence[str]) -> Graph:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        message = f"larger than {MAX_BYTES:,} bytes: this is not a graph file"
        raise GraphError(message, code="E103", help="give a graph file")
    return read_either(read_text(text, file), overrides)


def _meta_block(step: Step) -> nn.Module:
    """The block of a node without values."""
    with torch.device("meta"):
        return new_block(step)


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
