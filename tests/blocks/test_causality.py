"""Every block that is, or can be, causal: which inputs each output sees, read off its Jacobian."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from mirbricks import registry
from mirbricks.registry import Block

Last = Callable[[int], int]
DRAWS = 6  # of weights and inputs: a ReLU may be dead in one
DILATIONS = {
    "dilations": [1, 2],
    "stacks": 2,
    "residual_channels": 3,
    "skip_channels": 3,
}
SIZES = {"num_heads": 2, "num_layers": 2}


def itself(output: int) -> int:
    return output


class Case(NamedTuple):
    """A block, its inputs, its time axis, and the last frame of its first input that an output may, and does, see."""

    name: str
    shapes: list[tuple[int, ...]]
    config: dict[str, Any]
    last: Last = itself
    axis: int = 2


CASES = [
    *(
        Case(
            "TCN", [(1, 2, 14)], {"channels": [3, 3], "kernel_size": k, "causal": True}
        )
        for k in (2, 3)
    ),
    *(
        Case(
            "GatedConv1d",
            [(1, 2, 14)],
            {"out_channels": 3, "kernel_size": k, "dilation": 2},
        )
        for k in (1, 2, 3)
    ),
    *(
        Case(
            "Conv1d",
            [(1, 2, 14)],
            {
                "out_channels": 3,
                "kernel_size": k,
                "stride": s,
                "dilation": d,
                "padding": "causal",
            },
            lambda i, s=s: i * s + s - 1,  # type: ignore[misc]  # mypy sees no default of a lambda
        )
        for k, s, d in ((1, 1, 1), (4, 1, 3), (4, 2, 1), (3, 3, 1), (2, 3, 4))
    ),
    *(
        Case(
            "ConvTranspose1d",
            [(1, 2, 5)],
            {"out_channels": 3, "kernel_size": k, "stride": s, "padding": "causal"},
            lambda i, s=s: i // s,  # type: ignore[misc]  # mypy sees no default of a lambda
        )
        for k, s in ((1, 1), (3, 1), (4, 2), (3, 3), (7, 2))
    ),
    Case("WaveNetResidualBlock", [(1, 2, 14)], {"dilation": 3}),
    Case("ConditionedWaveNetResidualBlock", [(1, 2, 14), (1, 3)], {"dilation": 3}),
    Case(
        "ConditionedWaveNetResidualBlock", [(1, 2, 14), (1, 3, 5)], {"kernel_size": 3}
    ),
    Case("WaveNet", [(1, 2, 14)], DILATIONS),
    Case("ConditionedWaveNet", [(1, 2, 14), (1, 3)], DILATIONS),
    Case("ConditionedWaveNet", [(1, 2, 14), (1, 3, 5)], DILATIONS),
    Case(
        "SampleRNNTier",
        [(1, 1, 11)],
        {"hidden_size": 3, "frame_size": 4},
        lambda i: i // 4 * 4 - 1,
    ),
    Case(
        "SampleRNNTier",
        [(1, 1, 12)],
        {"hidden_size": 3, "frame_size": 4, "ratio": 2},
        lambda i: i // 2 * 4 - 1,
    ),
    Case(
        "ConditionedSampleRNNTier",
        [(1, 1, 11), (1, 3, 6)],
        {"hidden_size": 3, "frame_size": 2, "num_layers": 2},
        lambda i: i // 2 * 2 - 1,
    ),
    Case(
        "SampleRNNSampleTier",
        [(1, 2, 9), (1, 3, 9)],
        {"out_channels": 4, "frame_size": 3},
        lambda i: i - 1,
    ),
    Case("PCEN", [(1, 3, 9)], {}),
    Case("SelfAttention", [(1, 9, 4)], {"num_heads": 2, "causal": True}, axis=1),
    *(
        Case(name, [(1, 9, 8), (1, 4, 6)][:n_inputs], {**SIZES, **positions}, axis=1)
        for name, n_inputs in (
            ("TransformerDecoder", 1),
            ("TransformerCrossDecoder", 2),
        )
        for positions in (
            {},
            {"positions": "rotary"},
            {"positions": "t5"},
            {"positions": "alibi"},
        )
    ),
    Case(
        "TransformerEncoderDecoder",
        [(1, 9, 8), (1, 4, 6)],
        {"num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1},
        axis=1,
    ),
    *(
        Case(name, [(1, 9, 3)], {"hidden_size": 4, "num_layers": 2}, axis=1)
        for name in ("RNN", "LSTM", "GRU")
    ),
]
LOOKING_AHEAD = [
    Case("TCN", [(1, 2, 14)], {"channels": [3, 3], "kernel_size": 3, "causal": False}),
    Case("SelfAttention", [(1, 9, 4)], {"num_heads": 2, "causal": False}, axis=1),
    Case("TransformerEncoder", [(1, 9, 8)], SIZES, axis=1),
    *(
        Case(name, [(1, 9, 3)], {"hidden_size": 4, "bidirectional": True}, axis=1)
        for name in ("RNN", "LSTM", "GRU")
    ),
]


def built(case: Case) -> Block:
    spec = registry.get(case.name)
    config = spec.cls.Config(**case.config).resolve(spec.contract.bind(case.shapes))
    block = registry.build(spec, config).double().eval()
    if case.name != "PCEN":  # its parameters are powers and means
        for parameter in block.parameters():
            torch.nn.init.normal_(parameter, 0, 0.5)
    return block


def seen(case: Case) -> Tensor:
    """(outputs, inputs): whether an output frame moves with a frame of the first input, in any draw."""
    found = torch.zeros(1, dtype=torch.bool)
    for _ in range(DRAWS):
        x, *others = (torch.rand(shape, dtype=torch.float64) for shape in case.shapes)
        block = built(case)

        def frames(
            x: Tensor, block: Block = block, others: list[Tensor] = others
        ) -> Tensor:
            """(T', anything), each output by weights of its own, so that no sum is 0 for a reason."""
            y = block(x, *others).movedim(case.axis, 0).flatten(1)
            return (y * torch.linspace(1, 2, y.shape[1], dtype=y.dtype)).sum(1)

        slopes = (
            torch.autograd.functional.jacobian(frames, x)
            .movedim(case.axis + 1, 1)
            .flatten(2)
        )
        found = found | (slopes != 0).any(2)
    return found


def label(case: Case) -> str:
    return f"{case.name}-{len(case.shapes)}-{'-'.join(map(str, case.config.values()))}"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_an_output_sees_up_to_its_last_input_and_nothing_later(case: Case) -> None:
    sees = seen(case)
    last = [max(row.nonzero().flatten().tolist(), default=-1) for row in sees]
    assert last == [min(case.last(i), sees.shape[1] - 1) for i in range(len(sees))]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_outputs_before_a_change_do_not_move(case: Case) -> None:
    """By values, which a gradient may hide: a detached path, a comparison."""
    block, (x, *others) = (
        built(case),
        (torch.rand(shape, dtype=torch.float64) for shape in case.shapes),
    )
    before = block(x, *others).movedim(case.axis, 0)
    for frame in range(x.shape[case.axis]):
        changed = x.clone()
        changed.select(case.axis, frame).add_(1)
        after = block(changed, *others).movedim(case.axis, 0)
        for i in range(len(before)):
            assert case.last(i) >= frame or torch.equal(before[i], after[i]), (frame, i)


@pytest.mark.parametrize("case", LOOKING_AHEAD, ids=label)
def test_what_is_not_causal_looks_ahead(case: Case) -> None:
    assert seen(case).triu(1).any()


def test_no_block_that_calls_itself_causal_is_left_out() -> None:
    proved = {case.name for case in CASES}
    named = {
        name
        for name, spec in registry.blocks().items()
        if "causal" in spec.cls.Config.model_fields
        or re.search(r"\bcausal\b", spec.cls.__doc__ or "", re.IGNORECASE)
    }
    assert {
        "TCN",
        "WaveNet",
        "SampleRNNTier",
        "SelfAttention",
        "TransformerDecoder",
        "PCEN",
    } <= named
    assert named <= proved, named - proved
    can_look_ahead = {
        name
        for name in named
        if "causal" in registry.blocks()[name].cls.Config.model_fields
    }
    assert can_look_ahead <= {case.name for case in LOOKING_AHEAD}
