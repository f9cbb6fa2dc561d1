"""`vars:` of a graph file, and `${...}` filled in where values stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import GraphError, GraphWarning, MirbricksError, Where, did_you_mean
from .configs import quoted
from .expressions import FUNCTIONS, SLOT, ExpressionError, Names, fill
from .source import Source, Steps

APART = ("layers", "vars", "extends")  # keys of a graph that are not filled in as a whole
_NAME = re.compile(r"[A-Za-z_]\w*")
Given = Mapping[str, tuple[Any, Where]]
NOTHING: Given = {}


def read_vars(source: Source, errors: list[MirbricksError], given: Given = NOTHING) -> Names:
    """The vars of a file, each of which may use those above it; `given` are values from outside, with their places."""
    written = source.data.get("vars")
    if written is not None and not isinstance(written, Mapping):
        message, hint = (
            f"vars: expected a mapping of names to values, got {quoted(written)}",
            "write `vars: {width: 16}`",
        )
        errors.append(GraphError(message, code="E106", where=source.value(("vars",)), help=hint))
    known: Mapping[str, Any] = written if isinstance(written, Mapping) else {}
    for name, (_, where) in given.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"its vars: {', '.join(known) or 'none'}"
            errors.append(GraphError(f"the sub-graph has no var '{name}'", code="E105", where=where, help=hint))
    names = Names()
    for name, value in known.items():
        names = _with_var(names, name, given[name][0] if name in given else value, source, errors)
    return names


def _with_var(names: Names, name: str, value: Any, source: Source, errors: list[MirbricksError]) -> Names:
    steps: Steps = ("vars", name)
    if not _NAME.fullmatch(name) or name in FUNCTIONS:
        message = f"vars: '{name}' cannot be the name of a var"
        hint = "use letters, digits and _, and neither min nor max"
        errors.append(GraphError(message, code="E106", where=source.key(steps), help=hint))
    filled = fill_in(value, steps, source, names, errors)
    if isinstance(filled, Mapping) or filled is None:
        message = f"vars: '{name}' must be a number, a word, true, false or a list, got {quoted(filled)}"
        errors.append(GraphError(message, code="E106", where=source.value(steps), help=f"write `{name}: 16`"))
    return names.also(name, filled)


def fill_in(value: Any, steps: Steps, source: Source, names: Names, errors: list[MirbricksError]) -> Any:
    """A copy of `value`, which stands at `steps`, with every `${...}` replaced; as it was where that is an error."""
    if isinstance(value, Mapping):
        return {key: fill_in(item, (*steps, key), source, names, errors) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, (*steps, i), source, names, errors) for i, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    try:
        return fill(value, names)
    except ExpressionError as error:
        slot = SLOT.search(value)
        where = source.part(steps, slot[0] if slot else value)
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
        GraphWarning(f"the var '{name}' is never used", code="W103", where=source.key(("vars", name)), help=hint)
        for name in unused
    ]
