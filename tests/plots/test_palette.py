"""One palette for pages and pictures, which reads well in light and in dark; honest axes with names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.compiler.drawing.svg import (
    BARS,
    COLOURS,
    FAINT,
    INK,
    NIGHT,
    PAPER,
    SKIP,
)
from mirbricks.metrics import Chords
from mirbricks.plots.chords import ribbons
from mirbricks.plots.comparison import curves_of
from mirbricks.plots.palette import DATA, TONES, variables
from mirbricks.plots.pitch import mistakes_s, piano_roll
from mirbricks.plots.style import shades, two_sided
from mirbricks.plots.svg import svg_of
from mirbricks.plots.tags import sound_and_tags, tagogram
from mirbricks.plots.training import loss_curves, track_chart
from mirbricks.report.drawing import drawing
from mirbricks.report.style import STYLE

READABLE = 3.0  # WCAG 2.2, 1.4.11: contrast of what is drawn to its ground
WORDS = 4.5  # and of words


def luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = np.asarray(to_rgb(colour))
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", ["page", "card"])
def test_colours_are_apart_from_the_page_in_both_modes(mode: str, ground: str) -> None:
    under = getattr(TONES[ground], mode)
    for colour in DATA:
        assert contrast(colour, under) >= READABLE
    for name in ("ink", "soft", "accent"):
        assert contrast(getattr(TONES[name], mode), under) >= WORDS
    assert variables(mode) in STYLE


def svg(figure: Figure, most_bytes: int = 500_000) -> str:
    return svg_of(figure, "a picture", width=800, most_bytes=most_bytes, finest=1.0)


def test_words_of_a_picture_are_in_the_fonts_and_tones_of_the_page() -> None:
    text = svg(track_chart({"a <b> & c": {"Accuracy": 0.5}}))
    assert "DejaVu" not in text
    assert "a &lt;b&gt; &amp; c" in text
    assert "system-ui" in text
    assert not set(re.findall(r"#[0-9a-f]{6}\b", text)) - set(DATA)
    assert "var(--ink)" in text


def test_two_pictures_of_a_page_share_no_name() -> None:
    one = svg(track_chart({"a": {"Accuracy": 0.5}}))
    other = svg(track_chart({"a": {"Accuracy": 0.6}}))
    names = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, other)]
    assert names[0]
    assert not names[0] & names[1]
    for text, own in zip((one, other), names, strict=True):
        used = re.findall(r"url\(#([^)]+)\)", text)
        used += re.findall(r'xlink:href="#([^"]+)"', text)
        assert used
        assert set(used) <= own


def test_the_same_figure_gives_the_same_text() -> None:
    figures = [track_chart({"a": {"Accuracy": 0.5}}) for _ in range(2)]
    assert svg(figures[0]) == svg(figures[1])


def test_many_points_become_an_image() -> None:
    figure = Figure()
    figure.add_subplot().scatter(*np.random.default_rng(0).random((2, 5000)))
    text = svg(figure, most_bytes=120_000)
    assert len(text) <= 120_000
    assert text.count("<image") == 1
    assert "<text" in text


def test_shades_begin_with_nothing() -> None:
    assert shades()(0.0)[3] == 0.0
    assert shades()(1.0)[3] == 1.0
    assert two_sided()(0.5)[3] < 0.01
    assert two_sided()(0.0)[:3] != two_sided()(1.0)[:3]


@pytest.mark.parametrize("name", ["codec_rvq", "mpe_small", "mpe_doras_unet"])
def test_a_drawing_on_a_page_leaves_no_field_of_the_other_mode(name: str) -> None:
    graph = Path(mb.__file__).parent / "graphs" / f"{name}.yaml"
    page = drawing(draw(mb.compile_graph(graph)))
    assert "var(--ink)" in page
    for colour in set(re.findall(r'"(#[0-9a-f]{6})"', page)):
        for mode in ("light", "dark"):
            assert contrast(colour, getattr(TONES["page"], mode)) > 1.8, colour


def lines_of(valid: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = [{"step": 10, "loss": 1.0}]
    records += [{"step": 60 + k, "valid": dict(one)} for k, one in enumerate(valid)]
    return records


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_shares_have_an_axis_from_0_to_1_and_steps_begin_at_0(
    values: list[float],
) -> None:
    metrics = lines_of([{"Accuracy": value} for value in values])
    for figure in (loss_curves(metrics), curves_of([metrics, metrics], ["a", "b"])):
        right = figure.axes[1]
        assert right.get_ylim() == (0.0, 1.02)
        for axes in figure.axes:
            low, high = axes.get_xlim()
            assert low == 0
            assert high >= 59 + len(values)
            assert axes.get_xlabel() == "step"
            assert axes.get_ylabel()


@pytest.mark.parametrize("values", [[-3.0], [12.0, 15.0]])
def test_what_is_not_a_share_keeps_its_own_limits(values: list[float]) -> None:
    figure = loss_curves(lines_of([{"si_sdr_db": value} for value in values]))
    low, high = figure.axes[1].get_ylim()
    assert low < min(values)
    assert high > max(values)


def test_the_chart_of_tracks_has_named_axes_and_the_whole_range() -> None:
    axes = track_chart({"a": {"Accuracy": 0.97}, "b": {"Accuracy": 0.99}}).axes[0]
    low, high = axes.get_xlim()
    assert low <= 0.0
    assert high >= 1.0
    assert axes.get_xlabel() == "Accuracy"


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ({"mAP": 0.5, "MRR": 0.4, "MR1": 12.0}, ["mAP", "MRR"]),
        (
            {"rate_bps": 3000.0, "si_sdr_db": 5.0, "snr_db": 7.0},
            ["si_sdr_db", "snr_db"],
        ),
        ({"si_sdr_db": 5.0, "rate_bps": 3000.0}, ["si_sdr_db"]),
    ],
)
def test_one_axis_holds_figures_of_one_kind(
    own: dict[str, float], shown: list[str]
) -> None:
    """A rank would flatten a share, bits per second a dB; what is the same for all tracks has nothing to show."""
    other = {name: value * 0.9 for name, value in own.items()}
    other |= {name: value for name, value in own.items() if name == "rate_bps"}
    (axes,) = track_chart({"a": own, "b": other}, list(own)).axes
    assert axes.get_xlabel() == ", ".join(shown)


def test_tags_begin_at_0_and_end_with_the_recording() -> None:
    times_s = np.array([2.5, 5.0, 7.5])
    scores = np.random.default_rng(0).random((3, 2))
    axes = tagogram(times_s, scores, ["a", "b"], ["a"], "x", length_s=10.0).axes[0]
    assert axes.get_xlim() == (0.0, 10.0)
    assert axes.get_xlabel() == "time (s)"


def test_tags_stand_below_the_sound_over_the_same_time() -> None:
    tags = {
        "times_s": np.array([0.5, 1.5]),
        "scores": np.array([[0.2, 0.8], [0.4, 0.6]]),
        "labels": ["a", "b"],
        "given": ["b"],
    }
    figure = sound_and_tags(np.zeros(16000), 8000, tags, "x", "one of 2 labels")
    above, below = figure.axes[:2]
    assert above.get_xlim() == below.get_xlim() == (0.0, 2.0)
    assert above.get_ylabel() == "frequency (Hz)"
    assert above.get_title(loc="right") == "one of 2 labels"


def test_the_colours_of_chords_have_a_legend() -> None:
    spans_s = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    figure = ribbons(Chords(spans_s, ["C:maj", "A:min", "N"]), None, "song")
    (legend,) = figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["C", "A", "paler: minor", "no chord"]
    assert figure.axes[-1].get_xlabel() == "time (s)"


def test_the_legend_of_chords_spells_roots_as_the_bars_do() -> None:
    spans_s = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])
    labels = ["G#:maj", "Eb:min/b3", "D#/5", "X"]
    figure = ribbons(Chords(spans_s, labels), None, "song")
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["G#", "D#, Eb", "paler: minor", "other"]


def test_a_piano_roll_names_both_axes_and_knows_where_it_is_wrong() -> None:
    times_s = np.arange(4) * 0.01
    truth = (times_s, [np.array([220.0])] * 4)
    found = [np.array([220.0]), np.array([222.0]), np.array([300.0]), np.empty(0)]
    axes = piano_roll(times_s, found, truth, None, None, "x").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "pitch")
    wrong = mistakes_s((times_s, found), truth)
    np.testing.assert_allclose(np.sort(wrong), [0.02, 0.02, 0.03])


def test_words_of_a_drawing_can_be_read_in_the_dark() -> None:
    fields = [NIGHT[PAPER], *(NIGHT[fill] for fill, _ in COLOURS.values())]
    for words in (INK, FAINT):
        assert all(contrast(NIGHT[words], field) >= WORDS for field in fields)
    for words in (SKIP, *BARS):
        assert contrast(NIGHT[words], NIGHT[PAPER]) >= WORDS
