"""What a graph ends in: one tensor, real numbers, and logits where a task reads them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch

from ...compiler.inference.without_compiler import without_compiler
from ...compiler.module import GraphModule
from ...compiler.operations import NodeInfo
from ...errors import TaskError
from .axes import GivenShapes

PROBABILITIES = ("Sigmoid", "Softmax", "LogSoftmax", "Softmax2d")
BOUNDED = {
    "ReLU": "none below 0",
    "ReLU6": "0 to 6",
    "Softplus": "none below 0",
    "Abs": "none below 0",
}
BOUNDED |= {
    "Tanh": "-1 to 1",
    "Softsign": "-1 to 1",
    "Hardtanh": "-1 to 1",
    "Hardsigmoid": "0 to 1",
}


def refuse_several(model: GraphModule, task: str) -> None:
    """Raise E501 for several inputs, E502 for outputs with names: the task gives one tensor and reads one."""
    where = model.graph.where_input()
    inputs = [f"'{name}'" for name in model.input_shapes]
    if len(inputs) > 1:
        message = f"the graph has {len(inputs)} inputs, {', '.join(inputs)}; {task} gives it one"
        raise TaskError(
            message, code="E501", where=where, help="keep one of them in `input:`"
        )
    if model.outputs:
        message = f"the graph gives its outputs by name, {', '.join(map(repr, model.outputs))}; {task} reads one tensor"
        where = model.graph.source.key(("outputs",))
        raise TaskError(
            message,
            code="E502",
            where=where,
            help="leave `outputs:` out: the last layer's tensor is read",
        )


def refuse_probabilities(model: GraphModule, task: str) -> None:
    """Raise E502 where the last layer makes probabilities of the logits."""
    last = _last(model)
    if last and (name := _function(last)) in PROBABILITIES:
        raise TaskError(
            f"the graph ends in {name}, but {task} reads logits: it makes probabilities of them itself",
            code="E502",
            where=last.where,
            help="remove this layer",
        )


def refuse_bounded(model: GraphModule, task: str) -> None:
    """Raise E502 where the last layer keeps logits in a range, so that some probabilities cannot come out."""
    last = _last(model)
    if last and (name := _function(last)) in BOUNDED:
        raise TaskError(
            f"the graph ends in {name}, but {task} reads logits, which may be any number",
            code="E502",
            where=last.where,
            facts=[("gives", BOUNDED[name])],
            help="remove this layer",
        )


def refuse_other_types(
    model: GraphModule, task: str, shapes: Mapping[str, GivenShapes]
) -> None:
    """Raise E502 where the graph gives whole numbers, such as codes: nothing can be learned through them."""
    for given in list(shapes.values())[:1]:
        if not isinstance(given, Sequence):
            continue  # of several inputs only the task knows the types
        shape = given
        # Tensors on the meta device have types and no values: this run costs nothing,
        # and on a copy it leaves the model where it is.
        with torch.no_grad(), without_compiler():
            sizes = [2 if size is None else size for size in shape]
            found = (
                copy.deepcopy(model)
                .to("meta")
                .eval()(torch.empty(sizes, device="meta"))
            )
        if not found.is_floating_point():
            last = _last(model)
            raise TaskError(
                f"the graph gives {str(found.dtype).removeprefix('torch.')} numbers, but {task} reads real ones",
                code="E502",
                where=last.where if last else model.graph.where_input(),
                help="end in a layer that gives real numbers, such as Linear or Conv1d",
            )


def _last(model: GraphModule) -> NodeInfo | None:
    """The layer that makes the output; None where a join does, or a tensor that was stored before."""
    last = next(op for op in reversed(model.ops) if op.kind != "StoreAs")
    if last.kind == "run":
        return model.nodes[-1]
    return None


def _function(layer: NodeInfo) -> str:
    """What a layer computes: of `Activation: {function: Sigmoid}` Sigmoid, of others the block's name."""
    return str(getattr(layer.config, "function", layer.block))
