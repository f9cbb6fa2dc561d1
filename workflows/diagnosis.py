"""Everything that is wrong with the text of an experiment, for editors: `diagnose`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ..compiler.diagnose import UNNAMED, Diagnosis, diagnose_graph
from ..compiler.inference.without_compiler import without_compiler
from ..compiler.language.graph import SECTIONS, Graph
from ..compiler.module import GraphModule
from ..errors import ErrorList, MirbricksError
from .sections import read_section, read_sections, refuse_untrainable


def diagnose(
    text: str,
    file: str = UNNAMED,
    *,
    overrides: Sequence[str] = (),
    thorough: bool = True,
) -> Diagnosis:
    r"""Find everything that is wrong with the text of a graph or an experiment; nothing is raised for it.

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
        Whether what may take a second is looked at too: a skip that does not fit is tried at every remainder of its
        sizes (else the first error is `provisional` there), and the graph at the sizes of its task.

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
    >>> section = "task: {type: multi_pitch, pos_wieght: 3}\n"
    >>> [error.code for error in mb.diagnose(section + text.replace("1D", "1d")).errors]
    ['E105']
    """

    def further(graph: Graph, model: GraphModule | None) -> list[MirbricksError]:
        return _of_sections(graph, model, thorough)

    return diagnose_graph(
        text, file, overrides=overrides, thorough=thorough, further=further
    )


def misfits(graph: Graph, model: GraphModule) -> list[MirbricksError]:
    """Why a sound graph does not fit its task, as far as that shows without weights and without further models."""
    errors: list[MirbricksError] = []
    if "task" not in graph.source.data:
        return errors
    task = read_sections(graph, errors).task
    if task is None or errors:
        return []
    named = [name for name in task.parts if getattr(task.config, name) is not None]
    if named or not task.checks_on_meta():
        return []
    with _gathered(errors), without_compiler(), torch.device("meta"):
        task.check_graph(model)
    return errors


def _of_sections(
    graph: Graph, model: GraphModule | None, thorough: bool
) -> list[MirbricksError]:
    """What `check` would refuse of the sections that a text has."""
    errors: list[MirbricksError] = []
    if "task" not in graph.source.data:
        # A graph that is not an experiment yet: each section is read by itself.
        for name in SECTIONS:
            if name in graph.source.data:
                read_section(graph, name, errors)
        return errors
    sections = read_sections(graph, errors)
    if errors or model is None or sections.task is None:
        return errors
    with _gathered(errors):
        refuse_untrainable(graph, model, sections.train, sections.task)
    if thorough and not errors:
        errors += misfits(graph, model)
    return errors


@contextmanager
def _gathered(errors: list[MirbricksError]) -> Iterator[None]:
    """Add what is raised to `errors`."""
    try:
        yield
    except ErrorList as several:
        errors += several.errors
    except MirbricksError as error:
        errors.append(error)
