"""Receptive fields of U-Nets, skips and transforms against a probe: NaN goes in, one frame a time."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.inference.receptive_field import receptive_fields
from mirbricks.compiler.inference.summary import summarise
from mirbricks.compiler.inference.time_field import Field

CONV = {"out_channels": 2, "kernel_size": 3}
SAME = {**CONV, "padding": "same"}
UP = {"Upsample": {"scale_factor": 2}}
UNETS: list[dict[str, Any]] = [
    {},
    {"upsampling": "nearest"},
    {"upsampling": "linear", "downsampling": "strided"},
    {"layout": "doras", "fit": "crop"},
    {"stage_config": {"kernel_size": 1}, "upsampling": "linear"},
    {"stage_repeats": 2, "downsampling": "average"},
]


def field_of(axes: str, *layers: Any) -> tuple[mb.GraphModule, Field]:
    torch.manual_seed(0)
    model = mb.compile_graph(
        {"name": "g", "input": axes, "layers": list(layers)}
    ).eval()
    field = receptive_fields(model)[-1]
    assert field is not None
    return model, field


def probed(model: torch.nn.Module, shape: tuple[int, ...]) -> int:
    """Frames from the first to the last that an output frame sees, the most of all; time is the last axis."""
    x = torch.ones(shape[-1], *shape)
    frames = torch.arange(shape[-1])
    x[frames, ..., frames] = math.nan
    with torch.no_grad():
        reached = model(x).isnan().flatten(1, -2).any(1).T
    seen = (row.nonzero().flatten() for row in reached)
    return max(int(f[-1] - f[0]) + 1 for f in seen if len(f))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("config", UNETS)
@pytest.mark.parametrize("dims", [1, 2])
def test_unets_to_the_frame(dims: int, config: dict[str, Any], depth: int) -> None:
    n = {1: 80, 2: 128, 3: 256}[depth]
    model, field = field_of(
        "B C=2 T" if dims == 1 else "B C=2 F=8 T",
        {f"UNet{dims}d": {"depth": depth, "widths": 2, **config}},
    )
    found = probed(model, (2, n) if dims == 1 else (2, 8, n))
    assert found < n  # the probe is not cut by the ends
    assert (field.frames, field.stride) == (found, 1)


@pytest.mark.parametrize("stride", [3, 4])
def test_unets_of_other_strides(stride: int) -> None:
    model, field = field_of(
        "B C=2 T", {"UNet1d": {"depth": 2, "widths": 2, "stride": stride}}
    )
    assert field.frames == probed(model, (2, 288))


CHAINS: dict[str, list[Any]] = {
    "skip": [
        {"Conv1d": SAME},
        {"StoreAs": "E"},
        {"MaxPool1d": {"kernel_size": 2}},
        {"Conv1d": SAME},
        {"ConvTranspose1d": {**CONV, "kernel_size": 2, "stride": 2}},
        {"CatWith": "E"},
        {"Conv1d": CONV},
    ],
    "skip to one side": [
        {"StoreAs": "E"},
        {"Conv1d": {**CONV, "kernel_size": 6, "padding": 5}},
        {"CatWith": {"key": "E", "fit": "crop"}},
    ],
    "two paths of different strides": [
        {"branch": [[{"AvgPool1d": {"kernel_size": 3, "stride": 2}}, UP], []], "fit": "crop"},
        {"Conv1d": {**CONV, "kernel_size": 2}},
    ],
    "one and a half": [{"Conv1d": CONV}, {"Upsample": {"scale_factor": 1.5}}, {"Conv1d": CONV}],
    "one and a half, between": [{"Upsample": {"scale_factor": 1.5, "mode": "linear"}}, {"Conv1d": CONV}],
    "up and down": [
        {"ConvTranspose1d": {**CONV, "kernel_size": 5, "stride": 3, "padding": 1}},
        {"Conv1d": {**CONV, "stride": 2, "dilation": 2}},
        {"ConvTranspose1d": {**CONV, "stride": 2, "dilation": 3}},
        {"MaxPool1d": {"kernel_size": 3, "stride": 2, "padding": 1}},
        {"Conv1d": CONV},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_paths_and_steps_to_the_frame(name: str) -> None:
    model, field = field_of("B C=2 T", *CHAINS[name])
    assert field.frames == probed(model, (2, 60))


def test_the_inverse_of_a_transform_adds_frames_that_overlap() -> None:
    """A sample lies in ⌈16 / 4⌉ frames; a sample later it may be in the next four."""
    model, field = field_of("B C=2 F=9 T", {"ISTFT": {"n_fft": 16, "hop_length": 4}})
    assert field.frames == probed(model, (2, 9, 20)) == 4
    assert field.stride == Fraction(1, 4)
    assert (
        field_of(
            "B C=2 F=9 T",
            {"ISTFT": {"n_fft": 16, "hop_length": 4}},
            {"Conv1d": {**CONV, "kernel_size": 2}},
        )[1].frames
        == 5
    )


def test_a_transform_and_its_inverse() -> None:
    fields = {"n_fft": 16, "hop_length": 4}
    model, field = field_of("B C=1 T", {"STFT": fields}, {"ISTFT": fields})
    assert field.frames == probed(model, (1, 120)) == 16 + 3 * 4
    assert field.stride == 1


def test_paths_whose_frames_lie_differently_far_apart_are_as_wide_as_the_wider() -> (
    None
):
    fine, coarse = (
        Field.start().convolved(5, 1, 1, 2),
        Field.start().convolved(9, 2, 1, 4),
    )
    assert (fine.joined(coarse).frames, coarse.joined(fine).frames) == (9, 9)
    assert fine.joined(coarse.all_frames()).frames is None


def test_long_kernels_and_high_rates_take_no_time() -> None:
    """A kernel of a million samples, then 1,024 frames for one: only the outermost taps are looked at."""
    field = Field.start().convolved(1_000_000, 512, 1, 0)
    assert (field.frames, field.stride) == (1_000_000, 512)
    field = field.transposed(4096, 1024, 1, 0).convolved(100_000, 1, 1, 0)
    assert field.stride == Fraction(1, 2)
    assert (
        field.frames == 1_000_000 + 512 * 101
    )  # 100,000 samples are of ⌊(99,999 + 4,095) / 1,024⌋ + 1 = 102 frames


def test_the_summary_tells_whole_frames() -> None:
    model, _ = field_of("B C=2 T", {"UNet1d": {"depth": 3, "widths": 2}})
    assert summarise(model).rows[0].receptive_field_frames == 100


@pytest.mark.parametrize(
    ("pattern", "sizes"),
    [
        ("b c f t -> b f c t", {}),
        ("b c ... t -> b (c ...) 1 t", {}),
        ("b (c q) f t -> b c (f q) t", {"q": 2}),
    ],
)
def test_a_pattern_leaves_time_where_it_says(
    pattern: str, sizes: dict[str, int]
) -> None:
    rearranged = {"Rearrange": {"pattern": pattern, "sizes": sizes}}
    layers = [{"Conv2d": SAME}, rearranged, {"Conv2d": SAME}]
    model, field = field_of("B C=2 F=8 T=32", *layers)
    assert field.frames == probed(model, (2, 8, 32)) == 5


@pytest.mark.parametrize(
    "pattern", ["b c f (t s) -> b (c s) f t", "b c f (t s) -> b c (f t) s"]
)
def test_time_that_a_pattern_parts_is_not_followed(pattern: str) -> None:
    rearranged = {"Rearrange": {"pattern": pattern, "sizes": {"s": 2}}}
    layers = [{"Conv2d": SAME}, rearranged, {"Conv2d": SAME}]
    model = mb.compile_graph({"input": "B C=2 F=8 T=32", "layers": layers})
    field = receptive_fields(model)[-1]
    assert field is None or field.whole


def test_what_is_cut_to_the_size_of_a_skip_is_followed() -> None:
    strided = {"out_channels": 2, "kernel_size": 5, "stride": 2, "padding": 2}
    layers = [
        {"StoreAs": "skip"},
        {"Conv2d": strided},
        {"ConvTranspose2d": {**strided, "output_padding": 1}},
        {"FitTo": {"size_of": "skip"}},
        {"CatWith": "skip"},
        {"Conv2d": SAME},
    ]
    model, field = field_of("B C=2 F=8 T", *layers)
    assert field.stride == 1
    assert field.advance == 2
    assert field.frames == probed(model, (2, 8, 41))
