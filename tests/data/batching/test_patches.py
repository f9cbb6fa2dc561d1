from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mirbricks.data.batching.patches import overlap_add, patch_starts, take_patch


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, int, int]:
    """n_frames, patch_frames, hop_frames."""
    patch = draw(st.integers(1, 40))
    return draw(st.integers(1, 300)), patch, draw(st.integers(1, patch))


@given(layouts())
def test_every_frame_is_covered_and_no_patch_needs_padding_but_of_short_files(
    layout: tuple[int, int, int],
) -> None:
    n_frames, patch, hop = layout
    starts = patch_starts(*layout)
    covered = np.zeros(n_frames, bool)
    for start in starts:
        covered[start : start + patch] = True
    assert covered.all()
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= hop).all()
    assert starts[-1] == max(n_frames - patch, 0)


def test_the_tail_is_kept() -> None:
    assert patch_starts(100, 30, 20).tolist() == [0, 20, 40, 60, 70]
    assert patch_starts(110, 30, 20).tolist() == [0, 20, 40, 60, 80]
    assert patch_starts(30, 30, 20).tolist() == [0]
    assert patch_starts(7, 30, 20).tolist() == [0]


@pytest.mark.parametrize("layout", [(0, 4, 2), (5, 0, 1), (5, 4, 0), (5, 4, 5)])
def test_layouts_that_cover_nothing(layout: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="cover"):
        patch_starts(*layout)


def test_take_patch_pads_outside_and_reads_inside_only() -> None:
    frames = torch.arange(20.0).reshape(2, 10)
    asked = []

    def read(start: int, stop: int) -> Tensor:
        asked.append((start, stop))
        return frames[:, start:stop]

    torch.testing.assert_close(take_patch(read, 3, 4, 10), frames[:, 3:7])
    late = take_patch(read, 8, 4, 10, fill=-1.0)
    torch.testing.assert_close(late, torch.tensor([[8.0, 9, -1, -1], [18, 19, -1, -1]]))
    early = take_patch(read, -2, 4, 10)
    torch.testing.assert_close(early, torch.tensor([[0.0, 0, 0, 1], [0, 0, 10, 11]]))
    assert take_patch(read, -2, 14, 10).shape == (2, 14)
    assert asked == [(3, 7), (8, 10), (0, 2), (0, 10)]


@given(layouts())
def test_overlap_add_of_ones_is_ones(layout: tuple[int, int, int]) -> None:
    starts = patch_starts(*layout)
    whole = overlap_add(torch.ones(len(starts), 2, layout[1]), starts, layout[0])
    torch.testing.assert_close(whole, torch.ones(2, layout[0]))


@given(layouts(), st.integers(0, 2**31))
def test_patches_of_a_track_give_the_track(
    layout: tuple[int, int, int], seed: int
) -> None:
    n_frames, patch, _ = layout
    track = torch.rand(3, 2, n_frames, generator=torch.Generator().manual_seed(seed))
    starts = patch_starts(*layout)
    patches = [
        take_patch(lambda a, b: track[..., a:b], int(s), patch, n_frames, fill=9.0)
        for s in starts
    ]
    torch.testing.assert_close(
        overlap_add(torch.stack(patches), starts, n_frames), track
    )


def test_the_middle_of_a_patch_counts_most() -> None:
    patches = torch.stack([torch.zeros(8), torch.ones(8)])
    mixed = overlap_add(patches, torch.tensor([0, 4]), 12)
    phase = (torch.arange(8) + 0.5) / 8
    window = torch.sin(torch.pi * phase) ** 2
    torch.testing.assert_close(mixed[4:8], window[:4] / (window[:4] + window[4:]))
    assert mixed[:4].abs().max() == 0
    assert (mixed[8:] == 1).all()


def test_dtype_and_gradient_are_kept() -> None:
    patches = torch.rand(3, 5, 8, dtype=torch.float64, requires_grad=True)
    whole = overlap_add(patches, patch_starts(14, 8, 4), 14)
    assert whole.dtype == torch.float64
    whole.sum().backward()
    assert patches.grad is not None
    torch.testing.assert_close(
        patches.grad.sum(), torch.tensor(5.0 * 14, dtype=torch.float64)
    )
