"""`input: B C=6 F=360 T`: the named axes of a graph's inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import GraphError, MirbricksError
from ...fields import quoted
from .expressions import SLOT
from .source import Source, Steps

LARGEST_SIZE = 10**9
UNNAMED = "x"  # the name of a single input that the graph file gives none
MOST_AXES = MOST_INPUTS = 16
_AXIS = re.compile(r"([A-Z][A-Za-z0-9]*)(?:=([1-9][0-9]{0,99}))?")


@dataclass(frozen=True)
class Axis:
    """A named axis of an input; `size` is None where it is free."""

    name: str
    size: int | None = None

    def __str__(self) -> str:
        if self.size is None:
            return self.name
        return f"{self.name}={self.size}"


def default_axes(rank: int) -> tuple[str, ...]:
    """Names of the axes of an input that the graph does not name."""
    # Three and four axes are what music is: waveforms and spectrograms. Others get names
    # that cannot be taken for time or frequency.
    usual = {3: ("B", "C", "T"), 4: ("B", "C", "F", "T")}
    if rank in usual:
        return usual[rank]
    return ("B", *(f"X{i}" for i in range(1, rank)))


def read_inputs(
    given: Any, source: Source, errors: list[MirbricksError]
) -> dict[str, tuple[Axis, ...]]:
    """The axes of each input; adds one error per input that names none."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        named = given
    else:
        named = {UNNAMED: given}
    if len(named) > MOST_INPUTS:
        message = f"input: {len(named):,} inputs; a graph has {MOST_INPUTS} at most"
        hint = "join some of them before"
        errors.append(
            GraphError(message, code="E113", where=source.value(("input",)), help=hint)
        )
        return {}
    inputs = {}
    for name, text in named.items():
        if isinstance(given, Mapping):
            steps: Steps = ("input", name)
        else:
            steps = ("input",)
        # An input with a mistake is kept with the axes that could be read, so that those
        # who look for its name still find it and report nothing of their own.
        inputs[name] = _axes(text)
        problem = _axes_problem(text, inputs[name])
        # What could not be filled in has its own error already, which names the var.
        unfilled = isinstance(text, str) and bool(SLOT.search(text))
        if problem and not unfilled:
            hint = "write named axes, the batch first, as in `input: B C=6 F=360 T`"
            errors.append(
                GraphError(
                    f"input: {problem}",
                    code="E113",
                    where=source.value(steps),
                    help=hint,
                )
            )
    return inputs


def _axes(text: Any) -> tuple[Axis, ...]:
    """The axes of an input, those words left out that are none."""
    if not isinstance(text, str):
        return ()
    axes = []
    for found in map(_AXIS.fullmatch, text.split()):
        if found and found[2]:
            axes.append(Axis(found[1], int(found[2])))
        elif found:
            axes.append(Axis(found[1]))
    return tuple(axes)


def _axes_problem(text: Any, axes: Sequence[Axis]) -> str | None:
    """Why `text` names no axes of an input; None where it does. `axes` are those that could be read."""
    if not isinstance(text, str) or not text.split():
        return f"expected named axes, got {quoted(text)}"
    for word in text.split():
        if not _AXIS.fullmatch(word):
            return f"expected an axis such as T or F=360, got '{word}'"
    names = [axis.name for axis in axes]
    if len(names) > MOST_AXES:
        return f"{len(names):,} axes; an input has {MOST_AXES} at most"
    if names[0] != "B":
        return f"the first axis must be the batch B, got '{text}'"
    large = next(
        (axis for axis in axes if axis.size and axis.size > LARGEST_SIZE), None
    )
    if large:
        return f"{large.name} is larger than {LARGEST_SIZE:,}"
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        return f"duplicate axis '{twice}', got '{text}'"
    return None
