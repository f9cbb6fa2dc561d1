"""Sizes of every tensor in a graph, found by running it on the meta device: no weights, no arithmetic.

`run` sends one set of input sizes through the graph, resolves every -1 on the way and holds each block against its
contract. Which sizes stay free is found by a second run at other sizes (probe.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import GraphError
from ...fields import quoted
from ...registry import INFER, BlockConfig
from ...shapes import REST, Axes, Contract, ContractError, Shape, meets, show
from ...where import edit_at
from ..language.axes import Axis, default_axes
from ..language.graph import Graph
from ..language.nodes import Layer, Skip
from .joining import skip
from .remembered import MOST_PARAMETERS, MOST_SECONDS, Remembered
from .walk import AxisNames, Facts, Run, Step, Stored


def shapes_at(
    inputs: Mapping[str, tuple[Axis, ...]], free: Mapping[str, int]
) -> dict[str, Shape]:
    """The shape of each input, with the sizes of `free` for its free axes."""
    return {
        name: tuple(free[a.name] if a.size is None else a.size for a in axes)
        for name, axes in inputs.items()
    }


def run(
    graph: Graph,
    shapes: Mapping[str, Shape],
    free: Mapping[str, int],
    remembered: Remembered,
) -> Run:
    """Walk the graph at these input shapes; raises `Failed` at the first node that cannot run."""
    walk = Run(graph, free, remembered)
    # The meta device is entered only where tensors are made: while it is, torch looks into every call, even of a shape.
    with torch.no_grad():
        for name, tensor in _inputs(graph, shapes).items():
            axes = tuple(axis.name for axis in graph.inputs.get(name, ()))
            axes = axes or default_axes(tensor.ndim)
            walk.stored[name] = Stored(tensor, "an input", axes)
        first = next(iter(walk.stored.values()))
        walk.axes = first.axes
        x = first.tensor
        weights = 0
        for node in graph.nodes:
            came = tuple(x.shape)
            _refuse_to_go_on(walk, node)
            _enter(walk, node, came)
            config = None
            joined: tuple[Shape, ...] = ()
            if isinstance(node, Layer):
                x, config = _layer(walk, node, x)
                if not node.first:
                    weights += remembered.parameters(node.spec, config)
                _refuse_too_large(walk, node, weights)
                walk.origin = f"after {node.spec.name}, {walk.line(node.where)}"
                walk.axes = _axis_names(node.spec.contract, x, walk.axes)
            else:
                x, joined = skip(walk, node, x)
            walk.steps.append(Step(node, config, came, tuple(x.shape), joined))
    walk.outputs = {"y": tuple(x.shape)}
    if graph.outputs:
        walk.outputs = {
            key: tuple(walk.stored[key].tensor.shape) for key in graph.outputs
        }
    return walk


def _inputs(graph: Graph, shapes: Mapping[str, Shape]) -> dict[str, Tensor]:
    try:
        return {
            name: torch.empty(shape, device="meta") for name, shape in shapes.items()
        }
    except RuntimeError:
        message = f"no tensor is as large as {', '.join(map(show, shapes.values()))}"
        where = graph.where_input()
        hint = "give smaller sizes"
        raise GraphError(message, code="E207", where=where, help=hint) from None


def _refuse_to_go_on(walk: Run, node: Layer | Skip) -> None:
    """A check ends, whatever the file: some blocks take long even on the meta device."""
    if walk.remembered.late:
        message = f"finding the sizes of the graph takes longer than {MOST_SECONDS:.0f} s; it has come to this line"
        hint = "use fewer or smaller layers"
        raise GraphError(message, code="E103", where=node.where, help=hint)


def _refuse_too_large(walk: Run, node: Layer, weights: int) -> None:
    """Weights are counted on the meta device, before any memory is asked for."""
    if weights > MOST_PARAMETERS:
        message = f"{node.spec.name} is too large: the graph has {weights:,} weights up to here"
        facts = [("at most", f"{MOST_PARAMETERS:,}")]
        raise walk.error("E204", node, message, facts, "give it smaller sizes")


def _axis_names(contract: Contract, x: Tensor, before: AxisNames) -> AxisNames:
    """The names of the axes after a block, as far as its contract has them; None for those it does not name."""
    tokens = contract.outputs[0]
    rest = [token for token in tokens if token.axis == REST]
    if not rest and len(tokens) == x.ndim:
        return tuple(token.axis for token in tokens)
    # Any axes: they keep their names where all of them come back, or where the block knows channels from the rest, as
    # an upsampling does. One that knows the batch only may have moved them.
    kept = bool(rest) and (not rest[0].free or len(tokens) > 2)
    if kept and len(before) == x.ndim:
        return before
    return (None,) * x.ndim


def _enter(walk: Run, node: Layer | Skip, came: Shape) -> None:
    """Hold the tensor that reaches a sub-graph against its `input:`."""
    for entry in node.entries:
        fixed = [axis.size for axis in entry.axes]
        same_rank = len(fixed) == len(came)
        pairs = zip(fixed, came, strict=False)
        if same_rank and all(size in (None, n) for size, n in pairs):
            continue
        asked = " ".join(map(str, entry.axes))
        facts = [("here", f"{walk.shape(came)}   {walk.origin}"), ("asked", asked)]
        message = f"{entry.file} does not take this tensor"
        hint = "change the layers before it, or its `input:`"
        raise walk.error("E209", node, message, facts, hint, where=entry.where)


def _layer(walk: Run, node: Layer, x: Tensor) -> tuple[Tensor, BlockConfig]:
    """The output of a block, and its config with every -1 resolved."""
    spec = node.spec
    further = [walk.stored[key] for key in node.further]
    inputs = [x, *(stored.tensor for stored in further)]
    here = [("here", f"{walk.shape(x.shape)}   {walk.origin}")]
    for stored in further:
        here.append(("with", f"{walk.shape(stored.tensor.shape)}   {stored.origin}"))
    shapes = [tuple(tensor.shape) for tensor in inputs]

    # A node that runs again has the weights, and so the config, of its first run.
    given = node.config
    if node.first:
        given = walk.configs.get(node.name, node.config)

    # The contract binds the axes, and they fill the fields that were left to be inferred.
    filled = given
    if given.inferred():
        filled = given.resolve(_axes_of(node, shapes))
    try:
        axes = spec.contract.bind(shapes, filled)
    except ContractError as error:
        facts = [*here, ("contract", spec.contract.text)]
        message = f"{spec.name} {error}".replace(show(shapes[0]), walk.shape(x.shape))
        hint = _way_out(spec.contract, shapes)
        raise walk.error("E201", node, message, facts, hint) from None
    _refuse_contradiction(walk, node, given, axes, here)
    config = given.resolve(axes)
    walk.configs.setdefault(node.name, config)

    # The block itself gives the shape of its output, which must be what its contract promises.
    y = _call(walk, node, config, inputs, here)
    if not isinstance(y, Tensor):
        facts = [*here, ("made", type(y).__name__)]
        message = f"{spec.name} did not make one tensor"
        hint = "a layer of a chain has one output"
        raise walk.error("E205", node, message, facts, hint)
    promised = spec.contract.predict(axes, config)[0]
    if not meets(tuple(y.shape), promised):
        made = [("promised", walk.shape(promised or ())), ("made", walk.shape(y.shape))]
        message = f"{spec.name} breaks its own contract"
        hint = "report it to the block's author"
        raise walk.error("E205", node, message, [*here, *made], hint)
    return y, config


def _call(
    walk: Run, node: Layer, config: BlockConfig, inputs: list[Tensor], here: Facts
) -> Any:
    """What the block makes of the inputs, on the meta device."""
    try:
        return walk.remembered.made(node.spec, config, inputs)
    except Exception as error:  # torch and the blocks of others raise all kinds
        facts = [*here, ("torch", words_of(error))]
        message = f"{node.spec.name} cannot run on this tensor"
        hint = "change its config or the sizes"
        raise walk.error("E204", node, message, facts, hint) from error


def _way_out(contract: Contract, shapes: Sequence[Shape]) -> str:
    """The next step where the axes are not those of the contract."""
    if len(shapes) < contract.required:
        return (
            "give its further inputs by `with:`, the names of stored tensors or inputs"
        )
    if len(shapes[0]) != len(contract.inputs[0]):
        return "take the block for these axes, or move them first: Permute, Squeeze, UnSqueeze, Flatten, Mean"
    return "change the layers before, so that they make such an axis"


def _axes_of(node: Layer, shapes: Sequence[Shape]) -> Axes:
    """Axes bound without looking at the config: what -1 fields resolve to before the contract is checked with them."""
    try:
        return node.spec.contract.bind(shapes)
    except ContractError:
        return {}


def words_of(error: Exception) -> str:
    """The first line of what an exception says, its kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _refuse_contradiction(
    walk: Run, node: Layer, config: BlockConfig, axes: Axes, here: Facts
) -> None:
    """A field that names a size of the input must be that size."""
    for name, mark in config.inferred().items():
        given = getattr(config, name)
        size = axes.get(mark.axis)
        if given in (INFER, size) or size is None:
            continue
        if node.first:
            made_for = f"'{node.name}' has weights for {mark.axis}={quoted(given)}"
            message = f"{made_for}, but {mark.axis} is {quoted(size)} here"
            facts = [*here, ("weights", f"of {walk.line(node.first.where)}")]
            hint = "reuse it on tensors of the same sizes"
            raise walk.error("E208", node, message, facts, hint)
        if isinstance(given, int) and isinstance(size, int):
            message = f"{node.spec.name}: '{name}' is {quoted(given)}, but {mark.axis} is {size} here"
            hint = f"leave '{name}' out: it is inferred"
            where = node.source.value((*node.steps, name))
            edit = edit_at(where, str(given), "-1", f"infer '{name}': write -1")
            edits = [edit] if edit else []
            raise walk.error("E202", node, message, here, hint, where, edits)
