"""Masks, transposition and mixing against naive loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.augment.mixing import mixup, mixup_of_sounds, remix
from mirbricks.augment.spectrum import SpecAugment, Transpose
from mirbricks.augment.spectrum_shape import RandomResizedCrop, Roll, Tilt


@pytest.mark.parametrize("cyclic", [False, True])
def test_transpose_against_a_naive_loop(cyclic: bool) -> None:
    x = torch.randn(5, 2, 7, 3)
    transpose = Transpose(
        Transpose.Config(min_bins=-9, max_bins=9, cyclic=cyclic, fill=-1.0)
    )
    drawn = {"bins": torch.tensor([0, 2, -3, 8, -7])}
    naive = torch.full_like(x, -1.0)
    for row, bins in enumerate(drawn["bins"].tolist()):
        for k in range(7):
            if cyclic:
                naive[row, :, (k + bins) % 7] = x[row, :, k]
            elif 0 <= k + bins < 7:
                naive[row, :, k + bins] = x[row, :, k]
    assert torch.equal(transpose.apply(x, drawn), naive)


def test_every_shift_is_drawn() -> None:
    transpose = Transpose(Transpose.Config(min_bins=-2, max_bins=3))
    found = transpose.draw(500, np.random.default_rng(0))["bins"].tolist()
    assert set(found) == {-2, -1, 0, 1, 2, 3}


@given(
    seed=st.integers(0, 10**6),
    bins=st.integers(0, 12),
    frames=st.integers(0, 20),
    masks=st.integers(0, 3),
)
def test_masks_are_bands_of_limited_width(
    seed: int, bins: int, frames: int, masks: int
) -> None:
    config = SpecAugment.Config(
        bin_masks=masks,
        max_bins=bins,
        frame_masks=masks,
        max_frames=frames,
        max_share=0.5,
        fill=9.0,
    )
    x = torch.zeros(4, 2, 10, 16)
    y = SpecAugment(config)(x, np.random.default_rng(seed))
    hidden = y == 9.0
    assert ((y == 0) | hidden).all()
    assert (hidden == hidden[:, :1]).all()
    whole_bins = hidden[:, 0].all(dim=2).sum(1)
    whole_frames = hidden[:, 0].all(dim=1).sum(1)
    assert (whole_bins <= masks * min(bins, 5)).all() or (whole_frames == 16).any()
    assert (whole_frames <= masks * min(frames, 8)).all() or (whole_bins == 10).any()
    for row in range(4):  # what is hidden is whole bins and whole frames only
        by_bin, by_frame = hidden[row, 0].all(dim=1), hidden[row, 0].all(dim=0)
        assert torch.equal(hidden[row, 0], by_bin[:, None] | by_frame[None, :])


def test_widths_go_from_nothing_to_the_greatest() -> None:
    config = SpecAugment.Config(bin_masks=1, max_bins=3, frame_masks=0, fill=9.0)
    y = SpecAugment(config)(torch.zeros(400, 1, 10, 2), np.random.default_rng(0))
    assert set((y[:, 0, :, 0] == 9).sum(1).tolist()) == {0, 1, 2, 3}


def test_the_fill_is_the_mean_of_the_example() -> None:
    x = torch.randn(3, 1, 10, 12) + torch.tensor([0.0, 10.0, 20.0])[:, None, None, None]
    y = SpecAugment(SpecAugment.Config(max_bins=5, max_frames=6))(
        x, np.random.default_rng(1)
    )
    for one, other in zip(x, y, strict=True):
        changed = other[other != one]
        torch.testing.assert_close(changed, one.mean().expand_as(changed))


def test_mixup_against_a_naive_loop() -> None:
    x, targets = torch.randn(6, 2, 5), torch.eye(6)
    mixed, labels = mixup(x, targets, 0.4, np.random.default_rng(0))
    for row in range(6):
        share = labels[row]
        torch.testing.assert_close(share.sum(), torch.tensor(1.0))
        assert share[row] >= 0.5
        torch.testing.assert_close(mixed[row], torch.einsum("b,bcn->cn", share, x))
    assert ((labels > 0).sum(1) == 2).any()


def test_sounds_are_mixed_as_between_class_learning_does_in_a_naive_loop() -> None:
    rng = np.random.default_rng(4)
    energies = torch.from_numpy(rng.uniform(0.1, 2.0, (6, 1, 3, 5)))
    energies *= torch.tensor([1.0, 1e-2, 7.0, 0.3, 1e-6, 40.0])[:, None, None, None]
    targets = torch.eye(6, dtype=torch.float64)
    mixed, labels = mixup_of_sounds(energies, targets, 0.4, np.random.default_rng(0))
    n_mixed = 0
    for row in range(6):
        share = float(labels[row, row])
        others = [k for k in range(6) if k != row and labels[row, k] > 0]
        assert share >= 0.5
        if not others:
            torch.testing.assert_close(mixed[row], energies[row])
            continue
        n_mixed += 1
        (k,) = others
        # Eq. 2 of the paper by amplitudes: p = 1 / (1 + 10^((G1 - G2) / 20) (1 - r) / r), at the level of the first.
        level = max(energies[row, 0, :, t].mean() for t in range(5))
        other = max(energies[k, 0, :, t].mean() for t in range(5))
        gain = min(max(level / other, 1e-3), 1e3)
        expected = share**2 * energies[row] + (1 - share) ** 2 * gain * energies[k]
        torch.testing.assert_close(mixed[row], expected / (share**2 + (1 - share) ** 2))
    assert n_mixed > 2


def test_a_silent_partner_leaves_a_sound_as_finite_as_it_was() -> None:
    energies = torch.stack([torch.ones(1, 3, 5), torch.zeros(1, 3, 5)])
    mixed, _ = mixup_of_sounds(energies, torch.eye(2), 0.4, np.random.default_rng(0))
    assert mixed.isfinite().all()


def test_remix_keeps_one_stem_at_least_and_gains_in_range() -> None:
    stems = torch.ones(300, 4, 1, 3)
    made = remix(stems, np.random.default_rng(0), gain_db=6.0, drop=0.9)
    gain = made[:, :, 0, 0]
    assert ((gain > 0).sum(1) >= 1).all()
    heard = 20 * gain[gain > 0].log10()
    assert -6.0 <= heard.min() < -5.5
    assert 5.5 < heard.max() <= 6.0
    assert torch.equal(made, gain[:, :, None, None].expand_as(made))


def test_remix_swaps_stems_of_the_same_place() -> None:
    stems = torch.arange(20.0).reshape(5, 4, 1, 1) + 1
    made = remix(stems, np.random.default_rng(0), gain_db=0.0, swap=1.0)
    assert not torch.equal(made, stems)
    for place in range(4):
        assert (
            sorted(made[:, place].flatten().tolist())
            == stems[:, place].flatten().tolist()
        )


def test_roll_moves_frames_in_a_circle() -> None:
    x = torch.randn(3, 2, 4, 10)
    y = Roll(Roll.Config()).apply(x, {"share": torch.tensor([0.0, 0.31, 0.99])})
    for row, frames in enumerate((0, 3, 9)):
        assert torch.equal(y[row], x[row].roll(frames, -1))


def test_tilt_adds_a_line_over_the_bins() -> None:
    x = torch.zeros(1, 1, 5, 2, dtype=torch.float64)
    y = Tilt(Tilt.Config()).apply(
        x, {"level": torch.tensor([0.5]), "slope": torch.tensor([2.0])}
    )
    line = torch.tensor([-1.5, -0.5, 0.5, 1.5, 2.5], dtype=torch.float64)
    torch.testing.assert_close(y[0, 0], line[:, None].expand(5, 2))


def _crop(x: torch.Tensor, **drawn: float) -> torch.Tensor:
    settled = {"time": 1.0, "bins": 1.0, "time_place": 0.0, "bin_place": 0.0} | drawn
    crop = RandomResizedCrop(RandomResizedCrop.Config())
    return crop.apply(
        x, {name: torch.tensor([value]) for name, value in settled.items()}
    )


def test_a_crop_of_the_whole_is_the_input() -> None:
    x = torch.randn(1, 2, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(_crop(x), x)


def test_a_crop_reads_a_line_where_it_lies() -> None:
    frames = torch.arange(8, dtype=torch.float64)
    x = frames.expand(1, 1, 6, 8)
    half = _crop(x, time=0.5)[
        0, 0, 0
    ]  # the middle half: frames 1.75 to 5.25, half a frame apart
    torch.testing.assert_close(half, 1.75 + 0.5 * frames)
    moved = _crop(x, time=0.5, time_place=0.125)[0, 0, 0]
    torch.testing.assert_close(moved, half + 1)


def test_around_the_input_a_crop_sees_its_mirror_image() -> None:
    x = torch.arange(6, dtype=torch.float64)[:, None].expand(1, 1, 6, 4)
    up = _crop(x, bin_place=1 / 3)[0, 0, :, 0]
    torch.testing.assert_close(
        up, torch.tensor([2.0, 3, 4, 5, 5, 4], dtype=torch.float64)
    )


@pytest.mark.parametrize("max_share", [0.25, 0.5, 1.0])
def test_masks_lie_where_they_were_drawn(max_share: float) -> None:
    """Bins and frames have other sizes, limits and draws, so that none can stand for the other."""
    config = SpecAugment.Config(
        bin_masks=2,
        max_bins=4,
        frame_masks=1,
        max_frames=9,
        max_share=max_share,
        fill=9.0,
    )
    augmentation = SpecAugment(config)
    drawn = augmentation.draw(50, np.random.default_rng(5))
    y = augmentation.apply(torch.zeros(50, 1, 10, 17), drawn)
    expected = torch.zeros(50, 1, 10, 17)
    for row in range(50):
        for mask in range(2):
            most = min(4, int(max_share * 10))
            width = int(float(drawn["bin_width"][row, mask]) * (most + 1))
            start = int(float(drawn["bin_place"][row, mask]) * (10 - width + 1))
            expected[row, :, start : start + width] = 9.0
        most = min(9, int(max_share * 17))
        width = int(float(drawn["frame_width"][row, 0]) * (most + 1))
        start = int(float(drawn["frame_place"][row, 0]) * (17 - width + 1))
        expected[row, :, :, start : start + width] = 9.0
    assert torch.equal(y, expected)


def test_a_mask_can_lie_at_either_end() -> None:
    config = SpecAugment.Config(bin_masks=1, max_bins=3, frame_masks=0, fill=9.0)
    for place, hidden in ((0.0, [0, 1, 2]), (0.9999, [7, 8, 9])):
        drawn = {
            "bin_width": torch.tensor([[0.9999]]),
            "bin_place": torch.tensor([[place]]),
            "frame_width": torch.zeros(1, 0),
            "frame_place": torch.zeros(1, 0),
        }
        y = SpecAugment(config).apply(torch.zeros(1, 1, 10, 2), drawn)
        assert y[0, 0, :, 0].nonzero().flatten().tolist() == hidden
