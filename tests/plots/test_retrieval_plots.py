"""Pictures of retrieval say what they are given."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from mirbricks.plots.retrieval import Ranked, embedding, ranked, similarity
from mirbricks.plots.style import HIT, png_bytes


def test_similarity_frames_each_work_and_hides_the_diagonal() -> None:
    scores = np.arange(25.0).reshape(5, 5)
    figure = similarity(
        scores, ["a", "a", "b", "c", "c"], [f"$name {k}" for k in range(5)]
    )
    axes = figure.axes[0]
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [(frame.get_x(), frame.get_width()) for frame in frames] == [
        (-0.5, 2),
        (2.5, 2),
    ]
    shown = axes.images[0].get_array()
    assert shown is not None
    assert np.isnan(np.diag(np.ma.filled(shown, np.nan))).all()
    assert shown[1, 2] == scores[1, 2]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"$name {k}" for k in range(5)
    ]
    assert png_bytes(figure, 60)[:4] == b"\x89PNG"


def test_similarity_of_many_has_no_names() -> None:
    figure = similarity(np.eye(150), [str(k // 2) for k in range(150)], ["x"] * 150)
    assert len(figure.axes[0].patches) == 75
    assert png_bytes(figure, 40)


def test_hits_of_a_ranked_list_are_green() -> None:
    rows = [
        Ranked(
            "a query with a title that is rather long",
            0.5,
            [("one", 0.9, False), ("two", 0.8, True)],
        ),
        Ranked("another", 1.0, [("three", 0.9, True)]),
    ]
    figure = ranked(rows)
    axes = figure.axes[0]
    assert [to_hex(patch.get_facecolor()) == HIT for patch in axes.patches] == [
        False,
        True,
        True,
    ]
    words = {text.get_text() for text in axes.texts}
    assert {"one", "two", "three", "AP 0.50", "AP 1.00", "0.90"} <= words
    assert png_bytes(figure, 60)


def test_an_embedding_of_one_or_several_vectors() -> None:
    rng = np.random.default_rng(0)
    for chunks in (1, 5):
        vectors = rng.standard_normal((chunks, 16))
        figure = embedding(rng.random((12, 50)), vectors, 0.5, "song")
        assert figure.axes[0].get_xlim() == (0.0, 25.0)
        np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), vectors)
        assert png_bytes(figure, 60)


def test_the_time_axis_of_beats_is_not_in_seconds() -> None:
    rng = np.random.default_rng(0)
    seen = rng.random((12, 50))
    figure = embedding(seen, rng.random((1, 4)), None, "song", pitch_classes=True)
    axes = figure.axes[0]
    assert axes.get_xlim() == (0.0, 50.0)
    assert "time" not in axes.get_xlabel()
    assert "beat" in axes.get_xlabel()
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"]


def test_repeated_pitch_classes_have_their_names_again() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.random((1, 4))
    for n_bins, ylabel in (
        (23, "pitch class"),
        (24, "bin of the feature"),
        (84, "bin of the feature"),
    ):
        seen = rng.random((n_bins, 5))
        axes = embedding(seen, vectors, 0.1, "song", pitch_classes=True).axes[0]
        assert axes.get_ylabel() == ylabel
    axes = embedding(rng.random((23, 5)), vectors, 0.1, "s", pitch_classes=True).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert (names[0], names[12], names[22]) == ("C", "C", "B♭")
    assert (
        embedding(rng.random((12, 5)), vectors, 0.1, "s").axes[0].get_ylabel()
        == "bin of the feature"
    )
