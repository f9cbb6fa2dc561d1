"""What gives the next place of a graph: steps with caches where that is as good, or the whole graph each time.

A block without a step of its own is stepped as if it treated each place by itself. That holds for most blocks and
cannot be read off a block, so a few random places are computed both ways before anything is generated.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ...errors import GraphWarning, MirbricksError
from ..module import GraphModule
from .culprit import Recorder, culprit_of
from .steps import Steps

CLOSE = 1e-3  # a block that should step and does not is off by much more
SEED = 0  # of the places that are tried

Stepper = Callable[[Tensor], Tensor]


class Sequential(Protocol):
    """How the moving input of a graph comes place by place, and how the graph reads it at once."""

    @property
    def places_axis(self) -> int:
        """The axis of the output that places lie on."""

    def tried(self, generator: torch.Generator) -> Tensor:
        """A short random input (1, ...), as the graph reads it at once."""

    def columns(self, x: Tensor) -> Sequence[Tensor]:
        """An input as it comes, one tensor for each place of the output; the first has no places if none came yet."""

    def completed(self, columns: Sequence[Tensor]) -> Tensor:
        """What the graph reads at once when these columns have come: they, and anything at the places ahead."""


class Whole:
    """The output at the next place by the whole graph, each time: for graphs with a block that cannot be stepped.

    Parameters
    ----------
    model : GraphModule
        The graph, in eval mode.
    moving : str
        The input that comes place by place.
    others : mapping of str to Tensor
        The graph's other inputs, (B, ...).
    sequence : Sequential
        How the moving input comes.
    """

    def __init__(
        self,
        model: GraphModule,
        moving: str,
        others: Mapping[str, Tensor],
        sequence: Sequential,
    ) -> None:
        self.model = model
        self.moving = moving
        self.others = others
        self.sequence = sequence
        self.columns: list[Tensor] = []

    def __call__(self, column: Tensor) -> Tensor:
        """The output at the place that comes next, which sees this column and those before."""
        place = len(self.columns)
        self.columns.append(column)
        inputs = {self.moving: self.sequence.completed(self.columns), **self.others}
        outputs: Tensor = self.model(**inputs)
        return outputs.narrow(self.sequence.places_axis, place, 1)


def stepper_of(
    model: GraphModule,
    moving: str,
    others: Mapping[str, Tensor],
    sequence: Sequential,
    *,
    batch_size: int,
    max_places: int,
) -> Stepper:
    """What gives the output at the next place: with caches, where that is as good as without.

    Parameters
    ----------
    model, moving, others, sequence
        As of `Whole`.
    batch_size, max_places : int
        Sequences at once, and places of the longest.

    Warns
    -----
    GraphWarning
        W106 where a block cannot be stepped, with its name and what that costs.
    """
    recorder = Recorder(model)
    if steps_agree(model, moving, others, sequence, recorder):
        return Steps(
            model, moving, others, batch_size=batch_size, max_places=max_places
        )
    _warn_of_cost(model, recorder, max_places)
    return Whole(model, moving, others, sequence)


@torch.inference_mode()
def steps_agree(
    model: GraphModule,
    moving: str,
    others: Mapping[str, Tensor],
    sequence: Sequential,
    recorder: Recorder | None = None,
) -> bool:
    """Whether a graph stepped place by place gives what the whole of it gives, tried on a few random places.

    `recorder` notes what each layer gives both times, to find the one that differs.
    """
    recorder = recorder or Recorder(model)
    first = {name: value[:1] for name, value in others.items()}
    device = next(model.parameters()).device
    # Drawn on the CPU, so that every device tries the same places.
    tried = sequence.tried(torch.Generator().manual_seed(SEED)).to(device)
    columns = sequence.columns(tried)
    with recorder.at_once():
        whole: Tensor = model(**{moving: tried, **first})
    steps: Steps | None = None
    try:
        with recorder.place_by_place():
            steps = Steps(model, moving, first, batch_size=1, max_places=len(columns))
            found = [steps(column) for column in columns]
        each = torch.cat(found, dim=sequence.places_axis)
    # A block that cannot be stepped may fail in any way; the whole graph is then the answer.
    except (RuntimeError, ValueError, IndexError, MirbricksError):
        if steps is not None:
            recorder.failed = steps.running
        return False
    return each.shape == whole.shape and bool((each - whole).abs().max() < CLOSE)


def _warn_of_cost(model: GraphModule, recorder: Recorder, max_places: int) -> None:
    """Say which layer makes generation slow, and how slow."""
    node = culprit_of(model, recorder, CLOSE)
    if node is None:
        what = "a layer of the graph"
        where = model.graph.where_input()
    else:
        what = f"'{node.name}' ({node.block})"
        where = node.where
    # Place n costs n places, so all of them cost half of their square.
    times = max(max_places // 2, 1)
    warnings.warn(
        GraphWarning(
            f"generation is slow: {what} cannot compute one place after another, so that the whole graph is "
            f"computed again for each of {max_places} places, about {times} times the work",
            code="W106",
            where=where,
            help="use layers that look back only and keep what they need, such as TransformerDecoder, GRU, WaveNet, "
            "TCN, or Conv1d with `padding: causal` and stride 1",
        ),
        stacklevel=3,
    )
