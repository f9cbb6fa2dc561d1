"""The windows that a recording is judged by: every frame once, and late ones with what came before them."""

from __future__ import annotations

from typing import Any

import pytest

from mirbricks.tasks.token_generation.patches import windows_of


class Lengths:
    """Recordings of so many frames, by their keys."""

    def __init__(self, lengths: dict[str, int]) -> None:
        self.lengths = lengths

    def n_frames(self, key: str) -> int:
        return self.lengths[key]


def windows(lengths: dict[str, int], frames: int) -> list[Any]:
    encoded: Any = Lengths(lengths)
    return windows_of(list(lengths), encoded, frames)


@pytest.mark.parametrize("frames", [1, 2, 5, 64])
def test_every_frame_is_judged_once(frames: int) -> None:
    lengths = {str(n): n for n in (*range(1, 20), 63, 64, 65, 95, 96, 97, 200)}
    judged: dict[str, list[int]] = {key: [] for key in lengths}
    for window in windows(lengths, frames):
        assert window.frames <= frames
        own = range(window.start + window.known, window.start + window.frames)
        judged[window.key] += own
    for key, n in lengths.items():
        assert judged[key] == list(range(n))


def test_late_frames_have_half_a_window_before_them() -> None:
    found = windows({"a": 10, "b": 3}, 4)
    assert [(one.start, one.known, one.frames) for one in found] == [
        (0, 0, 4),
        (2, 2, 4),
        (4, 2, 4),
        (6, 2, 4),
        (0, 0, 3),
    ]
    assert [one.row for one in found] == [0, 0, 0, 0, 1]
