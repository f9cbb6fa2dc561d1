"""Each augmentation of a waveform against what it says it does, by naive loops, scipy and spectra."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from torch import Tensor

from mirbricks.augment.base import Augmentation, augmentations
from mirbricks.augment.filters import filtered
from mirbricks.augment.level import coloured
from mirbricks.augment.phase_vocoder import stretched
from mirbricks.augment.room import convolved
from mirbricks.augment.time_pitch import PitchShift, read_at

SR_HZ = 8000


def make(name: str, **settings: object) -> Augmentation:
    cls = augmentations()[name]
    return cls(cls.Config(**settings), SR_HZ)


def sine(hz: float, seconds: float = 2.0) -> Tensor:
    return torch.sin(
        2
        * torch.pi
        * hz
        * torch.arange(int(seconds * SR_HZ), dtype=torch.float64)
        / SR_HZ
    )[None, None]


def peak_hz(x: Tensor) -> float:
    """The frequency of the greatest peak, to a fraction of a bin."""
    spectrum = torch.fft.rfft(
        x.flatten() * torch.hann_window(x.numel(), dtype=x.dtype), 16 * x.numel()
    ).abs()
    return float(spectrum.argmax()) * SR_HZ / (16 * x.numel())


def test_gain_is_uniform_in_decibels() -> None:
    gain = make("Gain", min_db=-12.0, max_db=6.0)
    y = gain(torch.ones(2000, 1, 1), np.random.default_rng(0)).flatten()
    db = 20 * y.log10()
    assert -12 <= db.min() < -11.8
    assert 5.8 < db.max() <= 6.0
    assert abs(db.mean() + 3.0) < 0.3


def test_polarity() -> None:
    x = torch.randn(40, 1, 5)
    y = make("Polarity")(x, np.random.default_rng(0))
    signs = (y / x).flatten(1)
    assert set(signs.flatten().tolist()) == {1.0, -1.0}
    assert (signs == signs[:, :1]).all()


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_has_its_ratio_and_its_slope(slope: float) -> None:
    noise = make(
        "Noise", min_snr_db=12.0, max_snr_db=12.0, min_slope=slope, max_slope=slope
    )
    x = (
        torch.randn(4, 1, 1 << 15, dtype=torch.float64)
        * torch.tensor([0.01, 1.0, 30.0, 0.5])[:, None, None]
    )
    added = noise(x, np.random.default_rng(0)) - x
    snr_db = 10 * (x.square().mean((1, 2)) / added.square().mean((1, 2))).log10()
    torch.testing.assert_close(
        snr_db, torch.full((4,), 12.0, dtype=torch.float64), rtol=0, atol=1e-5
    )
    hz, power = scipy.signal.welch(added.numpy()[1, 0], SR_HZ, nperseg=4096)
    kept = (hz > 50) & (hz < 3500)
    fitted = np.polyfit(np.log10(hz[kept]), np.log10(power[kept]), 1)[0]
    assert abs(fitted + slope) < 0.1


@pytest.mark.parametrize(("name", "kind"), [("LowPass", "low"), ("HighPass", "high")])
def test_filters_have_the_response_of_butterworth(name: str, kind: str) -> None:
    augmentation = make(name, min_hz=700.0, max_hz=700.0, order=3)
    click = torch.zeros(1, 1, 4001, dtype=torch.float64)
    click[..., 2000] = 1
    found = (
        torch.fft.rfft(augmentation(click, np.random.default_rng(0)), 4001)[0, 0]
        .abs()
        .numpy()
    )
    hz = np.arange(2001) * SR_HZ / 4001
    b, a = scipy.signal.butter(3, 2 * np.pi * 700.0, kind, analog=True)
    wanted = np.abs(scipy.signal.freqs(b, a, 2 * np.pi * np.maximum(hz, 1e-9))[1])
    np.testing.assert_allclose(
        found[5:], wanted[5:], atol=2e-2
    )  # the click's answer is cut at both ends
    np.testing.assert_allclose(found[np.argmin(abs(hz - 700))], np.sqrt(0.5), atol=5e-3)


def test_a_filter_does_not_come_round_to_the_beginning() -> None:
    x = torch.zeros(1, 1, 100, dtype=torch.float64)
    x[..., -1] = 1
    y = filtered(
        x, lambda hz: torch.exp(-1j * 2 * torch.pi * hz * 3 / SR_HZ)[None, None], SR_HZ
    )
    assert y.abs().max() < 1e-12


def test_one_bell_of_the_equalizer() -> None:
    bell = make("Equalizer", bells=1)
    drawn = {
        "gain_db": torch.tensor([[6.0]]),
        "centre_hz": torch.tensor([[1000.0]]),
        "octaves": torch.tensor([[0.5]]),
    }
    for hz, db in (
        (1000.0, 6.0),
        (2000.0, 6.0 * np.exp(-2.0)),
        (500.0, 6.0 * np.exp(-2.0)),
        (60.0, 0.0),
    ):
        x = sine(hz)
        y = bell.apply(x, drawn)
        middle = slice(4000, 12000)
        gain_db = 20 * (y[..., middle].std() / x[..., middle].std()).log10()
        assert abs(gain_db - db) < 0.05


def test_convolution_against_a_naive_loop() -> None:
    x, response = (
        torch.randn(2, 3, 50, dtype=torch.float64),
        torch.randn(2, 1, 20, dtype=torch.float64),
    )
    naive = torch.zeros_like(x)
    for n in range(50):
        for m in range(min(20, n + 1)):
            naive[..., n] += response[..., m] * x[..., n - m]
    torch.testing.assert_close(convolved(x, response), naive)


def test_reverberation_time_by_backward_integration() -> None:
    """Schroeder's method: the energy left falls by 60 dB in the reverberation time."""
    reverb = make(
        "Reverb",
        min_rt60_s=0.8,
        max_rt60_s=0.8,
        min_wet_db=-10.0,
        max_wet_db=-10.0,
        max_predelay_s=0.0,
    )
    drawn = reverb.draw(5, np.random.default_rng(0))
    response = reverb.response(drawn, torch.zeros(5, 1, 1, dtype=torch.float64))[:, 0]
    assert torch.equal(response[:, 0], torch.ones(5, dtype=torch.float64))
    tail = response[:, 1:]
    torch.testing.assert_close(
        10 * tail.square().sum(1).log10(), torch.full((5,), -10.0, dtype=torch.float64)
    )
    left_db = (
        10
        * (
            tail.flip(1).square().cumsum(1).flip(1) / tail.square().sum(1, keepdim=True)
        ).log10()
    )
    begin, end = int(0.05 * SR_HZ), int(0.4 * SR_HZ)
    rate = (left_db[:, begin] - left_db[:, end]) / (end - begin) * SR_HZ
    torch.testing.assert_close(
        60 / rate, torch.full((5,), 0.8, dtype=torch.float64), rtol=0.1, atol=0
    )


def test_the_tail_begins_after_the_predelay() -> None:
    reverb = make("Reverb")
    drawn = {"rt60_s": torch.tensor([0.3]), "wet_db": torch.tensor([-6.0]), "predelay_s": torch.tensor([0.02]),
             "seed": torch.tensor([1])}  # fmt: skip
    response = reverb.response(drawn, torch.zeros(1, 1, 1))[0, 0]
    assert response[0] == 1
    assert (response[1:160] == 0).all()
    assert (response[162:2400] != 0).all()
    assert (response[2562:] == 0).all()


def test_delay_against_a_naive_loop() -> None:
    delay = make("Delay")
    x = torch.randn(2, 1, 900, dtype=torch.float64)
    drawn = {
        "delay_s": torch.tensor([0.01, 0.05]),
        "feedback": torch.tensor([0.5, 0.3], dtype=torch.float64),
    }
    naive = x.clone()
    for row, (step, feedback) in enumerate([(80, 0.5), (400, 0.3)]):
        for n in range(step, 900):
            naive[row, :, n] += feedback * naive[row, :, n - step]
    torch.testing.assert_close(delay.apply(x, drawn), naive)


@pytest.mark.parametrize("rate", [0.8, 1.0, 1.3])
def test_time_stretch_keeps_the_pitch_and_moves_the_time(rate: float) -> None:
    stretch = make("TimeStretch")
    x = torch.zeros(1, 1, 4 * SR_HZ, dtype=torch.float64)
    x[..., SR_HZ : 2 * SR_HZ] = sine(441.0, 1.0)  # sounds from 1 s to 2 s
    y = stretch.apply(x, {"rate": torch.tensor([rate], dtype=torch.float64)})
    loud = (
        (y[0, 0].unfold(0, 200, 50).square().mean(-1) > 0.12).nonzero().flatten()
        * 50
        / SR_HZ
    )
    assert abs(float(loud.min()) - 1 / rate) < 0.15
    assert abs(float(loud.max()) - 2 / rate) < 0.15
    middle = y[..., int(1.2 / rate * SR_HZ) : int(1.8 / rate * SR_HZ)]
    assert abs(peak_hz(middle) - 441.0) < 2
    assert abs(middle.square().mean() - 0.5) < 0.05


def test_stretching_by_one_changes_nothing() -> None:
    x = torch.randn(2, 3, 10_000, dtype=torch.float64)
    torch.testing.assert_close(
        stretched(x, torch.ones(2), 10_000), x, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("semitones", [-5.0, -0.3, 0.0, 0.7, 7.0])
def test_pitch_shift_moves_the_pitch_and_keeps_the_length(semitones: float) -> None:
    shift = make("PitchShift")
    y = shift.apply(sine(500.0), {"semitones": torch.tensor([semitones])})
    assert y.shape == (1, 1, 2 * SR_HZ)
    middle = y[..., SR_HZ // 2 : -SR_HZ // 2]
    assert abs(peak_hz(middle) - 500.0 * 2 ** (semitones / 12)) < 0.6
    assert abs(middle.square().mean() - 0.5) < 0.03


@pytest.mark.parametrize("step", [0.7, 1.0, 1.0 / 3.0])
def test_interpolation_of_a_sine_is_the_sine(step: float) -> None:
    x = torch.sin(2 * torch.pi * 0.05 * torch.arange(4000, dtype=torch.float64))[None]
    y = read_at(x, step, 3000)
    wanted = torch.sin(
        2 * torch.pi * 0.05 * step * torch.arange(3000, dtype=torch.float64)
    )[None]
    torch.testing.assert_close(y[:, 100:-100], wanted[:, 100:-100], rtol=0, atol=2e-4)


def test_reading_faster_lets_nothing_fold_over() -> None:
    x = torch.sin(2 * torch.pi * 0.4 * torch.arange(8000, dtype=torch.float64))[
        None
    ]  # over half of the new rate
    assert read_at(x, 2.0, 4000)[:, 100:-100].abs().max() < 1e-3


@pytest.mark.parametrize("n_samples", [501, 502])
@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_noise_has_no_constant_part(n_samples: int, slope: float) -> None:
    white = torch.randn(3, 1, n_samples, generator=torch.Generator().manual_seed(0))
    noise = coloured(white + 5.0, torch.full((3,), slope))
    assert noise.shape == white.shape
    assert noise.mean(dim=-1).abs().max() < 1e-5
    assert noise.std() > 0.02


def test_each_example_is_shifted_by_its_own_interval() -> None:
    sr_hz = 8000
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(sr_hz) / sr_hz)
    shift = PitchShift(PitchShift.Config(min_semitones=-12, max_semitones=12), sr_hz)
    semitones = torch.tensor([-12.0, 0.0, 7.0, 12.0])
    y = shift.apply(tone.expand(4, 1, -1), {"semitones": semitones})
    spectrum = torch.fft.rfft(y[:, 0, 1000:7000] * torch.hann_window(6000)).abs()
    found_hz = spectrum.argmax(dim=-1) * sr_hz / 6000
    expected_hz = 440 * 2 ** (semitones / 12)
    torch.testing.assert_close(found_hz, expected_hz, rtol=0, atol=2.0)
