"""Magnitudes relative to the level around them: by naive loops, and on what is played softer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mirbricks.blocks.frontends.level_norm import LevelNorm


def block(num_frames: int) -> LevelNorm:
    return LevelNorm(LevelNorm.Config(num_frames=num_frames))


@pytest.mark.parametrize("num_frames", [1, 5, 33])
def test_level_norm_by_naive_loops(num_frames):
    torch.manual_seed(0)
    x = torch.rand(2, 2, 6, 11)
    found = block(num_frames)(x).numpy()
    half = num_frames // 2
    for item in range(2):
        for frame in range(11):
            around = x[item, :, :, max(0, frame - half) : frame + half + 1].numpy()
            level = np.sqrt((around.astype(np.float64) ** 2).mean()) + 1e-4
            expected = x[item, :, :, frame].numpy() / level
            np.testing.assert_allclose(found[item, :, :, frame], expected, rtol=1e-5)


def test_what_is_played_softer_gives_the_same():
    x = torch.rand(1, 1, 20, 30) + 0.5
    torch.testing.assert_close(block(9)(0.1 * x), block(9)(x), rtol=2e-3, atol=0)


def test_silence_stays_silence():
    assert not block(9)(torch.zeros(1, 1, 4, 5)).any()


def test_an_output_sees_its_window_and_no_more():
    x = torch.rand(1, 1, 4, 40)
    changed = x.clone()
    changed[..., 30] += 1
    moved = (block(11)(x) != block(11)(changed)).any(2).flatten().nonzero().flatten()
    assert (int(moved.min()), int(moved.max())) == (25, 35)


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="odd"):
        LevelNorm.Config(num_frames=4)
