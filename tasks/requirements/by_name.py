"""What a task of several tensors needs of a graph, each by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import TaskError, Where
from ...shapes import show
from .axes import Shape, as_input, axis_of


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
                    [size or word for word, size in map(axis_of, self.inputs[name])]
                )
                raise TaskError(
                    f"the graph does not read {self.reads}: its input '{own}' is another",
                    code="E501",
                    where=where,
                    facts=[("expected", expected), ("got", show(inputs[own]))],
                    help=self.help
                    or f"write `{own}: {as_input(self.inputs[name])}` in `input:`",
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
                    [
                        sizes.get(word, size or word)
                        for word, size in map(axis_of, wanted)
                    ]
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
                sizes = [size for _, size in map(axis_of, self.inputs[name])]
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
    for (name, size), own in list(zip(map(axis_of, wanted), given, strict=True))[1:]:
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
