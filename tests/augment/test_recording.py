"""Rooms, filters and noise on spectra, against naive loops and by their statistics."""

from __future__ import annotations

import numpy as np
import torch

from mirbricks.augment.recording import FilterAugment, NoiseFloor, Smear


def test_smear_against_its_recursion() -> None:
    x = torch.randn(2, 3, 4, 20, dtype=torch.float64)
    smear = Smear(Smear.Config(decibels=10.0))
    y = smear.apply(
        x, {"decay": torch.tensor([5.0, 40.0]), "level_db": torch.tensor([-3.0, 6.0])}
    )
    for row, (decay, level_db) in enumerate(((5.0, -3.0), (40.0, 6.0))):
        a, energy = 10.0 ** (-6.0 / decay), 10.0 ** x[row]
        room, expected = torch.zeros(3, 4, dtype=torch.float64), energy.clone()
        for t in range(20):
            expected[..., t] += 10 ** (level_db / 10) * room
            room = a * room + (1 - a) * energy[..., t]
        torch.testing.assert_close(y[row], expected.log10(), rtol=1e-5, atol=1e-6)


def test_a_sound_dies_away_after_it_has_come() -> None:
    x = torch.full((1, 1, 1, 12), -10.0)
    x[..., 4] = 0.0
    y = Smear(Smear.Config(decibels=10.0))(x, np.random.default_rng(0))
    assert y[..., 4].abs() < 1e-4
    assert (y[..., :4] < -9).all()
    assert (y[..., 4:].diff() < 0).all()


def test_a_filter_is_a_line_from_corner_to_corner() -> None:
    x = torch.randn(2, 3, 9, 4, generator=torch.Generator().manual_seed(0))
    augment = FilterAugment(FilterAugment.Config(decibels=20.0, bands=2))
    place = torch.tensor([[0.0, 0.25, 1.0], [0.0, 0.6, 1.0]])
    gain_db = torch.tensor([[6.0, -2.0, 4.0], [0.0, 3.0, -3.0]])
    y = augment.apply(x, {"place": place, "gain_db": gain_db})
    for row in range(2):
        line = np.interp(np.arange(9) / 8, place[row], gain_db[row]) / 20.0
        expected = x[row] + torch.from_numpy(line).float()[:, None]
        torch.testing.assert_close(y[row], expected)


def test_corners_are_drawn_in_order_and_gains_in_their_range() -> None:
    augment = FilterAugment(FilterAugment.Config(bands=5, min_db=-4.0, max_db=1.0))
    drawn = augment.draw(300, np.random.default_rng(0))
    assert drawn["place"].shape == drawn["gain_db"].shape == (300, 6)
    assert (drawn["place"].diff(dim=1) >= 0).all()
    assert (drawn["place"][:, 0] == 0).all()
    assert (drawn["place"][:, -1] == 1).all()
    assert -4.0 <= drawn["gain_db"].min() < -3.9
    assert 0.9 < drawn["gain_db"].max() < 1.0


def test_one_band_is_a_straight_line() -> None:
    y = FilterAugment(FilterAugment.Config(bands=1))(
        torch.zeros(4, 1, 10, 2), np.random.default_rng(0)
    )
    assert y.diff(dim=2).diff(dim=2).abs().max() < 1e-5


def test_noise_has_the_energy_of_its_level_about_silence() -> None:
    floor = NoiseFloor(NoiseFloor.Config(decibels=80.0, zero_db=-80.0))
    x = torch.full(
        (2, 1, 3, 40_000), -9.0, dtype=torch.float64
    )  # 800 dB below the loudest
    drawn = {
        "level_db": torch.tensor([-60.0, -40.0]),
        "rise_db": torch.tensor([20.0, -6.0]),
        "seed": torch.tensor([1, 2]),
    }
    energy = 10 ** ((floor.apply(x, drawn) * 80 - 80) / 10)
    means_db = 10 * energy.mean(-1)[:, 0].log10()
    expected = torch.tensor(
        [[-60.0, -50.0, -40.0], [-40.0, -43.0, -46.0]], dtype=torch.float64
    )
    torch.testing.assert_close(means_db, expected, rtol=0, atol=0.1)
    ratio = energy.std(-1) / energy.mean(-1)  # 1 for an exponential distribution
    torch.testing.assert_close(ratio, torch.ones_like(ratio), rtol=0, atol=0.03)


def test_noise_adds_to_the_energy_of_a_sound() -> None:
    floor = NoiseFloor(NoiseFloor.Config(decibels=10.0))
    drawn = {
        "level_db": torch.tensor([-20.0]),
        "rise_db": torch.tensor([0.0]),
        "seed": torch.tensor([5]),
    }
    silent, sounding = torch.full((1, 1, 4, 6), -50.0), torch.full((1, 1, 4, 6), -1.5)
    noise = 10 ** floor.apply(silent, drawn)
    torch.testing.assert_close(10 ** floor.apply(sounding, drawn), 10**sounding + noise)
