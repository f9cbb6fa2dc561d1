"""The tutorial's own dialect of a graph file, read unchanged.

    model:
        name: Bittner
        block_l:
        - sequential_l:
            - layer_l:
                - [Conv2d, {'in_channels': -1, 'out_channels': 128, 'kernel_size': [5,5], 'padding': 'same'}]
                - [Activation, ReLU]
                - [StoreAs, E64]
                - [DoubleChannel, empty]

Its names are aliases of the native blocks, with presets that give the tutorial's modules to the parameter. The nested
lists are one chain: block_l, sequential_l and layer_l only group. `DoubleChannel` told the tutorial's size formulas of
a CatWith; here sizes are seen, so it does nothing. `Softmax` had no `dim`; it acts on the classes, axis 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import GraphError, GraphWarning, MirbricksError, did_you_mean
from ...fields import quoted
from ...registry import blocks, find
from ...settings import taken_by_old_names
from .files import Files
from .forms import Item
from .graph import Graph, finish, read_nodes
from .skips import check_skips
from .source import Source, Steps
from .tutorial_sections import read_sections
from .variants import read_variant
from .words import SKIPS


@dataclass(frozen=True)
class Alias:
    """A name of the dialect: the native block, its keys under other names, keys with the only value they may have."""

    block: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    # Accepted with this value and dropped.
    only: Mapping[str, Any] = field(default_factory=dict)
    preset: Mapping[str, Any] = field(default_factory=dict)
    # Sizes given for both directions together.
    halved: tuple[str, ...] = ()


_SAME = {"stride": (1, [1, 1]), "padding": ("same",)}
ALIASES: dict[str, Alias] = {
    "Conv2dDS": Alias("DepthwiseSeparableConv2d"),
    "Conv2dRes": Alias(
        "ResidualBlock", only=_SAME, preset={"shortcut_norm": False, "bias": True}
    ),
    "Conv2dNext": Alias("ConvNeXtBlock", only=_SAME, preset={"layer_scale": None}),
    "Conv1dTCN": Alias("TCN", renamed={"num_channels": "channels"}),
    "LSTMlast": Alias("LSTMLast"),
    "LSTMall": Alias("LSTM", preset={"bidirectional": True}, halved=("hidden_size",)),
    "AutoPoolWeight": Alias("AutoPool"),
    "AutoPoolWeightSplit": Alias("AutoPoolSplit"),
    "SoftmaxWeight": Alias("SoftmaxPoolSplit"),
    "AbsLayer": Alias("Abs"),
    "Permute": Alias("Permute", renamed={"shape": "dims"}),
    "SincNet": Alias("SincNet", preset={"gain": "paper"}),
}
ACTIVATION_PRESETS: dict[str, dict[str, Any]] = {
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 1},
}
GROUPS = ("block_l", "sequential_l", "layer_l")


def is_tutorial(source: Source) -> bool:
    """Whether a file is in the tutorial's dialect: it has `model:` with `block_l:`."""
    if isinstance(source.data, Mapping):
        model = source.data.get("model")
    else:
        model = None
    return isinstance(model, Mapping) and "block_l" in model


def read_tutorial(source: Source, overrides: Sequence[str] = ()) -> Graph:
    """The graph of a file in the dialect; raises all mistakes of its form at once.

    The dialect does not say the shape of the input: `compile_graph` needs `input_shape`, unless the sections `dataset`
    and `feature` say what the notebooks give to the model (tutorial_sections.py).
    """
    errors: list[MirbricksError] = []
    source, changes = read_variant(source, Files.of(source), overrides, errors)
    # Variants change nodes by their names, which only the native form has.
    for change in changes:
        message = "the nodes of this dialect have no names"
        hint = "`mirbricks migrate` makes a native graph of it"
        errors.append(
            GraphError(
                message, code="E107", where=change.source.key(change.steps), help=hint
            )
        )
    pairs = list(_walk(source.data["model"], ("model",), 0, source, errors))
    placed = _with_places(source, pairs)
    read = [_read_pair(pair, steps, placed, errors) for pair, steps in pairs]
    items = [item for item in read if item is not None]
    # From here on the file is like any other: one reader knows blocks, names and skips.
    warnings: list[GraphWarning] = []
    nodes = read_nodes(items, {}, errors, warnings)
    warnings += check_skips(nodes, (), (), errors)
    finish(errors)
    name = str(source.data["model"].get("name") or "model")
    sections = read_sections(placed)
    return Graph(
        name,
        {},
        tuple(nodes),
        sections.source,
        warnings=tuple(warnings),
        assumed=sections.inputs,
        of_sections=sections.warnings,
    )


def _walk(
    group: Any, steps: Steps, depth: int, source: Source, errors: list[MirbricksError]
) -> Iterator[tuple[Any, Steps]]:
    """The pairs [Type, params] below a group, in order, with the steps that lead to them."""
    if depth == len(GROUPS):
        yield group, steps
        return
    key = GROUPS[depth]
    if isinstance(group, Mapping):
        got = group.get(key)
    else:
        got = group
    # A list that stands where the mapping belongs must not pass for the one in it.
    items = got if isinstance(group, Mapping) else None
    if not isinstance(items, list):
        message = f"expected `{key}:` with a list, got {quoted(got)}"
        hint = "the dialect nests block_l, sequential_l, layer_l, then [Type, {...}]"
        errors.append(
            GraphError(message, code="E108", where=source.value(steps), help=hint)
        )
        return
    for i, item in enumerate(items):
        yield from _walk(item, (*steps, key, i), depth + 1, source, errors)


def _with_places(source: Source, pairs: list[tuple[Any, Steps]]) -> Source:
    """The places a native layer would have: its name where Type stands."""
    layers = [
        steps for item, steps in pairs if isinstance(item, list) and len(item) == 2
    ]
    places = {(*steps, 1): source.value((*steps, 0)) for steps in layers}
    return replace(source, keys={**source.keys, **places})


def _read_pair(
    item: Any, steps: Steps, source: Source, errors: list[MirbricksError]
) -> Item | None:
    if not isinstance(item, list) or len(item) != 2 or not isinstance(item[0], str):
        message = f"a layer of this dialect is [Type, {{...}}], got {quoted(item)}"
        errors.append(
            GraphError(
                message,
                code="E109",
                where=source.value(steps),
                help="write `- [ReLU, empty]`",
            )
        )
        return None
    kind = item[0]
    params: Any = item[1]
    if params in ("empty", None):
        params = {}
    steps = (*steps, 1)
    # The tutorial's own reader needed it to count channels; sizes are seen here.
    if kind == "DoubleChannel":
        return None
    if kind == "Activation":
        if not isinstance(params, str):
            message = f"Activation takes a name, got {quoted(params or None)}"
            errors.append(
                GraphError(
                    message,
                    code="E106",
                    where=source.value(steps),
                    help="write `[Activation, ReLU]`",
                )
            )
            return None
        return Item(params, ACTIVATION_PRESETS.get(params, {}), steps, source)
    known = [*ALIASES, *blocks(), *SKIPS]
    if kind not in known:
        hint = did_you_mean(kind, known) or "`mirbricks blocks` lists all"
        message = f"no block is known as '{kind}'"
        errors.append(
            GraphError(message, code="E110", where=source.key(steps), help=hint)
        )
        return None
    return _read_alias(kind, params, steps, source, errors)


def _with_old_words(alias: Alias, params: Mapping[str, Any]) -> Alias:
    """The alias with the old names of fields that are given: the dialect's words are those of its time."""
    spec = find(alias.block)
    if spec is None:
        return alias
    old_words = taken_by_old_names(spec.cls.Config, params)
    return replace(alias, renamed={**old_words, **alias.renamed})


def _read_alias(
    kind: str, params: Any, steps: Steps, source: Source, errors: list[MirbricksError]
) -> Item | None:
    alias = ALIASES.get(kind)
    # Skips are the same words in both forms, and what is not a mapping is refused by
    # the reader of all configs, in the words that it has for every block.
    if not isinstance(params, Mapping) or (alias is None and kind in SKIPS):
        block = alias.block if alias else kind
        return Item(block, params, steps, source, label=kind)
    alias = _with_old_words(alias or Alias(kind), params)
    values: dict[str, Any] = dict(alias.preset)
    for key, value in params.items():
        # Only a plain number can be halved; any other value goes on, to be refused with
        # the place of its field.
        halved = key in alias.halved and type(value) is int
        if halved and value > 0 and value % 2:
            message = f"{kind}: '{key}' must be even, half of it for each direction, got {value}"
            if value > 1:
                hint = f"write {value - 1} or {value + 1}"
            else:
                hint = "write 2"
            errors.append(
                GraphError(
                    message, code="E106", where=source.value((*steps, key)), help=hint
                )
            )
        if key not in alias.only:
            # A size that is not positive goes on as it is, so that the message about
            # it shows what the user wrote.
            native = alias.renamed.get(key, key)
            if halved and value > 1:
                values[native] = value // 2
            else:
                values[native] = value
        elif value not in alias.only[key]:
            message = f"{kind}: '{key}' can only be {quoted(alias.only[key][0])}, got {quoted(value)}"
            hint = (
                f"leave it out; the native form has {alias.block} with its own '{key}'"
            )
            errors.append(
                GraphError(
                    message, code="E106", where=source.value((*steps, key)), help=hint
                )
            )
    # Mistakes are reported in the dialect's words: the user never wrote the native ones.
    words = {field: word for word, field in alias.renamed.items()}
    return Item(alias.block, values, steps, source, label=kind, words=words)
