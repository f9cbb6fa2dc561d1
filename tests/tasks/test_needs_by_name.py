"""A task of several tensors: a graph fits where the names do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.errors import TaskError
from mirbricks.tasks import NeedsByName

NEEDS = NeedsByName(
    inputs={"x": ("B", 8, "T"), "time": ("B",), "label": ("B",)},
    outputs={"velocity": ("B", 8, "T")},
    optional={"label"},
    reads="latents with their time",
    gives="a velocity for each latent",
    frames={"task.patch_frames": 32},
)
X = ("B", 8, "T")
B = ("B",)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"x": X, "time": B, "label": B}, {"velocity": X}),
        ({"time": B, "x": X}, {"velocity": X}),
        # One output without a name is the first that the task reads.
        ({"x": X, "time": B}, {"": X}),
        # A graph may fix what is free, and may give more than is read.
        ({"x": ("B", 8, 32), "time": B}, {"velocity": ("B", 8, 32), "extra": B}),
        # A graph that leaves the channels free fits any number of them.
        ({"x": ("B", "C", "T"), "time": B}, {"velocity": ("B", "C", "T")}),
    ],
)
def test_what_fits(inputs: dict, outputs: dict) -> None:
    NEEDS.refuse_misfit(inputs, outputs)


@pytest.mark.parametrize(
    ("inputs", "outputs", "code", "words"),
    [
        ({"x": X, "t": B}, {"": X}, "E501", "its inputs have other names"),
        ({"x": X}, {"": X}, "E501", "x, time, label (optional)"),
        ({"x": X, "time": B, "pitch": B}, {"": X}, "E501", "x, time, pitch"),
        ({"x": ("B", 9, "T"), "time": B}, {"": X}, "E501", "its input 'x'"),
        ({"x": X, "time": ("B", 1)}, {"": X}, "E501", "its input 'time'"),
        ({"x": X, "time": B}, {"a": X, "b": X}, "E502", "its outputs have other"),
        ({"x": X, "time": B}, {"": ("B", 4, "T")}, "E502", "(B, 8, T)"),
        ({"x": X, "time": B}, {"": ("B", 8, "T/2")}, "E502", "(B, 8, T/2)"),
    ],
)
def test_what_does_not(inputs: dict, outputs: dict, code: str, words: str) -> None:
    with pytest.raises(TaskError) as caught:
        NEEDS.refuse_misfit(inputs, outputs)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_single_input_is_the_first_whatever_its_name() -> None:
    needs = NeedsByName({"wave": ("B", 1, "N")}, {"wave": ("B", 1, "N")})
    needs.refuse_misfit({"anything": ("B", 1, "T")}, {"": ("B", 1, "T")})
    assert needs.names_of(["anything"]) == {"wave": "anything"}


def test_the_sizes_that_a_task_gives() -> None:
    free = NEEDS.given_shapes({"x": X, "time": B})
    assert free == {"task.patch_frames": {"x": (None, 8, 32), "time": (None,)}}


@given(st.permutations(["x", "time", "label"]))
def test_the_order_of_names_means_nothing(order: list[str]) -> None:
    shapes = {"x": X, "time": B, "label": B}
    NEEDS.refuse_misfit({name: shapes[name] for name in order}, {"": X})
