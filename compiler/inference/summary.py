"""What a compiled graph costs: a row per layer, then totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..module import GraphModule, count_parameters
from ..operations import NodeInfo
from .receptive_field import receptive_fields
from .time_field import Field


@dataclass(frozen=True)
class Row:
    """One layer; `macs` are multiply-adds of one forward at batch 1; a receptive field of None is the whole input."""

    name: str
    block: str
    line: int
    shape_in: tuple[int | str, ...]
    shape_out: tuple[int | str, ...]
    parameters: int
    macs: int
    receptive_field_frames: int | None
    receptive_field_s: float | None
    # Input frames between two frames of the output; None where it has no time axis.
    stride_frames: float | None
    frame_rate_hz: float | None
    # Its weights are those of a row above, which counts them.
    reused: bool = False


@dataclass(frozen=True)
class Summary:
    """All rows, and the totals. `macs_at` says which sizes stood in for free axes."""

    name: str
    rows: tuple[Row, ...]
    input_shapes: Mapping[str, tuple[int | str, ...]]
    output_shapes: Mapping[str, tuple[int | str, ...]]
    parameters: int
    macs: int
    macs_at: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def summarise(
    model: GraphModule,
    hop_s: float | None = None,
    at: Mapping[str, int] | None = None,
) -> Summary:
    """Rows and totals of a compiled graph; `hop_s`, the seconds between input frames, gives fields in seconds.

    `at` has the sizes that stand in for free axes; default: those at which the graph is known to run.
    """
    sizes = dict(at or model.free_sizes)
    macs = count_macs(model, sizes)
    fields = receptive_fields(model)
    rows = [
        _row(model, *one, hop_s) for one in zip(model.nodes, fields, macs, strict=True)
    ]
    total = count_parameters(model)
    outputs = model.output_shapes
    name = model.graph.name
    return Summary(
        name, tuple(rows), model.input_shapes, outputs, total, sum(macs), sizes
    )


def _row(
    model: GraphModule,
    node: NodeInfo,
    field: Field | None,
    macs: int,
    hop_s: float | None,
) -> Row:
    if node.reused:
        count = 0
    else:
        count = count_parameters(model.get_submodule(node.name))
    frames: int | None = None
    stride: float | None = None
    if field is not None:
        stride = float(field.stride)
        if field.frames is not None:
            frames = ceil(field.frames)
    # Seconds need the hop of the features, which a graph by itself does not know.
    seconds: float | None = None
    rate: float | None = None
    if hop_s and frames is not None:
        seconds = frames * hop_s
    if hop_s and stride:
        rate = 1 / (hop_s * stride)
    line = node.where.line
    went = node.went
    return Row(
        node.name,
        node.block,
        line,
        node.came,
        went,
        count,
        macs,
        frames,
        seconds,
        stride,
        rate,
        node.reused,
    )


def count_macs(model: GraphModule, sizes: Mapping[str, int]) -> list[int]:
    """Multiply-adds of each run of a node, counted by torch on the meta device with `sizes` for free axes."""
    shapes = [
        tuple(sizes[s] if isinstance(s, str) else s for s in shape)
        for shape in model.input_shapes.values()
    ]
    counts: list[int] = []
    handles = []
    for name in dict.fromkeys(node.name for node in model.nodes):
        handles += _count_calls(model.get_submodule(name), counts)
    # On the meta device nothing is computed, so that large graphs are counted at once.
    training = model.training
    meta = {
        name: torch.empty_like(t, device="meta")
        for name, t in [*model.named_parameters(), *model.named_buffers()]
    }
    try:
        model.eval()
        with torch.no_grad():
            torch.func.functional_call(
                model,
                meta,
                tuple(torch.empty(shape, device="meta") for shape in shapes),
            )
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return counts


def _count_calls(block: nn.Module, counts: list[int]) -> list[Any]:
    counter: Any = FlopCounterMode(display=False)

    def before(*_: Any) -> None:
        counter.__enter__()

    def after(_: nn.Module, inputs: tuple[torch.Tensor], __: Any) -> None:
        counter.__exit__(None, None, None)
        # On the meta device recurrent layers run one frame only.
        if isinstance(block, nn.RNNBase):
            frames = inputs[0].shape[1]
        else:
            frames = 1
        counts.append(frames * counter.get_total_flops() // 2)

    return [block.register_forward_pre_hook(before), block.register_forward_hook(after)]
