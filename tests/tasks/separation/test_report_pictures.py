"""What a report shows of a separation: a stretch in which every target plays."""

from __future__ import annotations

import pytest
import torch

from mirbricks.tasks.separation.pictures import busiest


@pytest.mark.parametrize(
    ("plays", "least", "most"),
    [
        ([(0, 1000), (600, 1000)], 550, 750),  # the second target comes in late
        ([(0, 400), (300, 1000)], 200, 300),  # they overlap for a moment
        ([(0, 1000), (0, 0)], 0, 750),  # one that never plays is not waited for
        ([(0, 0), (0, 0)], 0, 0),
    ],
)
def test_the_stretch_in_which_all_targets_play(
    plays: list[tuple[int, int]], least: int, most: int
) -> None:
    references = torch.zeros(2, 1, 1000)
    for row, (start, stop) in zip(references, plays, strict=True):
        row[:, start:stop] = 0.1
    assert least <= busiest(references, 250) <= most


def test_a_short_recording_is_shown_whole() -> None:
    assert busiest(torch.ones(2, 1, 100), 250) == 0
