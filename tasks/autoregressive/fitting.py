"""What an autoregressive task asks of a graph, whatever it generates: which input moves, rows for the conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...blocks.sequence.tokens import TokenEmbedding
from ...compiler.module import GraphModule
from ...errors import TaskError, Where
from ..conditions import NUMBER_FEATURES, Condition, scaled_inputs


def moving_input(
    inputs: Mapping[str, Sequence[int | str]], conditions: Sequence[str], first: str
) -> str:
    """The input that is generated: the one called `first`, or else the first that is no condition."""
    others = [name for name in inputs if name not in conditions]
    if first in others or not others:
        return first
    return others[0]


def one_of_each(
    names: Sequence[str], inputs: Mapping[str, Sequence[int | str]]
) -> dict[str, Tensor]:
    """A row of every condition, (1,) or (1, 2), as a trial run of a graph is given it."""
    scaled = scaled_inputs(names, inputs)
    rows = {}
    for name in names:
        if name in scaled:
            rows[name] = torch.zeros(1, NUMBER_FEATURES)
        else:
            rows[name] = torch.zeros(1, dtype=torch.int64)
    return rows


def refuse_few_rows(
    model_rows: Mapping[str, int | None],
    conditions: Sequence[Condition],
    where: Where | None,
) -> None:
    """Raise TaskError E572 where a table has fewer rows than a condition has values, and one for a dropped one."""
    for one in conditions:
        rows = model_rows.get(one.name)
        if rows is not None and rows < one.n_classes:
            raise TaskError(
                f"the graph has {rows} rows for the condition '{one.name}', which has {one.n_classes - 1} values in "
                "the training recordings",
                code="E572",
                where=where,
                help=f"write `TokenEmbedding: {{num_embeddings: {one.n_classes}, ...}}`: a row more, for a dropped "
                "condition",
            )


def rows_of(model: GraphModule, name: str) -> int | None:
    """The rows of the TokenEmbedding that reads an input; None where another layer does."""
    running: str | None = next(iter(model.input_shapes))
    stored = {one: one for one in model.input_shapes}
    for op in model.ops:
        if op.kind == "StartFrom":
            running = stored.get(op.name)
        elif op.kind == "StoreAs":
            stored.pop(op.name, None)
            if running is not None:
                stored[op.name] = running
        elif op.kind == "run":
            layer = model.get_submodule(op.name)
            if running == name and isinstance(layer, TokenEmbedding):
                return len(layer.weight)
            running = None
        else:
            running = None
    return None
