"""Which sizes of its free axes a traced program takes: those of the graph, less what torch treats apart, such as 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from torch.export import Dim, ExportedProgram

from ..inference.infer import run as walk
from ..inference.infer import shapes_at
from ..inference.remembered import Remembered
from ..inference.sizes import WIDEST_STEP, Sizes, free_sizes
from ..inference.trial import input_axes, run, trial_inputs
from ..inference.walk import Failed
from ..module import GraphModule

FreeAxes = tuple[dict[int, Any], ...]  # for each input: axis -> torch's mark
Taken = dict[str, Sizes]
LARGER = 4
MOST_STEPS = 4  # from the smallest sizes to those of the tracing


def free_axes(model: GraphModule) -> FreeAxes:
    """The axes of each input that stay free, for `dynamic_shapes`."""
    axes = input_axes(model).values()
    return tuple(
        {i: Dim.DYNAMIC for i, axis in enumerate(one) if axis.size is None}
        for one in axes
    )


def base_sizes(model: GraphModule) -> dict[str, int]:
    """Sizes at which the graph is traced: larger ones where an axis inside would be 1, a case of its own for torch.

    For the same reason there are two items.
    """
    sizes = dict(model.free_sizes)
    if "B" in sizes:
        sizes["B"] = 2
    # Deep graphs halve their axes often: one step up may still leave an axis of 1.
    for _ in range(MOST_STEPS):
        larger = {name: LARGER * size for name, size in sizes.items()}
        if "B" in sizes:
            larger["B"] = 2
        if not _grows_from_one(model, sizes, larger):
            break
        sizes = larger
    return sizes


def _grows_from_one(
    model: GraphModule, sizes: dict[str, int], larger: dict[str, int]
) -> bool:
    """Whether an axis inside is 1, and more at larger sizes; one that is 1 at both has no other size."""
    try:
        steps = [
            walk(model.graph, shapes_at(input_axes(model), at), at, Remembered()).steps
            for at in (sizes, larger)
        ]
    except Failed:
        # A graph that does not run at the larger sizes leaves no choice.
        return False
    for one, other in zip(*steps, strict=True):
        pairs = zip(one.went, other.went, strict=True)
        if any(a == 1 != b for a, b in pairs):
            return True
    return False


def taken(
    model: GraphModule, program: ExportedProgram, base: dict[str, int]
) -> Taken | None:
    """The sizes of each free axis that a program traced at `base` takes; None where one is not free after all."""
    module = program.module()

    def runs(sizes: dict[str, int]) -> bool:
        try:
            run(module, trial_inputs(model, {**base, **sizes}))
        except Exception:
            # Whatever torch reports, it does not take these sizes.
            return False
        return True

    # Axis by axis, the others at the sizes of the tracing, where the program runs surely.
    found = {}
    for sizes in free_sizes(model.graph, input_axes(model), model.free_sizes):
        own = _taken(sizes, base[sizes.axis], partial(_at, runs, sizes.axis))
        if own is None:
            return None
        found[sizes.axis] = own
    return found


def _at(runs: Callable[[dict[str, int]], bool], axis: str, size: int) -> bool:
    return runs({axis: size})


def _taken(sizes: Sizes, base: int, runs: Callable[[int], bool]) -> Sizes | None:
    # Torch may ask for multiples where the graph takes every size. Two steps upwards: at
    # one alone a size may be taken by chance.
    steps = range(sizes.step, WIDEST_STEP + 1, sizes.step)
    step = next((n for n in steps if runs(base + n) and runs(base + 2 * n)), None)
    if step is None:
        return None
    # The least size is found by halving, in steps below the base: the program runs at
    # `low` and does not at `high`.
    low = 0
    high = (base - sizes.least) // step + 1
    while high - low > 1:
        middle = (low + high) // 2
        if runs(base - middle * step):
            low = middle
        else:
            high = middle
    return replace(sizes, least=base - low * step, step=step, gaps=False)
