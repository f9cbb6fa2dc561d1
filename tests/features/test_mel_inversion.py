"""Sound from a log-mel spectrogram: it has the spectrogram that it was made from."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.features.logmel import LogMelFeature, LogMelFeatureConfig
from mirbricks.features.mel_inversion import wave_of_logmel

SR_HZ = 8000


def config(**changes: object) -> LogMelFeatureConfig:
    settings = {
        "sr_hz": SR_HZ,
        "n_fft": 512,
        "hop_length": 128,
        "n_mels": 64,
        **changes,
    }
    return LogMelFeatureConfig(**settings)


def notes(*hz: float) -> Tensor:
    """A decaying note with ten partials per fundamental, (B, N)."""
    time_s = torch.arange(SR_HZ) / SR_HZ
    waves = []
    for f0 in hz:
        partials = [
            torch.sin(2 * torch.pi * f0 * k * time_s) / k
            for k in range(1, 11)
            if f0 * k < SR_HZ / 2
        ]
        waves.append(0.2 * torch.stack(partials).sum(0) * torch.exp(-3 * time_s))
    return torch.stack(waves)


@pytest.mark.parametrize("scale", ["db", "log"])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_it_has_the_bands_that_were_asked_for(scale: str, power: float) -> None:
    given = config(scale=scale, power=power)
    decibels = LogMelFeature(config(scale="db", power=power, floor_db=-60.0))
    wave = notes(220.0, 330.0)
    heard = wave_of_logmel(given, LogMelFeature(given)(wave))
    assert heard.shape == (2, SR_HZ // 128 * 128)
    # The bands of the inside: at the ends the two waveforms are cut at different places.
    error_db = (
        decibels(heard) - decibels(wave)[..., : heard.shape[1] // 128 + 1]
    ).abs()
    assert error_db[..., 4:-4].mean() < 2.5


def test_the_pitch_stays() -> None:
    given = config(scale="db", n_mels=96)
    for hz in (131.0, 262.0, 523.0):
        heard = wave_of_logmel(given, LogMelFeature(given)(notes(hz)))
        found = librosa.yin(heard[0].numpy(), fmin=60, fmax=1000, sr=SR_HZ)
        assert abs(1200 * np.log2(np.median(found) / hz)) < 50


def test_it_is_as_near_as_librosas() -> None:
    given = config(scale="db", floor_db=-100.0)
    wave = notes(247.0)
    feature = LogMelFeature(given)
    logmel = feature(wave)
    ours = wave_of_logmel(given, logmel)
    energies = given.energies(logmel)[0].numpy()
    theirs = librosa.feature.inverse.mel_to_audio(
        energies, sr=SR_HZ, n_fft=512, hop_length=128, n_iter=60, pad_mode="constant"
    )

    def error(found: Tensor) -> float:
        shared = min(found.shape[-1], wave.shape[-1])
        other = LogMelFeature(given).mel(found[None, :shared])
        return float((other.sqrt() - feature.mel(wave[:, :shared]).sqrt()).norm())

    assert error(ours[0]) <= 1.1 * error(torch.from_numpy(theirs))


def test_the_same_seed_is_the_same_sound() -> None:
    given = config()
    logmel = LogMelFeature(given)(notes(220.0))
    again = [wave_of_logmel(given, logmel, seed=seed) for seed in (3, 3, 4)]
    assert torch.equal(again[0], again[1])
    assert not torch.allclose(again[0], again[2])


def test_the_global_generator_stays_as_it_was() -> None:
    given = config()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    wave_of_logmel(given, LogMelFeature(given)(notes(220.0)), n_iterations=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_silence_is_silent() -> None:
    given = config(scale="db", floor_db=-80.0)
    silence = torch.full((1, 64, 20), -80.0)
    assert wave_of_logmel(given, silence).abs().max() < 1e-2
    given = config(scale="log")
    assert wave_of_logmel(given, torch.zeros(1, 64, 20)).abs().max() < 1e-9
