"""`vars:` of a graph file, and `${...}` filled in where values stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import GraphError, GraphWarning, MirbricksError, Where, did_you_mean
from ...fields import quoted
from .expressions import FUNCTIONS, SLOT, ExpressionError, Names, fill
from .source import Source, Steps

# Keys of a graph that are not filled in as a whole.
APART = ("layers", "vars", "extends")
# Of a var: lists of lists of lists would grow without end.
MOST_VALUES = 1_000
DEEPEST = 8
_NAME = re.compile(r"[A-Za-z_]\w*")
Given = Mapping[str, tuple[Any, Where]]
NOTHING: Given = {}


def read_vars(
    source: Source, errors: list[MirbricksError], given: Given = NOTHING
) -> Names:
    """The vars of a file, each of which may use those above it; `given` are values from outside, with their places."""
    written = source.data.get("vars")
    if written is not None and not isinstance(written, Mapping):
        message = f"vars: expected a mapping of names to values, got {quoted(written)}"
        hint = "write `vars: {width: 16}`"
        errors.append(
            GraphError(message, code="E106", where=source.value(("vars",)), help=hint)
        )
    if isinstance(written, Mapping):
        known: Mapping[str, Any] = written
    else:
        known = {}
    for name, (_, where) in given.items():
        if name not in known:
            hint = (
                did_you_mean(name, known) or f"its vars: {', '.join(known) or 'none'}"
            )
            errors.append(
                GraphError(
                    f"the sub-graph has no var '{name}'",
                    code="E105",
                    where=where,
                    help=hint,
                )
            )
    # `names` looks into `values` while it grows, so that each var sees those before it.
    values: dict[str, Any] = {}
    names = Names(values)
    for name, value in known.items():
        if name in given:
            value = given[name][0]
        values[name] = _var(names, name, value, source, errors)
    return names


def _var(
    names: Names, name: str, value: Any, source: Source, errors: list[MirbricksError]
) -> Any:
    steps: Steps = ("vars", name)
    if not _NAME.fullmatch(name) or name in FUNCTIONS:
        message = f"vars: '{name}' cannot be the name of a var"
        hint = "use letters, digits and _, and neither min nor max"
        errors.append(
            GraphError(message, code="E106", where=source.key(steps), help=hint)
        )
    filled = fill_in(value, steps, source, names, errors)
    if isinstance(filled, Mapping) or filled is None:
        message = f"vars: '{name}' must be a number, a word, true, false or a list, got {quoted(filled)}"
        errors.append(
            GraphError(
                message,
                code="E106",
                where=source.value(steps),
                help=f"write `{name}: 16`",
            )
        )
    if isinstance(filled, list) and not _bounded(filled):
        message = f"vars: '{name}' holds more than {MOST_VALUES:,} values, or lists more than {DEEPEST} deep"
        errors.append(
            GraphError(
                message,
                code="E103",
                where=source.value(steps),
                help="give it a shorter list",
            )
        )
        return []
    return filled


def _bounded(values: list[Any]) -> bool:
    rest: list[tuple[Any, int]] = [(values, 0)]
    count = 0
    while rest:
        value, depth = rest.pop()
        count += 1
        if count > MOST_VALUES or depth > DEEPEST:
            return False
        if isinstance(value, list):
            rest += [(item, depth + 1) for item in value]
    return True


def fill_in(
    value: Any, steps: Steps, source: Source, names: Names, errors: list[MirbricksError]
) -> Any:
    """A copy of `value`, which stands at `steps`, with every `${...}` replaced; as it was where that is an error."""
    if isinstance(value, Mapping):
        return {
            key: fill_in(item, (*steps, key), source, names, errors)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            fill_in(item, (*steps, i), source, names, errors)
            for i, item in enumerate(value)
        ]
    if not isinstance(value, str) or "${" not in value:
        return value
    try:
        return fill(value, names)
    except ExpressionError as error:
        # The place of the first slot; without one the brackets do not match, and the whole
        # value is shown.
        slot = SLOT.search(value)
        shown = slot[0] if slot else value
        where = source.part(steps, shown)
        errors.append(GraphError(str(error), code="E117", where=where, help=error.help))
        return value


def fill_sections(source: Source, names: Names, errors: list[MirbricksError]) -> Source:
    """The source with everything but its layers and vars filled in."""
    apart = {key: value for key, value in source.data.items() if key in APART}
    rest = {key: value for key, value in source.data.items() if key not in APART}
    return replace(source, data={**fill_in(rest, (), source, names, errors), **apart})


def unused_vars(source: Source, names: Names) -> list[GraphWarning]:
    """A warning for each var that nothing uses."""
    unused = [name for name in names.values if name not in names.used]
    hint = "use it as ${name}, or take it out"
    return [
        GraphWarning(
            f"the var '{name}' is never used",
            code="W103",
            where=source.key(("vars", name)),
            help=hint,
        )
        for name in unused
    ]
