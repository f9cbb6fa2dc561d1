"""A layer that raises while a compiled graph runs on real data, reported by its node and the shapes that came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from traceback import walk_tb
from types import CodeType
from typing import Any

from torch import Tensor, nn

from ..errors import GraphError
from ..shapes import show
from .operations import NodeInfo, Op

# What torch, and blocks on top of it, raise for tensors that do not fit. Other exceptions, such as one by which a
# user's hook leaves the forward early, are none of the graph's business.
OF_TENSORS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


def failure(
    error: Exception, model: nn.Module, walk: CodeType, nodes: Sequence[NodeInfo]
) -> GraphError | None:
    """The error with the node that raised it; None where it was not raised inside a step of `walk`.

    The step is read from the frame in which the error passed, so that a forward which succeeds pays nothing for it.
    """
    for frame, _ in walk_tb(error.__traceback__):
        seen = frame.f_locals
        if frame.f_code is walk and seen.get("self") is model and "op" in seen:
            return _of_step(error, seen["op"], seen["x"], seen["stored"], nodes)
    return None


def _of_step(
    error: Exception,
    op: Op,
    x: Tensor,
    stored: Mapping[str, Any],
    nodes: Sequence[NodeInfo],
) -> GraphError:
    label = f"{op.kind} '{op.name}'"
    others = [stored.get(op.name), *(stored.get(key) for key in op.extra)]
    if op.kind == "run":
        block = next(node.block for node in nodes if node.name == op.name)
        label = f"{block} '{op.name}'"
        others = others[1:]
    facts = [("here", show(x.shape))]
    facts += [("with", show(other.shape)) for other in others if other is not None]
    words = str(error).strip().splitlines() or [type(error).__name__]
    facts.append(("torch", words[0]))
    message = f"{label} cannot run on this tensor"
    hint = "`mirbricks check` reports the sizes at which the graph runs"
    return GraphError(message, code="E204", where=op.where, facts=facts, help=hint)
