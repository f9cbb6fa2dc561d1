"""Whether a compiled graph fits a task at all: what can be told without data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..compiler.compile import read_shape
from ..compiler.module import GraphModule, NodeInfo
from ..compiler.probe import probe
from ..errors import GraphError, TaskError

PROBABILITIES = ("Sigmoid", "Softmax", "LogSoftmax", "Softmax2d")


def refuse_several(model: GraphModule, task: str) -> None:
    """Raise E501 for several inputs, E502 for outputs with names: the task gives one tensor and reads one."""
    where, inputs = model.graph.where_input(), [f"'{name}'" for name in model.input_shapes]
    if len(inputs) > 1:
        message = f"the graph has {len(inputs)} inputs, {', '.join(inputs)}; {task} gives it one"
        raise TaskError(message, code="E501", where=where, help="keep one of them in `input:`")
    if model.outputs:
        message = f"the graph gives its outputs by name, {', '.join(map(repr, model.outputs))}; {task} reads one tensor"
        where = model.graph.source.key(("outputs",))
        raise TaskError(message, code="E502", where=where, help="leave `outputs:` out: the last layer's tensor is read")


def refuse_probabilities(model: GraphModule, task: str) -> None:
    """Raise E502 where the last layer makes probabilities of the logits."""
    last = _last(model)
    name = getattr(last.config, "function", last.block) if last else ""  # Activation: {function: Sigmoid}
    if last and name in PROBABILITIES:
        raise TaskError(
            f"the graph ends in {name}, but {task} reads logits: it makes probabilities of them itself",
            code="E502",
            where=last.where,
            help="remove this layer",
        )


def _last(model: GraphModule) -> NodeInfo | None:
    """The layer that makes the output; None where a join does, or a tensor that was stored before."""
    last = next(op for op in reversed(model.ops) if op.kind != "StoreAs")
    return model.nodes[-1] if last.kind == "run" else None


def refuse_sizes(model: GraphModule, shapes: Mapping[str, Sequence[int | None]]) -> None:
    """Run the graph at the shapes that the task will give it, each under the setting that it comes from.

    Raises the graph's own error, with the setting.
    """
    for setting, shape in shapes.items():
        try:
            probe(model.graph, read_shape(model.graph, shape))
        except GraphError as error:
            facts = [*error.facts, ("task", f"gives the graph {shape[-1]} frames: {setting}")]
            help = "; ".join(filter(None, [error.help, f"or choose another {setting}"]))
            raise GraphError(error.message, code=error.code, where=error.where, facts=facts, help=help) from error
