"""What a report shows of recordings: truth, estimate and score in words, a picture and a player each."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from mirbricks.report import shown as module
from mirbricks.report.players import Room
from mirbricks.report.shown import shown, title_of
from mirbricks.tasks.base import Case, Picture, Sounding
from mirbricks.tasks.sounds import Sound

HOSTILE = "<script>alert('x')</script>"


def noise(title: str, length_s: float = 0.2) -> Sound:
    rng = np.random.default_rng(0)
    samples = rng.uniform(-0.5, 0.5, (1, round(8000 * length_s)))
    return Sound(samples.astype(np.float32), 8000, title=title)


def test_a_wrong_recording_has_truth_estimate_score_player_and_spectrogram() -> None:
    case = Case(
        HOSTILE, truth="dog", estimate=HOSTILE, score="0.02", sounds=[noise(HOSTILE)]
    )
    html = shown([case])
    assert "<script>" not in html
    pairs = re.findall(r"<dt>(\w+)</dt><dd>([^<]*)</dd>", html)
    assert [name for name, _ in pairs] == ["truth", "estimate", "score"]
    assert html.count("<audio controls") == html.count('class="plot"') == 1
    assert "frequency (Hz)" in html
    assert html.count("&lt;script&gt;") >= 3


def test_every_recording_shown_has_a_player_and_a_spectrogram() -> None:
    figure = Figure()
    figure.add_subplot().plot([0, 1])
    several = [
        Case("best", truth="a", figure=figure, sounds=[noise("1"), noise("2")]),
        Case("wrong", sounds=[noise("3")]),
        Case("wrong too", sounds=[noise("4")]),
        Sounding("made", "", [noise("5")]),
        Picture("curve", "", figure),
    ]
    html = shown(several)
    cards = re.findall(r'<figure class="sound">(.*?)</figure>', html, re.DOTALL)
    assert len(cards) == 5
    for card in cards:
        assert card.count("<audio controls") == 1
        assert card.count("<svg") == 1
    # Small ones stand side by side.
    assert html.count('<div class="cases">') == 1
    assert html.count('<article class="case">') == 3


def test_facts_that_are_not_known_are_left_out() -> None:
    assert "<dt>" not in shown([Case("x")])
    assert "<dl>" not in shown([Case("x")])


def test_a_page_has_a_bound_and_reports_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "Room", lambda: Room(9_000))
    html = shown([Sounding("three", "", [noise(str(k)) for k in range(3)])])
    assert html.count("<audio controls") < html.count('<figure class="sound">') == 3
    n_left_out = 3 - html.count("<audio controls")
    words = "1 sound has" if n_left_out == 1 else f"{n_left_out} sounds have"
    assert f"{words} a picture and no player" in html
    assert html.count("no player: the page holds") == n_left_out


def test_many_channels_are_mixed_down_and_the_page_says_so() -> None:
    six = Sound(np.zeros((6, 800), np.float32), 8000, title="six")
    assert "the player has the mean of 6 channels" in shown([Sounding("x", "", [six])])


def test_the_title_of_the_part() -> None:
    assert title_of([Case("a")]) == "What it finds"
    assert title_of([Case("a"), Sounding("b", "", [])]) == "What it sounds like"
