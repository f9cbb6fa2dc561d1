"""Copies of a map moved by its harmonics: by naive loops, and on tones whose harmonics are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mirbricks.blocks.frontends.harmonic_shift import HarmonicShift


def block(channels: int, harmonics: list[float], bins_per_octave: int) -> HarmonicShift:
    config = HarmonicShift.Config(
        in_channels=channels,
        harmonics=tuple(map(float, harmonics)),
        bins_per_octave=bins_per_octave,
    )
    return HarmonicShift(config)


@pytest.mark.parametrize("bins_per_octave", [3, 12, 48])
@pytest.mark.parametrize(
    "harmonics", [[1], [0.5, 1, 2], [1 / 3, 1 / 2], [2, 3], [1, 2.5, 60]]
)
def test_harmonic_shift_by_naive_loops(harmonics, bins_per_octave):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 40, 4)
    found = block(3, harmonics, bins_per_octave)(x)

    expected = np.zeros((2, 3 * len(harmonics), 40, 4), dtype=np.float32)
    for number, harmonic in enumerate(harmonics):
        shift = round(bins_per_octave * math.log2(harmonic))
        for channel, bin in np.ndindex(3, 40):
            if 0 <= bin + shift < 40:
                row = x[:, channel, bin + shift].numpy()
                expected[:, 3 * number + channel, bin] = row
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("bins_per_octave", [5, 12])
def test_a_spectrum_alone_is_shifted_as_a_frame_of_a_map_is(bins_per_octave):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 31)
    found = block(3, [0.25, 1, 1.5, 3], bins_per_octave)(x)

    # The reference in numpy: what comes into view at the one end, zeros at the other.
    copies = []
    for harmonic in (0.25, 1, 1.5, 3):
        shift = round(bins_per_octave * math.log2(harmonic))
        copy = np.zeros((2, 3, 31), np.float32)
        for bin in range(max(0, -shift), min(31, 31 - shift)):
            copy[..., bin] = x[..., bin + shift].numpy()
        copies.append(copy)
    np.testing.assert_array_equal(found.numpy(), np.concatenate(copies, axis=1))


def test_the_harmonics_of_a_tone_meet_at_its_pitch():
    """Channel h brings the partial at 10 + round(36 log2 h) of a tone at bin 10 to bin 10; no other bin has all."""
    numbers = [1, 2, 3, 4, 5]
    map_ = torch.zeros(1, 1, 120, 1)
    for number in numbers:
        map_[0, 0, 10 + round(36 * math.log2(number))] = 1
    met = block(1, numbers, 36)(map_).sum(1).flatten()
    assert int(met.argmax()) == 10
    assert float(met[10]) == len(numbers)
    assert float(met.sort().values[-2]) < len(numbers)


def test_a_transposed_map_gives_a_transposed_answer():
    torch.manual_seed(0)
    x = torch.zeros(1, 2, 60, 3)
    x[:, :, 20:40] = torch.randn(1, 2, 20, 3)
    moved = torch.roll(x, 5, dims=2)
    shift = block(2, [0.75, 1, 1.5], 12)
    assert torch.equal(torch.roll(shift(x), 5, dims=2), shift(moved))


@pytest.mark.parametrize("harmonics", [(), (0.0,), (-1.0,)])
def test_what_has_no_octave_is_refused(harmonics):
    with pytest.raises(ValidationError):
        HarmonicShift.Config(in_channels=1, harmonics=harmonics)
