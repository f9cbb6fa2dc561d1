"""Whether a compiled graph fits a task at all: what can be told without data."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..compiler.compile import read_shape
from ..compiler.inference.probe import probe
from ..compiler.module import GraphModule, NodeInfo
from ..errors import GraphError, TaskError, Where
from ..shapes import show

Shape = tuple["int | str", ...]  # a free axis is its name

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


@dataclass(frozen=True)
class Needs:
    """What a task asks of a graph, told without data.

    inputs  shapes that the graph may read, any one of them, batch first: a size, or the name of an axis that is free
    output  the shape it gives: a size, the name of an axis of the input, or another name for any size it fixes
    reads   the input in words, as in "the graph does not read ..."
    gives   the output in words, as in "the graph does not give ..."
    help    how a graph gets such an output
    frames  the settings of the task that are sizes of the last axis of the input; the first is that of the training
    """

    inputs: tuple[Shape, ...]
    output: Shape
    reads: str
    gives: str
    help: str
    frames: Mapping[str, int] = field(default_factory=dict)

    def refuse_misfit(
        self, input_shape: Shape, output_shape: Shape, where: Where | None = None
    ) -> None:
        """Raise TaskError E501 for an input, E502 for an output that is another."""
        wanted = self._fitting(input_shape)
        if wanted is None:
            fixed = next(
                (
                    f"; a fixed last axis must be {name}, {n}"
                    for name, n in self.frames.items()
                ),
                "",
            )
            raise TaskError(
                f"the graph does not read {self.reads}",
                code="E501",
                where=where,
                facts=[
                    ("expected", " or ".join(map(show, self.inputs))),
                    ("got", show(input_shape)),
                ],
                help=f"change `input:` or 'feature:'{fixed}",
            )
        named = dict(zip(wanted[1:], input_shape[1:], strict=True))
        sizes = [
            named.get(axis, axis) if isinstance(axis, str) else axis
            for axis in self.output[1:]
        ]
        free = [isinstance(axis, str) and axis not in named for axis in self.output[1:]]
        pairs = zip(output_shape[1:], sizes, free, strict=False)
        if len(output_shape) != len(self.output) or not all(
            isinstance(given, int) if any_size else given == size
            for given, size, any_size in pairs
        ):
            raise TaskError(
                f"the graph does not give {self.gives}",
                code="E502",
                where=where,
                facts=[
                    ("expected", show((self.output[0], *sizes))),
                    ("got", show(output_shape)),
                ],
                help=self.help,
            )

    def given_shapes(self, input_shape: Shape) -> dict[str, tuple[int | None, ...]]:
        """The shapes that the task will give to a graph with this input, by setting."""
        wanted = self._fitting(input_shape) or self.inputs[0]
        axes = [axis if isinstance(axis, int) else None for axis in wanted[:-1]]
        names = list(self.frames)[: 1 if isinstance(input_shape[-1], int) else None]
        return {name: (*axes, self.frames[name]) for name in names}

    def _fitting(self, shape: Shape) -> Shape | None:
        """The first of `inputs` that the graph reads."""
        last = next(iter(self.frames.values()), None)
        for wanted in self.inputs:
            sizes = (*wanted[1:-1], wanted[-1] if last is None else last)
            if len(shape) == len(wanted) and all(map(_agree, shape[1:], sizes)):
                return wanted
        return None


def takes_patch(shape: Shape, wanted: Shape, patch_frames: int) -> bool:
    """Whether an input of this shape reads patches `wanted` of so many frames; a free axis fits any size."""
    if len(shape) != len(wanted):
        return False
    sizes = zip(shape[1:], (*wanted[1:-1], patch_frames), strict=True)
    return all(isinstance(size, str) or size == other for size, other in sizes)


def _agree(size: int | str, wanted: int | str) -> bool:
    return isinstance(size, str) or isinstance(wanted, str) or size == wanted


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
    # Activation: {function: Sigmoid}
    if last:
        name = getattr(last.config, "function", last.block)
    else:
        name = ""
    if last and name in PROBABILITIES:
        raise TaskError(
            f"the graph ends in {name}, but {task} reads logits: it makes probabilities of them itself",
            code="E502",
            where=last.where,
            help="remove this layer",
        )


def refuse_bounded(model: GraphModule, task: str) -> None:
    """Raise E502 where the last layer keeps logits in a range, so that some probabilities cannot come out."""
    last = _last(model)
    if last:
        name = getattr(last.config, "function", last.block)
    else:
        name = ""
    if last and name in BOUNDED:
        raise TaskError(
            f"the graph ends in {name}, but {task} reads logits, which may be any number",
            code="E502",
            where=last.where,
            facts=[("gives", BOUNDED[name])],
            help="remove this layer",
        )


def refuse_other_types(
    model: GraphModule, task: str, shapes: Mapping[str, Sequence[int | None]]
) -> None:
    """Raise E502 where the graph gives whole numbers, such as codes: nothing can be learned through them."""
    for shape in list(shapes.values())[:1]:
        with torch.no_grad():
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


def refuse_sizes(
    model: GraphModule, shapes: Mapping[str, Sequence[int | None]]
) -> None:
    """Run the graph at the shapes that the task will give it, each under the setting that it comes from.

    Raises the graph's own error, with the setting.
    """
    for setting, shape in shapes.items():
        try:
            probe(model.graph, read_shape(model.graph, shape))
        except GraphError as error:
            facts = [
                *error.facts,
                ("task", f"gives the graph {shape[-1]} frames: {setting}"),
            ]
            help = "; ".join(filter(None, [error.help, f"or choose another {setting}"]))
            raise GraphError(
                error.message,
                code=error.code,
                where=error.where,
                facts=facts,
                help=help,
            ) from error
