"""Whether a graph runs at the sizes that a task will give it."""

from __future__ import annotations

from collections.abc import Mapping

from ...compiler.given_shapes import read_shape
from ...compiler.inference.probe import probe
from ...compiler.module import GraphModule
from ...errors import GraphError
from .axes import GivenShapes


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
