"""The report: one file that stands alone, whatever the names in it; the pictures say what they show."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.midi_numbers import midi_of
from mirbricks.plots.pitch import _matched, flatten, note_name, piano_roll
from mirbricks.plots.style import png_bytes
from mirbricks.plots.training import loss_curves, track_chart
from mirbricks.report.html import Report, write_report
from mirbricks.tasks.base import Picture, Sounding

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
HOSTILE = "<script>alert('x')</script> & \"quotes\""
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Balance(HTMLParser):
    """Every tag that opens closes, in order; no script but the report's own; nothing from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.addresses: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        # A clip or a mark of the picture itself is not an address.
        self.addresses += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "xlink:href", "srcset", "action", "data")
            and not (value or "").startswith("#")
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert tag not in ("link", "iframe", "object", "embed", "base")
        own = dict(attrs)
        assert tag != "img" or own.get("alt")
        if own.get("class", "").startswith("plot"):
            assert own.get("role") == "img"
            assert own.get("aria-label")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report_of(title: str = "mpe_small on bach10", n_tracks: int = 2) -> Report:
    figures = {"Accuracy": 0.88, "Precision": 0.9, "Recall": 0.95, "Total Error": 0.1}
    times_s = np.arange(100) * 0.01
    truth = (times_s, [np.array([220.0, 330.0])] * 100)
    figure = piano_roll(times_s, [np.array([220.0])] * 100, truth, None, None, title)
    return Report(
        title=title,
        subtitle=title,
        command=f"mirbricks train '{title}'",
        model=mb.compile_graph(GRAPHS[0].parent / "mpe_small.yaml"),
        metrics=[
            {"step": 10, "loss": 0.5},
            {"step": 20, "loss": 0.4},
            {"step": 20, "valid": {"Accuracy": 0.8}},
        ],
        figures=figures,
        tracks={f"{title} {i}": figures for i in range(n_tracks)},
        headline=("Accuracy", "Precision", "Recall"),
        pictures=[Picture(f"best {title}", title, figure)],
        settings=f"name: {title}",
        versions={"torch": title},
        facts={"corpus": title},
    )


@pytest.mark.parametrize("title", ["mpe_small on bach10", HOSTILE])
def test_report_is_one_well_formed_file(title: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(report_of(title), path)
    html = path.read_text()
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert parser.scripts == 1
    assert all(address.startswith("data:") for address in parser.addresses)
    assert len(set(parser.ids)) == len(parser.ids)
    assert not re.search(r"@import|url\([\"']?(?!#)", html)
    assert "DejaVu" not in html
    assert "alert('x')</script>" not in html
    assert path.stat().st_size < 3_000_000
    for words in ("0.880", "Total Error", "residualblock_1", "65,313"):
        assert words in html


def test_large_figures_have_no_decimals(tmp_path: Path) -> None:
    figures = {"frechet": 47_708.81, "share": 0.5, "nothing": float("nan")}
    report = replace(report_of(), figures=figures, headline=tuple(figures))
    write_report(report, tmp_path / "report.html")
    cards = re.findall(r"<b>([^<]+)</b><span>", (tmp_path / "report.html").read_text())
    assert cards == ["47,709", "0.500", "nan"]


def test_report_shows_every_track_and_the_mean(tmp_path: Path) -> None:
    write_report(report_of(n_tracks=7), tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    rows = re.findall(r'<th scope="row">(.*?)</th>', html)
    assert [row for row in rows if row.startswith("mpe_small on")] == [
        f"mpe_small on bach10 {i}" for i in range(7)
    ]
    assert "mean" in rows


def test_what_is_only_right_or_wrong_has_no_chart(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    for value, charted in ((1.0, False), (0.5, True)):
        figures = {"correct": value}
        tracks = {"a": figures, "b": {"correct": 0.0}}
        report = replace(
            report_of(), figures=figures, tracks=tracks, headline=("correct",)
        )
        write_report(report, path)
        assert ('aria-label="correct per track"' in path.read_text()) is charted


def test_tables_come_before_pictures(tmp_path: Path) -> None:
    write_report(report_of(), tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert html.index("<table>") < html.index("<svg")


def test_parts_have_a_row_per_track(tmp_path: Path) -> None:
    """Figures named FIGURE/PART do not widen the table of tracks."""
    figures = {"Accuracy": 0.5, "Accuracy/horn & harp": 0.25, "Accuracy/drum": 0.75}
    report = report_of(n_tracks=2)
    tracks = dict.fromkeys(report.tracks, figures)
    path = tmp_path / "report.html"
    write_report(replace(report, figures=figures, tracks=tracks), path)
    html = path.read_text()
    assert html.count("<td>horn &amp; harp</td><td>0.250</td>") == 3
    assert "<td>mean</td><td>0.500</td>" in html
    assert "Accuracy/drum" not in html


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_graph_is_drawn_with_its_skips(path: Path) -> None:
    model = mb.compile_graph(path)
    svg = draw(model)
    root = ElementTree.fromstring(svg)
    text = " ".join(root.itertext())
    for node in model.nodes:
        assert node.block in text
    for op in model.ops:
        assert (
            op.kind in ("run", "StoreAs") or "/" in op.name or op.name in text
        )  # a branch's own keys have no name
    assert svg == draw(mb.compile_graph(path))


def test_drawing_escapes_names() -> None:
    model = mb.compile_graph({"name": HOSTILE, "input": "B C F T", "layers": ["ReLU"]})
    ElementTree.fromstring(draw(model))
    assert "<script" not in draw(model)


@given(
    st.lists(st.lists(st.floats(60, 2000), max_size=3), min_size=1, max_size=6),
    st.integers(1, 6),
)
def test_hits_are_pitches_within_half_a_semitone_of_the_nearest_frame(
    frames: list[list[float]], n_times: int
) -> None:
    times_s = np.arange(len(frames)) * 0.02
    truth = [np.array(frame) for frame in frames]
    at_s = np.arange(n_times) * 0.013
    found = [np.array([100.0 * (i + 1), 440.0]) for i in range(n_times)]
    at, midi = flatten(at_s, found)
    expected = []
    for time_s, pitch in zip(at, midi, strict=True):
        nearest = int(
            np.argmin(np.abs(times_s - time_s) - 1e-12 * np.arange(len(times_s), 0, -1))
        )
        expected.append(
            any(abs(midi_of(np.array(hz)) - pitch) <= 0.5 for hz in frames[nearest])
        )
    assert _matched(at, midi, times_s, truth).tolist() == expected


NONE = [np.empty(0)]
TIMES_S = np.arange(3) * 1.0


@pytest.mark.parametrize(
    ("figure", "n_lines", "words"),
    [
        (piano_roll(np.zeros(1), NONE, None, None, None, ""), 1, {"found"}),
        (
            piano_roll(TIMES_S, NONE * 3, (TIMES_S[:2], NONE * 2), None, None, "x"),
            4,
            {"truth", "missed", "false alarm", "hit"},
        ),
        (
            piano_roll(
                TIMES_S,
                [np.array([50.0])] * 3,
                None,
                np.zeros((4, 3)),
                np.array([40.0, 50, 60, 70]),
                "x",
            ),
            1,
            {"found"},
        ),
        (loss_curves([]), 0, set()),
        (loss_curves([{"step": 1, "loss": None}]), 0, set()),
        (track_chart({"a": {"Accuracy": 1.0}}), 2, {"Accuracy"}),
    ],
    ids=["nothing found", "nothing true", "salience", "no run", "no loss", "one track"],
)
def test_pictures_of_empty_and_odd_input(
    figure: Figure, n_lines: int, words: set[str]
) -> None:
    """They show what there is, with its legend, and nothing else."""
    figure.savefig(io.BytesIO(), format="png")
    axes = figure.axes[0]
    assert len(axes.lines) + len(axes.collections) == n_lines
    legend = axes.get_legend()
    texts = legend.get_texts() if legend is not None else []
    assert {text.get_text() for text in texts} == words
    low, high = axes.get_ylim()
    assert np.isfinite([low, high]).all()
    assert low < high


@pytest.mark.parametrize("name", ["$\\frac{$ 100 $x_", "君が代 🎵", HOSTILE, "x" * 300])
def test_pictures_take_any_name(name: str) -> None:
    times_s = np.arange(3) * 0.01
    frames = [np.array([220.0])] * 3
    for figure in (
        piano_roll(times_s, frames, (times_s, frames), None, None, name),
        track_chart({name: {name: 1.0}}),
        loss_curves([{"step": 1, "loss": 1.0}, {"step": 1, "valid": {name: 0.5}}]),
    ):
        assert png_bytes(figure, 50).startswith(b"\x89PNG")
        assert png_bytes(figure, 50) == png_bytes(figure, 50)


def test_hits_misses_and_false_alarms_are_told_apart() -> None:
    times_s = np.arange(4) * 0.01
    truth = (times_s, [np.array([220.0])] * 4)
    found = [np.array([220.0]), np.array([222.0]), np.array([300.0]), np.empty(0)]
    (axes,) = piano_roll(times_s, found, truth, None, None, "x").axes
    drawn = {}
    for line in axes.lines:
        # A line is as long as its frames together.
        steps = np.diff(np.asarray(line.get_xdata(), float))
        frames = round(float(np.nansum(steps)) / 0.01)
        drawn[str(line.get_label()).split(" (")[0]] = frames
    assert drawn == {"truth": 4, "missed": 2, "false alarm": 1, "hit": 2}


def test_best_validation_is_marked() -> None:
    metrics = [
        {"step": s, "valid": {"Accuracy": a, "Recall": 1 - a}}
        for s, a in ((10, 0.3), (20, 0.7), (30, 0.6))
    ]
    legend = loss_curves([{"step": 5, "loss": 0.5}, *metrics]).axes[1].get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == [
        "Accuracy (best 0.700 at step 20)",
        "Recall",
    ]


def test_a_rank_does_not_flatten_the_shares_beside_it() -> None:
    metrics = [
        {"step": step, "valid": {"pair_accuracy": 0.9, "rank": 20.0 + step, "std": 1.1}}
        for step in (10, 20)
    ]
    shares, rank = loss_curves(metrics, ("pair_accuracy", "rank", "std")).axes[1:]
    assert shares.get_ylim()[1] < 1.5
    assert rank.get_ylim()[1] > 30
    legend = shares.get_legend()
    assert legend is not None
    texts = [t.get_text() for t in legend.get_texts()]
    assert texts == ["pair_accuracy (best 0.900 at step 10)", "rank (right)", "std"]


def test_a_long_report_stays_small(tmp_path: Path) -> None:
    times_s = np.arange(12_000) * 0.0116
    rng = np.random.default_rng(0)
    frames = list(rng.uniform(100, 800, (12_000, 4)))
    pitches = 32.7 * 2 ** (np.arange(360) / 60)
    salience = rng.uniform(size=(360, 12_000)).astype(np.float32)
    figure = piano_roll(times_s, frames, (times_s, frames), salience, pitches, "long")
    one = report_of()
    pictures = [Picture("best", "", figure), Picture("worst", "", figure)]
    write_report(replace(one, pictures=pictures), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_note_names() -> None:
    assert [note_name(m) for m in (21, 60, 61, 69, 108)] == [
        "A0",
        "C4",
        "C♯4",
        "A4",
        "C8",
    ]


@dataclass(frozen=True)
class Heard:
    """A sound as the page needs it."""

    title: str
    samples: Any
    sr_hz: int = 8000
    details: Mapping[str, Any] = field(default_factory=dict)


def played(html: str) -> list[tuple[Any, int]]:
    """The audio of every player in the page."""
    found = re.findall(r'src="data:audio/flac;base64,([^"]+)"', html)
    return [soundfile.read(io.BytesIO(base64.b64decode(one))) for one in found]


def test_sounds_have_players_beside_their_pictures(tmp_path: Path) -> None:
    wave = 0.5 * np.sin(np.arange(4000) * 0.1)
    notes = [
        Heard("a guitar", wave[None], details={"pitchmidi": 60}),
        Heard(HOSTILE, np.stack([wave, -wave])),
    ]
    sounding = Sounding(f"best {HOSTILE}", "what came back", notes)
    report = report_of()
    pictures = [*report.pictures, sounding]
    write_report(replace(report, pictures=pictures), tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert parser.scripts == 1
    assert all(address.startswith("data:") for address in parser.addresses)
    assert "alert('x')</script>" not in html
    assert "pitchmidi 60 · 0.50 s at 8000 Hz" in html
    assert "<h2>What it sounds like</h2>" in html
    (one, rate), (two, _) = played(html)
    assert rate == 8000
    np.testing.assert_allclose(one, wave, atol=2**-14)
    assert two.shape == (4000, 2)
    assert (
        html.count("<audio controls") == html.count('<figure class="sound"><div') == 2
    )


def test_a_long_sound_is_cut_and_the_page_says_so(tmp_path: Path) -> None:
    long = Heard("long", np.zeros((1, 8000 * 11)))
    loud = Heard("loud", np.full((1, 8000), 1.5))
    report = replace(report_of(), pictures=[Sounding("two", "", [long, loud])])
    write_report(report, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert [len(samples) for samples, _ in played(html)] == [8000 * 10, 8000]
    assert "11.00 s at 8000 Hz · the player has the first 10 s" in html
    assert "clipped: its peak is 1.50" in html
    assert html.count("the player has") == html.count("clipped") == 1
