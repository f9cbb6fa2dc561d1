"""The separating model of the zoo, on a mix that it was not trained on: tones of four pitches."""

from __future__ import annotations

import numpy as np

import mirbricks as mb


def test_it_hands_out_what_it_hears_whatever_the_level() -> None:
    """As long as the mix; played softer, the same but for the level."""
    moments = np.arange(30_000) / 22_050
    mix = np.zeros(30_000)
    for hz in (130.8, 220.0, 329.6, 659.3):
        for number in range(1, 6):
            mix += 0.05 / number * np.sin(2 * np.pi * number * hz * moments)
    model = mb.load("zoo:separation_bach10")
    loud = model.predict(np.float32(mix), sr_hz=22_050)
    soft = model.predict(np.float32(0.1 * mix), sr_hz=22_050)
    assert list(loud.sounds) == ["violin", "clarinet", "saxophone", "bassoon"]
    for target, sound in loud.sounds.items():
        assert sound.samples.shape == (1, 30_000)
        wanted = sound.samples[0]
        error = np.abs(10 * soft[target].samples[0] - wanted).max()
        assert error < 0.05 * np.abs(wanted).max() + 1e-3, target
