"""Sizes that depend on free axes, as formulas: each is the one that a person would write."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mirbricks as mb
from mirbricks.compiler.inference.formulas import formula
from mirbricks.compiler.inference.probe import probe

# Sizes as the compiler tries them: two of them 128 apart, an odd one, a large one.
FRAMES = [64, 192, 229, 192 * 9973]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (lambda _: 7, 7),
        (lambda t: t, "T"),
        (lambda t: 2 * t, "2T"),
        (lambda t: 3 * t - 5, "3T-5"),
        (lambda t: t + 4, "T+4"),
        (lambda t: t - 4, "T-4"),
        (lambda t: t // 2, "T//2"),
        (lambda t: t // 3, "T//3"),
        (lambda t: -(-t // 3), "(T+2)//3"),
        (lambda t: (t - 4) // 3, "(T-4)//3"),
        (lambda t: (t - 1) // 512 + 1, "(T+511)//512"),
        (lambda t: t * t, "T'"),
    ],
)
def test_one_free_axis(size: object, text: int | str) -> None:
    sizes = [size(t) for t in FRAMES]  # type: ignore[operator]  # a function of the frames
    assert formula(sizes, [{"B": 2 + i, "T": t} for i, t in enumerate(FRAMES)]) == text


def test_what_divides_exactly_has_one_stroke() -> None:
    choices = [{"T": 64}, {"T": 192}]
    assert formula([32, 96], choices) == "T/2"
    assert formula([17, 49], choices) == "(T+4)/4"


def test_a_size_that_no_axis_explains_has_the_last_axis_in_its_name() -> None:
    choices = [{"B": 2, "F": 64, "T": 64}, {"B": 3, "F": 192, "T": 256}]
    assert formula([5, 4], choices) == "T'"
    assert formula([5, 4], [{"B": 2}, {"B": 3}]) == "B'"


@given(
    st.integers(1, 4), st.integers(-20, 20), st.integers(1, 40),
)  # fmt: skip
def test_every_formula_gives_the_sizes_it_is_of(
    slope: int, offset: int, divisor: int
) -> None:
    sizes = [(slope * t + offset) // divisor for t in FRAMES]
    text = formula(sizes, [{"T": t} for t in FRAMES])
    if not isinstance(text, str) or "'" in text:
        return
    python = re.sub(r"(\d)T", r"\1*T", text).replace("T/", "T//").replace(")/", ")//")
    python = python.replace("////", "//").replace("///", "//")
    assert [eval(python, {"T": t}) for t in FRAMES] == sizes


def test_without_free_axes_but_the_batch_two_sizes_are_enough() -> None:
    model = mb.compile_graph({"input": "B C=2 T=5", "layers": ["ReLU"]})
    runs, choices = probe(model.graph, model.graph.inputs)
    assert len(runs) == 2
    assert choices == [{"B": 2}, {"B": 3}]
