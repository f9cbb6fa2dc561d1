"""How far a graph sees: the frames around its own that an answer depends on."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from torch import nn

from ..compiler.inference.receptive_field import receptive_fields
from ..compiler.module import GraphModule


class Reach(NamedTuple):
    """Frames before and after its own that an answer depends on.

    A graph that pools frames, `period` of them at most, gives the same answers to the same frames only where these
    are moved by whole periods; of other graphs it is 1.
    """

    behind: int
    ahead: int
    period: int = 1


def reach_of(model: nn.Module) -> Reach | None:
    """How far a graph sees; None where an answer may depend on all frames, or where that is not known."""
    if not isinstance(model, GraphModule):
        return None
    fields = receptive_fields(model)
    last = fields[-1]
    if last is None or last.whole or last.stride != 1:
        return None
    # Frames of a period see different numbers of frames to either side: the farthest count.
    own = np.arange(len(last.first))
    behind = max(0, int((own - last.first).max()))
    ahead = max(0, int((last.last - own).max()))
    period = math.lcm(*(field.advance for field in fields if field is not None))
    return Reach(behind, ahead, period)


def sees_all(model: GraphModule) -> str | None:
    """The first node whose answer may depend on all frames, by its name and its block."""
    for node, field in zip(model.nodes, receptive_fields(model), strict=True):
        if field is None or field.whole:
            return f"'{node.name}', {node.block}"
    return None
