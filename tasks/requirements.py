"""Whether a compiled graph fits a task at all: what can be told without data."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..compiler.given_shapes import read_shape
from ..compiler.inference.probe import probe
from ..compiler.module import GraphModule
from ..compiler.operations import NodeInfo
from ..errors import GraphError, TaskError, Where
from ..shapes import show

Shape = tuple["int | str", ...]  # a free axis is its name
Axes = tuple[tuple[str, "int | None"], ...]  # name and size; None: any size
GivenShapes = Sequence["int | None"] | Mapping[str, Sequence["int | None"]]
NAMES = {1: "D", 2: "CF"}  # of axes that a task gives as sizes only

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
    """What a task asks of a graph: axes and sizes, checked without data.

    An axis is a size (`12`), a name (`"T"`: any size, and free in the graph if it likes), or both (`"F=360"`).

    Parameters
    ----------
    inputs : tuple of shapes
        What the graph may read, any one of them, batch first.
    output : shape
        What it gives: a size, the name of an axis of the input, or another name for any size that the graph fixes.
    reads : str
        The input in words, as in "the graph does not read ...".
    gives : str
        The output in words, as in "the graph does not give ...".
    help : str
        How a graph gets such an output.
    frames : mapping of str to int
        The settings of the task that are sizes of the last axis of the input; the first is that of the training.
    settings : tuple of str
        Further settings that change what the graph must read, for the help.

    Examples
    --------
    >>> needs = Needs((("B", 12, "T"),), ("B", "K"), "chroma", "a score per label", "end in Linear")
    >>> needs.refuse_misfit(("B", 12, "T"), ("B", 5))
    """

    inputs: tuple[Sequence[int | str], ...]
    output: Sequence[int | str]
    reads: str
    gives: str
    help: str
    frames: Mapping[str, int] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def refuse_misfit(
        self, input_shape: Shape, output_shape: Shape, where: Where | None = None
    ) -> None:
        """Raise TaskError E501 for another input, E502 for another output."""
        wanted = self._fitting(input_shape)
        if wanted is None:
            raise self._other_input(input_shape, where)

        # The output's names mean the very axes of the input, whatever the graph calls them.
        own = {
            name: size
            for (name, _), size in zip(wanted[1:], input_shape[1:], strict=True)
        }
        expected = [
            size if size is not None else own.get(name, name)
            for name, size in map(_axis, self.output)
        ]
        # A name that the input does not have stands for any size that the graph fixes.
        any_size = [
            size is None and name not in own for name, size in map(_axis, self.output)
        ]

        # The batch comes first and fits always.
        fits = len(output_shape) == len(expected) and all(
            isinstance(given, int) if free else given == size
            for given, size, free in list(
                zip(output_shape, expected, any_size, strict=True)
            )[1:]
        )
        if not fits:
            raise TaskError(
                f"the graph does not give {self.gives}",
                code="E502",
                where=where,
                facts=[("expected", show(expected)), ("got", show(output_shape))],
                help=self.help,
            )

    def given_shapes(self, input_shape: Shape) -> dict[str, tuple[int | None, ...]]:
        """The shapes that the task will give to a graph with this input, by setting."""
        wanted = self._fitting(input_shape) or _axes(self.inputs[0])
        sizes = [size for _, size in wanted[:-1]]
        names = list(self.frames)
        # A graph that fixes its frames never sees others than those of the training.
        if isinstance(input_shape[-1], int):
            names = names[:1]
        return {name: (*sizes, self.frames[name]) for name in names}

    def _fitting(self, shape: Shape) -> Axes | None:
        """The first of `inputs` that the graph reads, its last axis with the frames of the training."""
        for wanted in map(_axes, self.inputs):
            if _agree(shape, self._with_frames(wanted)):
                return wanted
        return None

    def _with_frames(self, wanted: Axes) -> Axes:
        """The same axes, the last as long as a patch of the training."""
        for frames in self.frames.values():
            return (*wanted[:-1], (wanted[-1][0], frames))
        return wanted

    def _other_input(self, shape: Shape, where: Where | None) -> TaskError:
        """The error for a graph that reads something else."""
        # All but the number of frames fits: that is said by itself, with both ways out.
        for wanted in map(_axes, self.inputs):
            if _agree(shape[:-1], wanted[:-1]) and self.frames:
                setting = next(iter(self.frames))
                frames = self.frames[setting]
                expected = (*(size or name for name, size in wanted[:-1]), frames)
                return TaskError(
                    f"the graph reads patches of {shape[-1]} frames only, the task cuts patches of {frames}",
                    code="E501",
                    where=where,
                    facts=[("expected", show(expected)), ("got", show(shape))],
                    help=f"leave {wanted[-1][0]} free in `input:`, or set {setting} to {shape[-1]}",
                )

        shapes = [
            show([name if size is None else size for name, size in _axes(one)])
            for one in self.inputs
        ]
        settings = ["'feature:'", *self.settings]
        return TaskError(
            f"the graph does not read {self.reads}",
            code="E501",
            where=where,
            facts=[("expected", " or ".join(shapes)), ("got", show(shape))],
            help=f"write `input: {_as_input(self.inputs[0])}`, or change {' or '.join(settings)}",
        )


@dataclass(frozen=True)
class NeedsByName:
    """What a task of several tensors asks of a graph: each by its name.

    A graph fits where the names do. One with a single input, or with a single output that has no name, is taken for
    the first of them, whatever its name.

    Parameters
    ----------
    inputs : mapping of str to shape
        What the task gives, batch first; an axis as in `Needs`.
    outputs : mapping of str to shape
        What it reads. The name of an axis that several tensors share is the same size in all of them.
    optional : collection of str
        Inputs that a graph may do without.
    reads, gives, help : str
        As in `Needs`.
    frames : mapping of str to int
        Settings of the task that are sizes of the last axis of the first input; the first is that of the training.

    Examples
    --------
    >>> needs = NeedsByName({"x": ("B", 8, "T"), "time": ("B",)}, {"velocity": ("B", 8, "T")})
    >>> needs.refuse_misfit({"x": ("B", 8, "T"), "time": ("B",)}, {"": ("B", 8, "T")})
    """

    inputs: Mapping[str, Sequence[int | str]]
    outputs: Mapping[str, Sequence[int | str]]
    optional: Collection[str] = ()
    reads: str = "what the task gives"
    gives: str = "what the task reads"
    help: str = ""
    frames: Mapping[str, int] = field(default_factory=dict)

    def names_of(self, model_inputs: Collection[str]) -> dict[str, str]:
        """The graph's name of each input that it takes, by the task's name."""
        wanted = list(self.inputs)
        if len(model_inputs) == 1:
            (only,) = model_inputs
            return {only if only in wanted else wanted[0]: only}
        return {name: name for name in wanted if name in model_inputs}

    def refuse_misfit(
        self,
        inputs: Mapping[str, Shape],
        outputs: Mapping[str, Shape],
        where: Where | None = None,
        where_outputs: Where | None = None,
    ) -> None:
        """Raise TaskError E501 for other inputs, E502 for other outputs."""
        names = self.names_of(inputs)
        sizes: dict[str, int | str] = {}
        unknown = [name for name in inputs if name not in names.values()]
        lacking = [
            name
            for name in self.inputs
            if name not in names and name not in self.optional
        ]
        if unknown or lacking:
            raise self._other_names("inputs", "E501", self.inputs, inputs, where)
        for name, own in names.items():
            if not _bound(self.inputs[name], inputs[own], sizes):
                expected = show(
                    [size or word for word, size in map(_axis, self.inputs[name])]
                )
                raise TaskError(
                    f"the graph does not read {self.reads}: its input '{own}' is another",
                    code="E501",
                    where=where,
                    facts=[("expected", expected), ("got", show(inputs[own]))],
                    help=self.help
                    or f"write `{own}: {_as_input(self.inputs[name])}` in `input:`",
                )

        # A single output without a name is the one that the task reads first.
        given = dict(outputs)
        if len(given) == 1 and next(iter(given)) not in self.outputs:
            given = {next(iter(self.outputs)): next(iter(given.values()))}
        if any(name not in given for name in self.outputs):
            raise self._other_names(
                "outputs", "E502", self.outputs, outputs, where_outputs or where
            )
        for name, wanted in self.outputs.items():
            if not _bound(wanted, given[name], sizes):
                expected = show(
                    [sizes.get(word, size or word) for word, size in map(_axis, wanted)]
                )
                raise TaskError(
                    f"the graph does not give {self.gives}: its output '{name}' is another",
                    code="E502",
                    where=where_outputs or where,
                    facts=[("expected", expected), ("got", show(given[name]))],
                    help=self.help or None,
                )

    def _other_names(
        self,
        what: str,
        code: str,
        wanted: Mapping[str, Any],
        given: Mapping[str, Any],
        where: Where | None,
    ) -> TaskError:
        expected = []
        for name in wanted:
            optional = " (optional)" if name in self.optional else ""
            expected.append(f"{name}{optional}")
        if what == "inputs":
            key, verb, words = "input", "read", self.reads
        else:
            key, verb, words = "outputs", "give", self.gives
        got = ", ".join(name or "one without a name" for name in given)
        return TaskError(
            f"the graph does not {verb} {words}: its {what} have other names",
            code=code,
            where=where,
            facts=[("expected", ", ".join(expected)), ("got", got)],
            help=self.help or f"name them so in `{key}:`",
        )

    def given_shapes(
        self, inputs: Mapping[str, Shape]
    ) -> dict[str, dict[str, tuple[int | None, ...]]]:
        """The shapes that the task will give to a graph with these inputs, by setting."""
        names = self.names_of(inputs)
        first = next(iter(self.inputs))
        fixed = first in names and isinstance(inputs[names[first]][-1], int)
        settings = list(self.frames)[:1] if fixed else list(self.frames)
        shapes = {}
        for setting in settings:
            of = {}
            for name, own in names.items():
                sizes = [size for _, size in map(_axis, self.inputs[name])]
                if name == first:
                    sizes[-1] = self.frames[setting]
                of[own] = tuple(sizes)
            shapes[setting] = of
        return shapes


def _bound(
    wanted: Sequence[int | str], given: Shape, sizes: dict[str, int | str]
) -> bool:
    """Whether a shape is what is wanted; the sizes of named axes are kept, and must be the same the next time."""
    if len(wanted) != len(given):
        return False
    # The batch comes first and fits always.
    for (name, size), own in list(zip(map(_axis, wanted), given, strict=True))[1:]:
        if size is not None:
            if isinstance(own, int) and own != size:
                return False
            continue
        known = sizes.setdefault(name, own)
        if known != own and isinstance(known, int) and isinstance(own, int):
            return False
        # The same free axis on both sides, such as T, must come out as it went in: T/2 does not.
        if known != own and isinstance(known, str) and isinstance(own, str):
            return False
    return True


def patch_inputs(shape: Sequence[int]) -> tuple[tuple[int | str, ...], ...]:
    """What a graph may read of a feature with frames of this shape: patches, or the same with one channel before."""
    return ("B", *shape, "T"), ("B", 1, *shape, "T")


def _axis(axis: int | str) -> tuple[str, int | None]:
    """The name and the size of an axis: "F=360", "T" or 12."""
    if isinstance(axis, int):
        return "", axis
    name, _, size = axis.partition("=")
    return name, int(size) if size else None


def _axes(shape: Sequence[int | str]) -> Axes:
    return tuple(map(_axis, shape))


def _agree(shape: Shape, wanted: Axes) -> bool:
    """Whether a graph with this input reads what is wanted; an axis that is free on either side fits any size."""
    if len(shape) != len(wanted):
        return False
    # The batch comes first and fits always.
    pairs = list(zip(shape, wanted, strict=True))[1:]
    return all(
        isinstance(size, str) or other is None or size == other
        for size, (_, other) in pairs
    )


def _as_input(shape: Sequence[int | str]) -> str:
    """A shape as `input:` of a graph writes it: every size has a name."""
    axes = _axes(shape)
    unnamed = [place for place, (name, _) in enumerate(axes) if not name]
    names = dict(zip(unnamed, NAMES.get(len(unnamed), "CDEGHIJKLM"), strict=False))
    words = []
    for place, (name, size) in enumerate(axes):
        name = name or names[place]
        words.append(name if size is None else f"{name}={size}")
    return " ".join(words)


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
    model: GraphModule, task: str, shapes: Mapping[str, GivenShapes]
) -> None:
    """Raise E502 where the graph gives whole numbers, such as codes: nothing can be learned through them."""
    for given in list(shapes.values())[:1]:
        if not isinstance(given, Sequence):
            continue  # of several inputs only the task knows the types
        shape = given
        # Tensors on the meta device have types and no values: this run costs nothing,
        # and on a copy it leaves the model where it is.
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


def refuse_sizes(model: GraphModule, shapes: Mapping[str, GivenShapes]) -> None:
    """Run the graph at the shapes that the task will give it, each under the setting that it comes from.

    Raises the graph's own error, with the setting.
    """
    for setting, shape in shapes.items():
        try:
            probe(model.graph, read_shape(model.graph, shape))
        except GraphError as error:
            facts = [
                *error.facts,
                ("task", f"gives the graph {_frames_of(shape)} frames: {setting}"),
            ]
            help = "; ".join(filter(None, [error.help, f"or choose another {setting}"]))
            raise GraphError(
                error.message,
                code=error.code,
                where=error.where,
                facts=facts,
                help=help,
            ) from error


def _frames_of(shape: GivenShapes) -> int | None:
    """The last axis of a shape, of the first of several."""
    if isinstance(shape, Mapping):
        shape = next(iter(shape.values()))
    return shape[-1]
