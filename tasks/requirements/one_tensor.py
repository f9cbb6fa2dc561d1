"""What a task of one tensor in and one out needs of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import TaskError, Where
from ...shapes import show
from .axes import Axes, Shape, agree, as_input, axes_of, axis_of


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
            for name, size in map(axis_of, self.output)
        ]
        # A name that the input does not have stands for any size that the graph fixes.
        any_size = [
            size is None and name not in own for name, size in map(axis_of, self.output)
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
                help=_rounded(expected, output_shape) or self.help,
            )

    def given_shapes(self, input_shape: Shape) -> dict[str, tuple[int | None, ...]]:
        """The shapes that the task will give to a graph with this input, by setting."""
        wanted = self._fitting(input_shape) or axes_of(self.inputs[0])
        sizes = [size for _, size in wanted[:-1]]
        names = list(self.frames)
        # A graph that fixes its frames never sees others than those of the training.
        if isinstance(input_shape[-1], int):
            names = names[:1]
        return {name: (*sizes, self.frames[name]) for name in names}

    def _fitting(self, shape: Shape) -> Axes | None:
        """The first of `inputs` that the graph reads, its last axis with the frames of the training."""
        for wanted in map(axes_of, self.inputs):
            if agree(shape, self._with_frames(wanted)):
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
        for wanted in map(axes_of, self.inputs):
            if agree(shape[:-1], wanted[:-1]) and self.frames:
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
            show([name if size is None else size for name, size in axes_of(one)])
            for one in self.inputs
        ]
        settings = ["'feature:'", *self.settings]
        return TaskError(
            f"the graph does not read {self.reads}",
            code="E501",
            where=where,
            facts=[("expected", " or ".join(shapes)), ("got", show(shape))],
            help=f"write `input: {as_input(self.inputs[0])}`, or change {' or '.join(settings)}",
        )


def _rounded(expected: Sequence[int | str], given: Shape) -> str | None:
    """The help where nothing but a rounded axis is wrong, such as an odd T that a pooling by 2 has cut."""
    if len(given) != len(expected):
        return None
    wrong = [
        (want, came)
        for want, came in zip(expected[1:], given[1:], strict=True)
        if want != came
    ]
    if not wrong or any(came != f"{want}'" for want, came in wrong):
        return None
    axis = wrong[0][0]
    return (
        f"{axis}' is what a layer makes of {axis} by rounding, as a pooling by 2 does with an odd one: pool along the "
        "other axis only, such as `kernel_size: [2, 1]`, or begin with `StoreAs: IN` and end with "
        "`FitTo: {size_of: IN}`"
    )
