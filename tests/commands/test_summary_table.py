"""The table of a summary at every width: whole names, no line longer than the screen, what is hidden is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.commands.graphs.summary_table import print_summary
from mirbricks.compiler.inference.summary import Row, Summary

Capture = pytest.CaptureFixture[str]
NAMES = st.from_regex(
    r"[a-z][a-z0-9_]{0,14}(\.[a-z][a-z0-9_]{0,14}){0,2}", fullmatch=True
)
SIZES = st.integers(1, 10**6)


@st.composite
def rows(draw: Any) -> Row:
    frames = draw(st.none() | SIZES)
    return Row(
        name=draw(NAMES),
        block=draw(st.sampled_from(["ReLU", "Conv2d", "ResidualVectorQuantizer"])),
        line=draw(st.integers(1, 9999)),
        shape_in=("B", draw(SIZES), "T"),
        shape_out=("B", draw(SIZES), draw(st.sampled_from(["T", "(T+8)//40"]))),
        parameters=draw(st.integers(0, 10**9)),
        macs=draw(st.integers(0, 10**12)),
        receptive_field_frames=frames,
        receptive_field_s=None if frames is None else draw(st.none() | st.just(0.25)),
        stride_frames=draw(st.none() | st.just(2.0)),
        frame_rate_hz=draw(st.none() | st.just(43.07)),
        reused=draw(st.booleans()),
    )


def printed(found: list[Row], width: int | None) -> list[str]:
    shapes = {"x": ("B", 1, "T")}
    result = Summary("graph", tuple(found), shapes, shapes, 3, 4, {"B": 1})
    with pytest.MonkeyPatch.context() as patch:
        if width is None:
            patch.delenv("COLUMNS", raising=False)
        else:
            patch.setenv("COLUMNS", str(width))
        lines: list[str] = []
        patch.setattr("builtins.print", lambda text: lines.extend(text.split("\n")))
        print_summary(result)
    return lines


@settings(max_examples=40)
@given(st.lists(rows(), min_size=1, max_size=3), st.integers(80, 220))
def test_no_line_is_longer_than_the_screen_and_no_name_is_cut(
    found: list[Row], width: int
) -> None:
    lines = printed(found, width)
    assert max(map(len, lines)) <= width
    head = next(line for line in lines if line.startswith("layer"))
    assert "out" in head
    assert "parameters" in head
    # Names go on below where they are too long: together the lines still hold them whole.
    column = len(head.partition("out")[0].partition("block")[0].partition("line")[0])
    together = "".join(line[:column].strip() for line in lines[4:])
    for row in found:
        assert row.name in together


@settings(max_examples=40)
@given(st.lists(rows(), min_size=1, max_size=3))
def test_a_pipe_gets_everything(found: list[Row]) -> None:
    text = "\n".join(printed(found, None))
    assert "not shown" not in text
    for row in found:
        assert f"{row.name}  " in text
        assert str(row.line) in text
        assert row.reused or f"{row.parameters or ''}" in text.replace(",", "")


def test_what_has_no_room_is_named() -> None:
    row = Row("a", "ReLU", 1, ("B",), ("B",), 1, 1, 1, None, 1.0, None)
    assert printed([row], 31)[2].split() == ["layer", "block", "out", "parameters"]
    hidden = "line, in, MACs, sees, a frame every"
    assert printed([row], 31)[-1] == (
        f"not shown at 31 columns: {hidden}; --json has all"
    )
