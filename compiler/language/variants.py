"""One graph file over another: `extends: base.yaml`, and `--set KEY.KEY=VALUE`, which is a variant of one value.

extends: unet.yaml
vars: {width: 32}                   # mappings are merged, everything else is replaced
layers:
  head: {out_channels: 4}           # named nodes: fields to change
  act: {replace: [GELU]}            # or other layers in the node's place, [] to take it away
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import GraphError, MirbricksError, Where, did_you_mean
from ...fields import quoted
from .files import Files
from .source import Source, Steps, read_text

REPLACE = "replace"
EXAMPLE = "write --set KEY.KEY=VALUE, as in --set train.lr=1e-3"


@dataclass(frozen=True)
class Change:
    """What a variant says of the node `name`: a mapping of fields at `steps` in `source`."""

    name: str
    values: Mapping[str, Any]
    source: Source = field(repr=False)
    steps: Steps


def read_variant(
    source: Source, files: Files, overrides: Sequence[str], errors: list[MirbricksError]
) -> tuple[Source, list[Change]]:
    """The source with all that it extends and every override merged in, and the changes of named nodes."""
    merged, changes = _extended(source, files, errors)
    # One after the other: a later one may lead to what an earlier one has set.
    for assignment in overrides:
        variant = _assignment(assignment, merged)
        merged, changes = _over(merged, changes, variant, errors)
    return replace(merged, file=source.file, text=source.text), changes


def _extended(
    source: Source, files: Files, errors: list[MirbricksError]
) -> tuple[Source, list[Change]]:
    base = source.data.get("extends")
    if base is None:
        return source, []
    with files.open(base, source.value(("extends",)), "extends") as opened:
        merged, changes = _extended(opened, files, errors)
    # A variant does not have its base's name: without its own it goes by its file's.
    data = {"name": None, **source.data}
    del data["extends"]
    return _over(merged, changes, replace(source, data=data), errors)


def _over(
    base: Source, changes: list[Change], variant: Source, errors: list[MirbricksError]
) -> tuple[Source, list[Change]]:
    """`variant` over `base`; the places of both are kept, each beside its own value."""
    # A mapping changes nodes, which are known only when the layers are unrolled; a list
    # takes the place of all layers, and of what was to change in them.
    data = dict(variant.data)
    layers = data.get("layers")
    if isinstance(layers, Mapping):
        del data["layers"]
        changes = [*changes, *_changes(layers, variant, errors)]
    elif layers is not None:
        changes = []
    replaced: set[Steps] = set()
    merged = _merged(base.data, data, (), replaced)

    def is_replaced(steps: Steps) -> bool:
        return any(steps[:n] in replaced for n in range(len(steps) + 1))

    def keep(places: Mapping[Steps, Where]) -> dict[Steps, Where]:
        return {at: where for at, where in places.items() if not is_replaced(at)}

    # A value that is gone must not lend its place to the one that came instead.
    keys = {**variant.keys, **keep(base.keys)}
    values = {**variant.values, **keep(base.values)}
    return Source(variant.file, merged, keys, values), changes


def _merged(base: Any, over: Any, steps: Steps, replaced: set[Steps]) -> Any:
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        replaced.add(steps)
        return over
    merged = dict(base)
    for key, value in over.items():
        if key in base:
            merged[key] = _merged(base[key], value, (*steps, key), replaced)
        else:
            replaced.add((*steps, key))
            merged[key] = value
    return merged


def _changes(
    layers: Mapping[str, Any], variant: Source, errors: list[MirbricksError]
) -> list[Change]:
    changes = []
    for name, values in layers.items():
        steps: Steps = ("layers", name)
        if not isinstance(values, Mapping):
            message = f"'{name}': expected a mapping of the fields to change, got {quoted(values)}"
            hint = f"write `{name}: {{field: value}}`, or `{name}: {{replace: [...]}}`"
            errors.append(
                GraphError(message, code="E106", where=variant.value(steps), help=hint)
            )
            continue
        changes.append(Change(name, values, variant, steps))
    return changes


def _assignment(text: str, base: Source) -> Source:
    """'layers.head.out_channels=4' as a source of that one value. Raises `GraphError` where it leads nowhere."""
    dotted, equals, value = text.partition("=")
    steps: Steps = tuple(dotted.split("."))
    place = Where("--set", 1, 1, len(dotted), text)
    if not equals or not all(steps):
        raise GraphError(
            f"'{text}' is not an assignment", code="E107", where=place, help=EXAMPLE
        )
    if steps[0] == "extends":
        hint = "make a file that extends the other one"
        raise GraphError("'extends' cannot be set", code="E107", where=place, help=hint)
    if steps[0] == "layers":
        if len(steps) < 3:
            hint = "write layers.NODE.FIELD=VALUE, as in layers.head.out_channels=4"
            raise GraphError(
                f"'{dotted}' names no field of a node",
                code="E107",
                where=place,
                help=hint,
            )
        # The name of a node in a sub-graph has dots of its own.
        steps = ("layers", ".".join(map(str, steps[1:-1])), steps[-1])
    _refuse_nowhere(steps, dotted, base, place)
    # Read as YAML, so that a value means the same here as in a file.
    data: Any = read_text(value, "--set").data
    for step in reversed(steps):
        data = {step: data}
    places = {steps[:n]: place for n in range(1, len(steps) + 1)}
    after = replace(place, column=len(dotted) + 2, length=max(1, len(value)))
    return Source("--set", data, places, {**places, steps: after})


def _refuse_nowhere(steps: Steps, dotted: str, base: Source, place: Where) -> None:
    # Nodes are looked for by their names later, when the layers are unrolled.
    inner: Any = base.data
    outer = steps[:-1]
    if steps[0] == "layers":
        outer = ()
    for step in outer:
        if not isinstance(inner, Mapping):
            break
        inner = inner.get(step, {})
    if not isinstance(inner, Mapping):
        message = f"'{dotted}' does not lead to a value of this graph"
        raise GraphError(
            message,
            code="E107",
            where=place,
            help="name a section and its key, as in train.lr",
        )
    if steps[0] != "vars":
        return
    # A new var would be used by nothing: a name that is not there is a misspelt one.
    if len(steps) > 1:
        names = inner
    else:
        names = inner.get("vars") or {}
    listed = f"its vars: {', '.join(names) or 'none'}"
    if len(steps) == 1:
        message = "'vars' names no var of the graph"
        raise GraphError(message, code="E107", where=place, help=listed)
    name = str(steps[1])
    if name not in inner:
        message = f"the graph has no var '{name}'"
        hint = did_you_mean(name, inner) or listed
        raise GraphError(message, code="E107", where=place, help=hint)
