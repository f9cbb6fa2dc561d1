from __future__ import annotations

from typing import Any

import pytest

from mirbricks.plots.corpus import balanced_labels, corpus_picture, in_words
from mirbricks.plots.style import png_bytes


def annotation(
    extent: str, content: str, values: dict[str, tuple[int, int]], **more: Any
) -> dict[str, Any]:
    """`values` are counts in train and valid; each lasts 60 s."""
    listed = {
        word: {
            "count": sum(counts),
            "duration_s": 60.0 * sum(counts),
            "sides": {
                side: {"count": n, "duration_s": 60.0 * n}
                for side, n in zip(("train", "valid"), counts, strict=True)
            },
        }
        for word, counts in values.items()
    }
    atoms = sum(map(sum, values.values()))
    return {
        "extent": extent, "content": content, "recordings": 9, "atoms": atoms, "different": len(values),
        "values": listed, **more,
    }  # fmt: skip


def about(**annotations: Any) -> dict[str, Any]:
    return {
        "name": "songs_$x", "recordings": 10, "groups": 4, "duration_s": 600.0, "sample_rates_hz": {44100: 10},
        "features": {}, "annotations": annotations,
    }  # fmt: skip


CHORDS = annotation("segment", "text", {"C:maj": (5, 2), "G:maj": (9, 4)}, covered=0.5)
NOTES = annotation(
    "segment", "numeric", {str(40 + i): (i + 2, 1) for i in range(30)}, covered=0.9
)
DURATIONS = {"train": [10.0, 200.0, 30.0], "valid": [50.0]}


def bars(axes: Any) -> list[tuple[float, float]]:
    return [(round(bar.get_x(), 3), round(bar.get_width(), 3)) for bar in axes.patches]


def test_bars_are_the_minutes_of_each_side_the_largest_first() -> None:
    figure = corpus_picture(about(chord=CHORDS), DURATIONS)
    lengths, coverage, balance = figure.get_axes()
    assert [label.get_text() for label in balance.get_yticklabels()] == [
        "G:maj",
        "C:maj",
    ]
    assert bars(balance) == [(0, 9), (9, 4), (0, 5), (5, 2)]
    assert bars(coverage) == [(0, 0.9), (0, 0.45)]
    assert sum(bar.get_height() for bar in lengths.patches) == 4
    legend = figure.subfigs[0].legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["train", "valid"]


def test_many_numbers_stand_where_they_lie() -> None:
    balance = corpus_picture(about(pitch=NOTES), DURATIONS).get_axes()[2]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in balance.patches]
    assert centres == pytest.approx([*range(40, 70), *range(40, 70)])
    assert [bar.get_height() for bar in balance.patches[:3]] == [2, 3, 4]


def test_which_labels_are_worth_a_panel() -> None:
    kinds = {
        "title": annotation("global", "text", {str(i): (1, 0) for i in range(10)}),
        "split": annotation("global", "text", {"train": (5, 5), "valid": (5, 5)}),
        "one": annotation("global", "text", {"same": (5, 5)}),
        "genre": annotation("global", "text", {"rock": (5, 5), "jazz": (5, 5)}),
        "chord": CHORDS,
        "beat": annotation("marker", "numeric", {"1": (50, 5), "2": (50, 5)}),
    }
    assert balanced_labels(kinds) == ["chord", "genre"] or balanced_labels(kinds) == [
        "genre",
        "chord",
    ]


@pytest.mark.parametrize(
    "durations_s",
    [{"all": []}, {"all": [3.0]}, {str(k): [30.0, 30.0] for k in range(12)}],
)
def test_it_is_drawn_whatever_there_is(durations_s: dict[str, list[float]]) -> None:
    assert png_bytes(corpus_picture(about(), durations_s), 40).startswith(b"\x89PNG")


def test_lengths_in_words() -> None:
    assert [in_words(seconds) for seconds in (3.04, 119.0, 120.0, 9000.0)] == [
        "3.0 s",
        "119.0 s",
        "2.0 min",
        "2.5 hours",
    ]
