"""A graph run at several sizes of its free axes, so that what depends on them is seen."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from ...errors import GraphError
from ..language.axes import Axis
from ..language.graph import Graph
from ..language.nodes import Layer
from .formulas import formula
from .infer import run, shapes_at
from .remembered import Remembered
from .walk import Failed, Run, Step
from .without_compiler import without_compiler

Chosen = dict[str, int]
# Sizes tried for free axes, until the graph runs.
BASES = (64, 256, 1024, 4096, 16384, 65536)
# Tried where a block cannot run at any of those: it may take so many frames and no more, as learned positions do.
SMALL_BASES = (32, 16, 8, 4, 2)
# Tried where a skip fits at no multiple of 64.
REMAINDERS = range(257, 320)
# Further sizes, as a multiple of the second one and so many more: an odd one, and a large one for strides of hundreds.
FURTHER = ((1, 37), (9_973, 0))
FURTHER_SMALL = ((1, -3),)
LEAST_FAILURES = 2  # with one message, before it is taken to be that of every size
LEAST_MISFITS = 3  # sizes at which the same fails, before it is said to fail at all


class Provisional(Exception):
    """The error of a search that has not tried every size; a graph that needs an odd one may still be right."""

    def __init__(self, error: GraphError) -> None:
        super().__init__(str(error))
        self.error = error


def probe(
    graph: Graph,
    inputs: Mapping[str, tuple[Axis, ...]],
    remembered: Remembered | None = None,
    *,
    thorough: bool = True,
) -> tuple[list[Run], list[Chosen]]:
    """Run the graph at several choices of its free axes; returns the runs and the choices.

    Two choices are 64 or a multiple apart, since a graph may halve its sizes a few times; an odd one and a large one
    count if the graph runs there. Small sizes are tried first: a graph may need a certain length. Raises the error of
    the run that came farthest; `Provisional` where it is not `thorough`, and odd sizes were left untried.
    """
    # Torch would import its compiler for shapes that are plain numbers: longer than most predictions take.
    with without_compiler():
        return _runs_and_choices(graph, inputs, remembered, thorough)


def _runs_and_choices(
    graph: Graph,
    inputs: Mapping[str, tuple[Axis, ...]],
    remembered: Remembered | None,
    thorough: bool,
) -> tuple[list[Run], list[Chosen]]:
    axes = [axis for one in inputs.values() for axis in one]
    free = list(dict.fromkeys(axis.name for axis in axes if axis.size is None))
    remembered = remembered or Remembered()
    failures: list[Failed] = []
    for base in _bases(free, failures):
        if base in REMAINDERS and not thorough:
            raise Provisional(_farthest(failures).error)
        choices = _two_choices(free, base)
        try:
            runs = [
                run(graph, shapes_at(inputs, chosen), chosen, remembered)
                for chosen in choices
            ]
        except Failed as failed:
            failures.append(failed)
            continue
        _refuse_free_weights(runs, free, choices)
        for chosen in _further_choices(free, base, choices[1]):
            # A GraphError: the tensors are larger than torch can count.
            with contextlib.suppress(Failed, GraphError):
                runs.append(run(graph, shapes_at(inputs, chosen), chosen, remembered))
                choices.append(chosen)
        _refuse_fitted_vectors(runs)
        return runs, choices
    raise _farthest(failures).error


def _two_choices(free: Sequence[str], base: int) -> list[Chosen]:
    """The base for every axis, and sizes above it, another for each axis, so that they can be told apart."""
    step = min(base, BASES[0])
    least = 2 if base >= BASES[0] else 1
    first: Chosen = {}
    second: Chosen = {}
    steps = itertools.count(least)
    for name in free:
        if name == "B":
            first[name] = 2
            second[name] = 3
        else:
            first[name] = base
            second[name] = base + step * next(steps)
    return [first, second]


def _further_choices(free: Sequence[str], base: int, second: Chosen) -> list[Chosen]:
    if not set(free) - {"B"}:
        return []
    further = FURTHER if base >= BASES[0] else FURTHER_SMALL
    return [
        {
            name: size if name == "B" else times * size + plus
            for name, size in second.items()
        }
        for times, plus in further
    ]


def _bases(free: Sequence[str], failures: Sequence[Failed]) -> Iterator[int]:
    """Sizes to try, the likeliest first; `failures` are those of the sizes before."""
    if not set(free) - {"B"}:
        yield BASES[0]
        return
    for base in BASES:
        yield base
        if _same_at_any_size(failures):
            return
    code = _farthest(failures).error.code
    if code == "E204":
        yield from SMALL_BASES
    if code == "E203":
        yield from REMAINDERS


def _same_at_any_size(failures: Sequence[Failed]) -> bool:
    """Whether what fails has nothing to do with the sizes of free axes, so that no others need to be tried."""
    if _farthest(failures).error.code == "E203":
        return _fits_never(failures)
    if len(failures) < LEAST_FAILURES:
        return False
    # Messages of these kinds name the sizes that they are about: where those do not
    # change with the free axes, the message does not either.
    last = failures[-LEAST_FAILURES:]
    told = {(one.index, one.error.code, one.error.message) for one in last}
    return len(told) == 1 and last[0].error.code in ("E201", "E202", "E208", "E209")


def _fits_never(failures: Sequence[Failed]) -> bool:
    """Whether the skip that fails farthest on can fit at no size.

    A remainder mends what is rounded differently on two ways: the difference of two sizes is then the same few at
    every size of the free axes. Two sizes that do not depend on the free axes never meet; nor do two that grow at
    different rates, but for one size by chance, and a graph has to run at two.
    """
    index = _farthest(failures).index
    misfits = [one.misfit for one in failures if one.index == index and one.misfit]
    if len(misfits) < LEAST_MISFITS:
        return False
    # An axis that fits at some sizes is not what is wrong at the others.
    for axis in set.intersection(*(set(misfit) for misfit in misfits)):
        pairs = [misfit[axis] for misfit in misfits]
        if len(set(pairs)) == 1:
            return True
        gaps = [abs(here - stored) for here, stored in pairs]
        if all(a < b for a, b in itertools.pairwise(gaps)):
            return True
    return False


def _farthest(failures: Sequence[Failed]) -> Failed:
    return max(failures, key=lambda failed: failed.index)


def _refuse_fitted_vectors(runs: Sequence[Run]) -> None:
    """Raise E203 where `fit` would pad a single value with zeros, or cut a sequence to its first place."""
    for first, *others in zip(*(one.steps for one in runs), strict=True):
        node = first.node
        if isinstance(node, Layer) or node.fit == "error" or node.op == "CatWith":
            continue
        for i, key in enumerate(node.keys):
            # An axis may be 1 by chance: a few samples make one frame, whatever their number.
            singles = _singles(first, i)
            for other in others:
                singles &= _singles(other, i)
            if singles:
                own = key.removeprefix(node.prefix)
                facts = [
                    ("here", runs[0].shape(first.came)),
                    ("stored", runs[0].shape(first.joined[i])),
                ]
                does = "multiplied with" if node.op == "MulWith" else "added to"
                message = f"{node.op} '{own}': `fit: {node.fit}` is not for an axis with a single value"
                hint = f"leave `fit` out: a single value is {does} every place"
                raise GraphError(
                    message, code="E203", where=node.where, facts=facts, help=hint
                )


def _singles(step: Step, i: int) -> set[int]:
    """The axes from 2 on along which one of the two tensors has a single value, and the other has more."""
    pairs = zip(step.came[2:], step.joined[i][2:], strict=True)
    return {axis for axis, pair in enumerate(pairs) if 1 in pair and set(pair) != {1}}


def _refuse_free_weights(
    runs: Sequence[Run], free: Sequence[str], choices: Sequence[Chosen]
) -> None:
    """A config that changes with a free axis would make a model that runs at one size only."""
    for first, second in zip(runs[0].steps, runs[1].steps, strict=True):
        if first.config == second.config or not first.config or not second.config:
            continue
        assert isinstance(first.node, Layer)
        other = second.config.model_dump()
        field, value = next(
            (name, value)
            for name, value in first.config.model_dump().items()
            if other[name] != value
        )
        # The formula of the field says which axis it depends on.
        text = ""
        sizes = [value, other[field]]
        if all(isinstance(size, int) for size in sizes):
            text = str(formula(sizes, choices))
        words = re.findall(r"[A-Z][A-Za-z0-9]*", text)
        named = [name for name in free if name in words]
        axes = named or [name for name in free if name != "B"] or ["B"]
        verb = "are free" if len(axes) > 1 else "is free"
        message = f"{first.node.spec.name}: '{field}' would depend on {' and '.join(axes)}, which {verb}"
        hint = f"fix the size in `input:`, as in {axes[0]}=64, or give '{field}'"
        raise GraphError(message, code="E206", where=first.node.where, help=hint)
