"""Summaries: parameters and multiply-adds by hand, receptive fields against a probe of what reaches the output."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import nn

import mirbricks as mb
from mirbricks.compiler.inference.receptive_field import receptive_fields
from mirbricks.compiler.inference.summary import summarise


def compiled(axes: str, *layers: Any) -> Any:
    torch.manual_seed(0)
    return mb.compile_graph({"name": "g", "input": axes, "layers": list(layers)}).eval()


def test_parameters_and_multiply_adds_by_hand() -> None:
    model = compiled(
        "B C=4 F=6 T=10",
        {
            "Conv2d": {
                "out_channels": 8,
                "kernel_size": [3, 5],
                "groups": 2,
                "padding": "same",
            }
        },
        {"ConvTranspose2d": {"out_channels": 3, "kernel_size": 2, "stride": 2}},
        "BatchNorm2d",
        {"Flatten": {"end_dim": 2}},
        {"Permute": {"dims": [0, 2, 1]}},
        {"LSTM": {"hidden_size": 5, "num_layers": 2, "bidirectional": True}},
        {"Linear": {"out_features": 7}},
    )
    found = {row.block: (row.parameters, row.macs) for row in summarise(model).rows}
    width, frames = 3 * 12, 20
    first, second = (
        4 * 5 * (width + 5),
        4 * 5 * (10 + 5),
    )  # four gates on the input and the state, in one direction
    assert found == {
        "Conv2d": (8 * 2 * 15 + 8, 8 * 2 * 15 * 60),
        "ConvTranspose2d": (
            8 * 3 * 4 + 3,
            8 * 3 * 4 * 60,
        ),  # every input bin and frame meets every weight
        "BatchNorm2d": (6, 0),
        "Flatten": (0, 0),
        "Permute": (0, 0),
        "LSTM": (
            2 * (first + second) + 4 * 40,
            2 * (first + second) * frames,
        ),  # two biases of 20 each time
        "Linear": (77, 70 * frames),
    }
    total = summarise(model)
    assert (total.parameters, total.macs) == tuple(
        map(sum, zip(*found.values(), strict=True))
    )
    assert total.parameters == sum(p.numel() for p in model.parameters())


def test_rows_name_their_layers_and_keep_free_axes() -> None:
    model = compiled(
        "B C=2 T",
        {"Conv1d": {"name": "head", "out_channels": 3, "kernel_size": 5, "stride": 2}},
    )
    summary = summarise(model, hop_s=0.01)
    (row,) = summary.rows
    assert (row.name, row.block, row.shape_in, row.shape_out) == (
        "head",
        "Conv1d",
        ("B", 2, "T"),
        ("B", 3, "(T-3)//2"),
    )
    assert (row.receptive_field_frames, row.receptive_field_s) == (
        5.0,
        pytest.approx(0.05),
    )
    assert summary.macs_at == {"B": 1, "T": 64}
    assert row.macs == 30 * 30
    assert summary.as_dict()["rows"][0]["line"] == row.line == 4


def test_json_has_the_documented_keys() -> None:
    values = json.loads(json.dumps(summarise(compiled("B C=2 T", "ReLU")).as_dict()))
    assert list(values) == [
        "name",
        "rows",
        "input_shapes",
        "output_shapes",
        "parameters",
        "macs",
        "macs_at",
    ]
    assert list(values["rows"][0]) == [
        "name", "block", "line", "shape_in", "shape_out", "parameters", "macs",
        "receptive_field_frames", "receptive_field_s", "stride_frames", "frame_rate_hz", "reused",
    ]  # fmt: skip


def test_counting_leaves_the_model_as_it_was() -> None:
    model = compiled(
        "B C=2 T", "BatchNorm1d", {"Conv1d": {"out_channels": 3, "kernel_size": 5}}
    ).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert summarise(model) == summarise(model)
    assert model.training
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items()
    )
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in model.modules()
    )


def seen(model: nn.Module, shape: tuple[int, ...], axis: int, out_axis: int) -> int:
    """Frames from the first to the last that reach an output frame, the most of all: NaN goes in, one frame a time."""
    reached = []
    with torch.no_grad():
        for frame in range(shape[axis]):
            x = torch.ones(shape)
            x.select(axis, frame).fill_(math.nan)
            reached.append(model(x).isnan().movedim(out_axis, 0).flatten(1).any(1))
    frames = (column.nonzero().flatten() for column in torch.stack(reached).T)
    return max(int(f[-1] - f[0]) + 1 for f in frames if len(f))


CONV1, CONV2 = (
    {"out_channels": 2, "kernel_size": 3},
    {"out_channels": 2, "kernel_size": [3, 3]},
)
CHAINS: dict[str, tuple[str, list[Any], int]] = {
    "kernel": ("B C=2 T=40", [{"Conv1d": {**CONV1, "kernel_size": 5}}], 2),
    "stride": (
        "B C=2 T=60",
        [
            {"Conv1d": {**CONV1, "stride": 2}},
            {"Conv1d": {**CONV1, "stride": 3}},
            {"Conv1d": CONV1},
        ],
        2,
    ),
    "dilation": (
        "B C=2 T=60",
        [{"Conv1d": {**CONV1, "dilation": 4}}, {"Conv1d": {**CONV1, "dilation": 8}}],
        2,
    ),
    "two dimensions": (
        "B C=2 F=9 T=40",
        [
            {"Conv2d": {**CONV2, "kernel_size": [2, 5]}},
            {"Conv2d": {**CONV2, "stride": [1, 2]}},
            {"Conv2d": CONV2},
        ],
        3,
    ),
    "separable": (
        "B C=2 F=9 T=40",
        [{"DepthwiseSeparableConv2d": {"out_channels": 3, "kernel_size": [3, 5]}}],
        3,
    ),
    "pooling": (
        "B C=2 T=60",
        [
            {"Conv1d": CONV1},
            {"MaxPool1d": {"kernel_size": 3}},
            {"Conv1d": CONV1},
            {"AvgPool1d": {"kernel_size": 2}},
        ],
        2,
    ),
    "overlapping pooling": (
        "B C=2 F=8 T=60",
        [{"MaxPool2d": {"kernel_size": [2, 4], "stride": [2, 2]}}, {"Conv2d": CONV2}],
        3,
    ),
    "transposed": (
        "B C=2 T=40",
        [
            {"Conv1d": CONV1},
            {"ConvTranspose1d": {**CONV1, "kernel_size": 2, "stride": 2}},
        ],
        2,
    ),
    "transposed, overlapping": (
        "B C=2 T=40",
        [{"ConvTranspose1d": {**CONV1, "kernel_size": 7, "stride": 3}}, {"ReLU": {}}],
        2,
    ),
    "transposed, gaps": (
        "B C=2 T=40",
        [{"ConvTranspose1d": {**CONV1, "kernel_size": 2, "stride": 3}}],
        2,
    ),
    "transposed, dilated": (
        "B C=2 T=40",
        [{"ConvTranspose1d": {**CONV1, "kernel_size": 4, "stride": 1, "dilation": 2}}],
        2,
    ),
    "repetition": (
        "B C=2 T=40",
        [{"Conv1d": CONV1}, {"Upsample": {"scale_factor": 2}}],
        2,
    ),
    "interpolation": (
        "B C=2 T=40",
        [{"Conv1d": CONV1}, {"Upsample": {"scale_factor": 2, "mode": "linear"}}],
        2,
    ),
    "tcn": ("B C=2 T=80", [{"TCN": {"channels": [2, 2, 2], "kernel_size": 3}}], 2),
    "tcn, looking ahead": (
        "B C=2 T=80",
        [{"TCN": {"channels": [2, 3], "kernel_size": 3, "causal": False}}],
        2,
    ),
    "residual": (
        "B C=2 F=8 T=40",
        [{"ResidualBlock": {"out_channels": 2, "kernel_size": [3, 5]}}],
        3,
    ),
    "residual, projected": (
        "B C=2 F=8 T=40",
        [
            {"ResidualBlock": {"out_channels": 3, "stride": 2}},
            {"ResidualBlock": {"out_channels": 3}},
        ],
        3,
    ),
    "residual, dilated": (
        "B C=2 F=8 T=60",
        [
            {
                "ResidualBlock": {
                    "out_channels": 3,
                    "dilation": [1, 4],
                    "second_kernel_size": [3, 1],
                }
            }
        ],
        3,
    ),
    "convnext": ("B C=2 F=8 T=40", [{"ConvNeXtBlock": {"kernel_size": [3, 7]}}], 3),
    "sinc": (
        "B C=1 T=90",
        [
            {"SincNet": {"out_channels": 2, "kernel_size": 31, "stride": 4}},
            {"Conv1d": CONV1},
        ],
        2,
    ),
    "norms": (
        "B C=2 T=30",
        ["BatchNorm1d", {"Conv1d": CONV1}, {"Softmax": {"dim": 1}}, "PReLU"],
        2,
    ),
    "features": (
        "B C=2 T=30",
        [
            {"Conv1d": CONV1},
            {"Permute": {"dims": [0, 2, 1]}},
            {"LayerNorm": {"normalized_shape": 2}},
            "BatchNorm1dT",
            {"Linear": {"out_features": 3}},
        ],
        1,
    ),
    "axis taken away": (
        "B C=2 F=3 T=30",
        [{"Conv2d": CONV2}, {"Squeeze": {"dim": 2}}, {"Conv1d": CONV1}],
        2,
    ),
    "axis taken away from behind": (
        "B C=2 F=3 T=30",
        [{"Conv2d": CONV2}, {"Squeeze": {"dim": -2}}, {"Conv1d": CONV1}],
        2,
    ),
    "axis added": (
        "B C=2 T=30",
        [
            {"Conv1d": CONV1},
            {"UnSqueeze": {"dim": 2}},
            {"Conv2d": {**CONV2, "kernel_size": [1, 3]}},
        ],
        3,
    ),
    "axis added behind": (
        "B C=2 T=30",
        [
            {"Conv1d": CONV1},
            {"UnSqueeze": {"dim": -1}},
            {"Conv2d": {**CONV2, "kernel_size": [3, 1]}},
        ],
        2,
    ),
    "axes swapped": (
        "B C=2 F=9 T=30",
        [
            {"Conv2d": CONV2},
            {"Permute": {"dims": [0, 1, 3, 2]}},
            {"Conv2d": {**CONV2, "kernel_size": [5, 2]}},
        ],
        2,
    ),
    "axes swapped from behind": (
        "B C=2 F=9 T=30",
        [
            {"Permute": {"dims": [0, 1, -1, -2]}},
            {"MaxPool2d": {"kernel_size": [3, 2]}},
            {"Conv2d": CONV2},
        ],
        2,
    ),
    "frequency averaged": (
        "B C=2 F=9 T=30",
        [{"Conv2d": CONV2}, {"Mean": {"dim": 2}}, {"Conv1d": CONV1}],
        2,
    ),
    "frequency averaged, kept": (
        "B C=2 F=9 T=30",
        [
            {"Max": {"dim": 2, "keepdim": True}},
            {"Conv2d": {**CONV2, "kernel_size": [1, 3]}},
        ],
        3,
    ),
    "convolution after a transposed one": (
        "B C=2 T=30",
        [
            {"ConvTranspose1d": {**CONV1, "kernel_size": 2, "stride": 2}},
            {"Conv1d": {**CONV1, "kernel_size": 4}},
        ],
        2,
    ),
    "norm of the batch itself": (
        "B C=2 T=30",
        [{"BatchNorm1d": {"track_running_stats": False}}],
        2,
    ),
    "frequency flattened": (
        "B C=2 F=4 T=30",
        [
            {"Conv2d": CONV2},
            {"Flatten": {"start_dim": 1, "end_dim": 2}},
            {"Conv1d": CONV1},
        ],
        2,
    ),
    "recurrent": (
        "B C=2 T=30",
        [
            {"Conv1d": CONV1},
            {"Permute": {"dims": [0, 2, 1]}},
            {"GRU": {"hidden_size": 3, "bidirectional": True}},
        ],
        1,
    ),
    "norm over time": (
        "B C=2 T=30",
        [{"Conv1d": {**CONV1, "padding": 1}}, "LayerNorm"],
        2,
    ),
    "softmax over time": (
        "B C=2 T=30",
        [{"Conv1d": {**CONV1, "padding": 1}}, {"Softmax": {"dim": -1}}],
        2,
    ),
    "norm over groups": ("B C=2 T=30", [{"GroupNorm": {"num_groups": 1}}], 2),
    "max, kept": ("B C=2 F=3 T=30", [{"Max": {"dim": 3, "keepdim": True}}], 3),
    "autopool": ("B C=4 F=3 T=30", ["AutoPool"], 3),
}


@pytest.mark.parametrize("name", CHAINS)
def test_receptive_field_is_what_reaches_the_output(name: str) -> None:
    axes, layers, out_axis = CHAINS[name]
    model = compiled(axes, *layers)
    shape = (1, *(size for size in next(iter(model.input_shapes.values()))[1:]))
    found = receptive_fields(model)[-1]
    assert found is not None
    reached = seen(model, shape, axes.split().index("T=" + str(shape[-1])), out_axis)
    assert (shape[-1] if found.frames is None else math.ceil(found.frames)) == reached


@pytest.mark.parametrize("fit", ["error", "crop"])
def test_a_skip_is_bounded_from_above(fit: str) -> None:
    down = [
        {"StoreAs": "E"},
        {"MaxPool1d": {"kernel_size": 2}},
        {"Conv1d": {**CONV1, "padding": "same"}},
    ]
    up = [
        {"ConvTranspose1d": {**CONV1, "kernel_size": 2, "stride": 2}},
        {"CatWith": {"key": "E", "fit": fit}},
    ]
    model = compiled(
        "B C=2 T=64",
        {"Conv1d": {**CONV1, "padding": "same"}},
        *down,
        *up,
        {"Conv1d": CONV1},
    )
    found = receptive_fields(model)[-1]
    assert found is not None
    assert found.frames is not None
    assert seen(model, (1, 2, 64), 2, 2) <= found.frames <= 64


def test_a_wide_skip_stays_wide() -> None:
    """The stored tensor sees more than the branch that joins it."""
    wide = [
        {"Conv1d": {**CONV1, "kernel_size": 9, "padding": "same"}},
        {"StoreAs": "wide"},
    ]
    narrow = [
        {"StoreAs": "input"},
        *wide,
        {"AddWith": "input"},
        {"MulWith": "wide"},
        {"Conv1d": CONV1},
    ]
    model = compiled("B C=2 T=40", *narrow)
    found = receptive_fields(model)[-1]
    assert found is not None
    assert found.frames == seen(model, (1, 2, 40), 2, 2) == 11


def test_without_a_time_axis_there_is_no_receptive_field() -> None:
    model = compiled("B D=4", {"Linear": {"out_features": 3}})
    assert receptive_fields(model) == [None]
    assert summarise(model, hop_s=0.1).rows[0].receptive_field_frames is None


@pytest.mark.parametrize(
    ("layer", "frames"),
    [
        ("PCEN", None),
        ({"LogMel": {"n_fft": 64, "hop_length": 16, "n_mels": 4, "scale": "log"}}, 64),
    ],
)
def test_blocks_that_see_all_frames_say_so(layer: object, frames: int | None) -> None:
    shape = "B C=1 T" if isinstance(layer, dict) else "B C=1 F=4 T"
    field = receptive_fields(mb.compile_graph({"input": shape, "layers": [layer]}))[-1]
    assert field is not None
    assert field.frames == frames
