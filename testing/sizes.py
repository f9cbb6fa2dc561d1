"""The sizes at which a block is tried: the example's own, and those with axes one step larger."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..registry import INFER, Example, Spec
from ..shapes import REST, Shape, Token

Label = tuple["str | None", int]  # an axis by name, None where it is fixed; its step


def sizes_to_try(spec: Spec, example: Example) -> list[tuple[Shape, ...]]:
    """The example's shapes, those with one more of each free axis, and those with one more of all."""
    config = spec.cls.Config(**example.config)
    given = {
        mark.axis
        for name, mark in config.inferred().items()
        if getattr(config, name) != INFER
    }
    pairs = zip(spec.contract.inputs, example.shapes, strict=False)
    labels = [_labels(tokens, shape) for tokens, shape in pairs]
    free = set()
    for row in labels:
        free |= {label for label, _ in row if label and _axis(label) not in given}

    variants = [example.shapes]
    for grown in (*({label} for label in sorted(free)), free):
        shapes = _grown(example.shapes, labels, grown)
        if shapes not in variants:
            variants.append(shapes)
    return variants


def _axis(label: str) -> str:
    """ "..." of "...[1]"; the name itself of any other axis."""
    return label.partition("[")[0]


def _grown(
    shapes: Sequence[Shape], labels: Sequence[Sequence[Label]], grown: Collection[str]
) -> tuple[Shape, ...]:
    larger = []
    for shape, row in zip(shapes, labels, strict=True):
        steps = [step if label in grown else 0 for label, step in row]
        larger.append(tuple(map(sum, zip(shape, steps, strict=True))))
    return tuple(larger)


def _labels(tokens: Sequence[Token], shape: Shape) -> list[Label]:
    """For each axis of a shape its name in the contract, None where the size is fixed, and the step it grows by."""
    labels: list[Label] = []
    for token in tokens:
        if token.axis != REST:
            labels.append((token.axis, token.times))
            continue
        # "..." stands for as many axes as the others leave over; one of size 1 may be there to be broadcast.
        n_rest = len(shape) - len(tokens) + 1
        if token.free:
            labels += [(None, 1)] * n_rest
            continue
        rest = shape[len(labels) : len(labels) + n_rest]
        for i, size in enumerate(rest):
            labels.append((None if size == 1 else f"{REST}[{i}]", 1))
    return labels
