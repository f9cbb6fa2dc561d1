"""Shapes as tasks write what they need: names of axes, sizes, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Shape = tuple["int | str", ...]  # a free axis is its name
Axes = tuple[tuple[str, "int | None"], ...]  # name and size; None: any size
GivenShapes = Sequence["int | None"] | Mapping[str, Sequence["int | None"]]
NAMES = {1: "D", 2: "CF"}  # of axes that a task gives as sizes only


def patch_inputs(shape: Sequence[int]) -> tuple[tuple[int | str, ...], ...]:
    """What a graph may read of a feature with frames of this shape: patches, or the same with one channel before."""
    return ("B", *shape, "T"), ("B", 1, *shape, "T")


def axis_of(axis: int | str) -> tuple[str, int | None]:
    """The name and the size of an axis: "F=360", "T" or 12."""
    if isinstance(axis, int):
        return "", axis
    name, _, size = axis.partition("=")
    return name, int(size) if size else None


def axes_of(shape: Sequence[int | str]) -> Axes:
    return tuple(map(axis_of, shape))


def agree(shape: Shape, wanted: Axes) -> bool:
    """Whether a graph with this input reads what is wanted; an axis that is free on either side fits any size."""
    if len(shape) != len(wanted):
        return False
    # The batch comes first and fits always.
    pairs = list(zip(shape, wanted, strict=True))[1:]
    return all(
        isinstance(size, str) or other is None or size == other
        for size, (_, other) in pairs
    )


def as_input(shape: Sequence[int | str]) -> str:
    """A shape as `input:` of a graph writes it: every size has a name."""
    axes = axes_of(shape)
    unnamed = [place for place, (name, _) in enumerate(axes) if not name]
    names = dict(zip(unnamed, NAMES.get(len(unnamed), "CDEGHIJKLM"), strict=False))
    words = []
    for place, (name, size) in enumerate(axes):
        name = name or names[place]
        words.append(name if size is None else f"{name}={size}")
    return " ".join(words)
