"""Every plot function draws into axes of the caller's, beside other things, without pyplot's state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mirbricks.metrics import Chords
from mirbricks.plots.chords import ribbons
from mirbricks.plots.embeddings import embedding_map, over_time, singular_values
from mirbricks.plots.pitch import piano_roll
from mirbricks.plots.rainbow import rainbowgram
from mirbricks.plots.retrieval import Ranked, embedding, ranked, similarity
from mirbricks.plots.sound import sound, spectrogram, waveform
from mirbricks.plots.style import png_bytes
from mirbricks.plots.tags import confusion, tagogram

RNG = np.random.default_rng(0)
TIMES_S = np.arange(40) / 10
PITCHES = [np.array([220.0, 440.0])] * 40
LONG = Chords(np.array([[0.0, 70.0], [70.0, 200.0]]), ["C:maj", "A:min"])
PLOTS: dict[str, Callable[[Axes | None], Any]] = {
    "piano_roll": lambda ax: piano_roll(
        TIMES_S, PITCHES, (TIMES_S, PITCHES), None, None, "song", ax=ax
    ),
    "ribbons": lambda ax: ribbons(LONG, LONG, "song", ax=ax),
    "tagogram": lambda ax: tagogram(
        TIMES_S, RNG.random((40, 3)), ["a", "b", "c"], ["b"], "song", ax=ax
    ),
    "confusion": lambda ax: confusion(np.eye(3, dtype=np.int64), ["a", "b", "c"], ax),
    "similarity": lambda ax: similarity(
        RNG.random((3, 3)), ["a", "a", "b"], ["x"] * 3, ax
    ),
    "ranked": lambda ax: ranked([Ranked("q", 0.5, [("one", 0.9, True)])], ax),
    "embedding": lambda ax: embedding(
        RNG.random((12, 9)), RNG.random((2, 5)), 0.5, "song", ax
    ),
    "embedding_map": lambda ax: embedding_map(
        RNG.random((9, 4)), ["a", "b", "c"] * 3, ax
    ),
    "singular_values": lambda ax: singular_values(RNG.random((9, 4)), ax),
    "waveform": lambda ax: waveform(RNG.random(900), 8000, "note", ax),
    "spectrogram": lambda ax: spectrogram(RNG.random(900), 8000, "note", ax),
    "sound": lambda ax: sound(RNG.random(900), 8000, "note", ax),
    "rainbowgram": lambda ax: rainbowgram(RNG.random(900), 8000, "note", ax),
    "over_time": lambda ax: over_time(TIMES_S, RNG.random((40, 4)), "song", ax),
}


def n_drawn(axes: Axes) -> int:
    parts = (axes.images, axes.lines, axes.patches, axes.collections, axes.texts)
    return sum(len(part) for part in parts)


@pytest.mark.parametrize("name", list(PLOTS))
def test_it_draws_on_the_axes_that_it_is_given(name: str) -> None:
    figure = Figure(figsize=(12, 5))
    left, right = figure.subplots(1, 2)
    assert PLOTS[name](right) is figure
    assert n_drawn(left) == 0
    assert n_drawn(right) > 0
    assert png_bytes(figure, 40)


@pytest.mark.parametrize("name", list(PLOTS))
def test_without_axes_it_makes_a_figure(name: str) -> None:
    one, other = PLOTS[name](None), PLOTS[name](None)
    assert isinstance(one, Figure)
    assert one is not other
    assert n_drawn(one.axes[0]) > 0


def test_a_long_ribbon_on_one_axes_is_one_row() -> None:
    axes = Figure().add_subplot()
    PLOTS["ribbons"](axes)
    assert axes.get_xlim() == (0.0, 200.0)
    assert len(PLOTS["ribbons"](None).axes) == 3


def test_pyplot_is_never_imported() -> None:
    rooms = [
        "chords",
        "corpus",
        "embeddings",
        "filters",
        "pitch",
        "rainbow",
        "retrieval",
        "sound",
        "tags",
        "training",
    ]
    imports = ", ".join(f"mirbricks.plots.{room}" for room in rooms)
    code = f"import sys, {imports}\nassert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
