"""At which sizes of its free axes a graph runs: found by running it on the meta device, one size after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...errors import GraphError
from ..language.axes import Axis
from ..language.graph import Graph
from .infer import run, shapes_at
from .remembered import Remembered
from .walk import Failed

Inputs = Mapping[str, tuple[Axis, ...]]
# A graph that runs at this size is taken to run at every larger one.
LARGE = 2**16
WIDEST_STEP = 64


@dataclass(frozen=True)
class Sizes:
    """`least`, and every `step` from there on, up to `most` where there is an end; `gaps`: and not at all of them."""

    axis: str
    least: int
    step: int = 1
    most: int | None = None
    gaps: bool = False

    def __contains__(self, size: int) -> bool:
        return (
            size >= self.least
            and (size - self.least) % self.step == 0
            and (not self.most or size <= self.most)
        )

    def __str__(self) -> str:
        # A multiple of 8 is 8 at least without saying so.
        words = []
        if self.least > 1 and self.least != self.step:
            words.append(f"{self.axis} ≥ {self.least}")
        rest = self.least % self.step
        if self.step > 1 and rest:
            words.append(f"{self.axis} % {self.step} = {rest}")
        elif self.step > 1:
            words.append(f"{self.axis} a multiple of {self.step}")
        if self.most:
            words.append(f"{self.axis} ≤ {self.most}")
        text = " and ".join(words or [f"any {self.axis}"])
        if self.gaps:
            return f"{text}, not at all of these"
        return text


@dataclass(frozen=True)
class Outcome:
    """A size, and why the graph cannot run there; None where it can."""

    size: int
    error: GraphError | None


def free_sizes(
    graph: Graph, inputs: Inputs, base: Mapping[str, int]
) -> tuple[Sizes, ...]:
    """The sizes of each free axis, the others being those of `base`, at which the graph is known to run."""
    walk = _Walk(graph, inputs)
    return tuple(_sizes_of(name, base[name], walk.along(name, base)) for name in base)


def sweep(
    graph: Graph,
    inputs: Inputs,
    base: Mapping[str, int],
    axis: str,
    sizes: Iterable[int],
) -> list[Outcome]:
    """Run the graph at every one of `sizes` of an axis, free or not, the free ones being those of `base`."""
    freed = {
        name: tuple(Axis(a.name) if a.name == axis else a for a in axes)
        for name, axes in inputs.items()
    }
    walk = _Walk(graph, freed)
    return [Outcome(size, walk.error({**base, axis: size})) for size in sizes]


class _Walk:
    """Runs one graph at many sizes; blocks whose config stays the same are built once."""

    def __init__(self, graph: Graph, inputs: Inputs) -> None:
        self.graph = graph
        self.inputs = inputs
        # Each run of the graph is short; how many there are, the caller has decided.
        self.remembered = Remembered(ends=math.inf)

    def error(self, sizes: Mapping[str, int]) -> GraphError | None:
        self.remembered.forget_outputs()
        try:
            run(self.graph, shapes_at(self.inputs, sizes), sizes, self.remembered)
        except Failed as failed:
            return failed.error
        return None

    def along(self, axis: str, base: Mapping[str, int]) -> Callable[[int], bool]:
        """Whether the graph runs at a size of one axis."""
        return lambda size: self.error({**base, axis: size}) is None


def _sizes_of(axis: str, base: int, runs: Callable[[int], bool]) -> Sizes:
    # Blocks may need two items of a batch, and no other number matters to one.
    if axis == "B":
        least = 1 if runs(1) else base
        return Sizes(axis, least)
    # Two odd steps: at one of them alone a graph that wants multiples may run by chance.
    if all(runs(base + n) for n in (1, 3)):
        step = 1
    else:
        step = _step(base, runs)
    # Most graphs run at 1 as well, and one run tells; else the ends are found by halving.
    if step == 1 and runs(1):
        least = 1
    else:
        least = base - step * _last(lambda n: runs(base - step * n), (base - 1) // step)
    most = None
    above = (LARGE - base) // step
    if not runs(base + above * step):
        most = base + step * _last(lambda n: runs(base + step * n), above)
    # Halving sees no gaps. The sizes right above the least and the base are where they
    # show, the second only where the steps are a guess.
    tried = [size for size in (least + step, base + step) if size <= (most or size)]
    if step == 1:
        tried = tried[:1]
    return Sizes(axis, least, step, most, gaps=not all(map(runs, tried)))


def _step(base: int, runs: Callable[[int], bool]) -> int:
    return next(
        (n for n in range(2, WIDEST_STEP) if runs(base + n) and runs(base + 2 * n)),
        WIDEST_STEP,
    )


def _last(holds: Callable[[int], bool], end: int) -> int:
    """The largest n up to `end` for which `holds`, if it holds from 0 on without a gap."""
    low = 0
    high = end + 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def spans(sizes: Sequence[int]) -> str:
    """Sizes in few words: '12:15, 17', 'every 8th of 16:400'."""
    if len(sizes) > 2:
        step = sizes[1] - sizes[0]
        if step > 1 and all(b - a == step for a, b in pairwise(sizes)):
            return f"{sizes[0]}:{sizes[-1]} in steps of {step}"
    found: list[list[int]] = []
    for size in sizes:
        if found and size == found[-1][1] + 1:
            found[-1][1] = size
        else:
            found.append([size, size])
    words = [
        str(first) if first == last else f"{first}:{last}" for first, last in found
    ]
    if len(words) <= 6:
        return ", ".join(words)
    return f"{', '.join(words[:4])}, … {words[-1]}"
