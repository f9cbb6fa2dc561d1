"""The inputs of a graph that read conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...errors import TaskError, Where, did_you_mean
from ...printable import listed
from .one_condition import NUMBER_FEATURES
from .values import LISTED


def scaled_inputs(
    names: Iterable[str], input_shapes: Mapping[str, Sequence[int | str]]
) -> set[str]:
    """The conditions that a graph reads as (B, 2), scaled values, and not as (B,), class numbers."""
    return {
        name for name in names if name in input_shapes and len(input_shapes[name]) > 1
    }


def refuse_guided(guided: Sequence[str], conditions: Sequence[str]) -> None:
    """Raise ValueError where a setting `guided` names what is not a condition."""
    for name in guided:
        if name not in conditions:
            raise ValueError(
                f"'guided' names '{name}', which is not one of 'conditions'"
            )


def refuse_inputs(
    names: Sequence[str],
    input_shapes: Mapping[str, Sequence[int | str]],
    others: Sequence[str],
    where: Where | None = None,
) -> None:
    """Raise TaskError E564 where the graph's inputs are not those of `others` and one for each condition.

    A condition is read as `NAME: B`, class numbers, or `NAME: B D=2`, a scaled value and whether there is one.
    """
    for name in names:
        shape = input_shapes.get(name)
        if shape is None:
            raise TaskError(
                f"the graph has no input for the condition '{name}'",
                code="E564",
                where=where,
                facts=[("inputs", listed(list(input_shapes), LISTED))],
                help=f"add `{name}: B` to `input:`, or take it out of task.conditions",
            )
        if len(shape) == 1 or (len(shape) == 2 and shape[1] == NUMBER_FEATURES):
            continue
        raise TaskError(
            f"the graph cannot read the condition '{name}' by its input of {len(shape)} axes",
            code="E564",
            where=where,
            help=f"write `{name}: B` for class numbers, or `{name}: B D={NUMBER_FEATURES}` for a scaled number",
        )
    for name in input_shapes:
        if name not in names and name not in others:
            raise TaskError(
                f"the task has nothing for the graph's input '{name}'",
                code="E564",
                where=where,
                facts=[("given", listed([*others, *names], LISTED))],
                help=did_you_mean(name, [*others, *names])
                or "name an annotation in task.conditions, or leave the input out",
            )
