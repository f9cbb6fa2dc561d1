"""The pitch of notes: tones whose pitch is known, and librosa's YIN as an independent implementation."""

from __future__ import annotations

import math

import librosa
import numpy as np
import pytest

from mirbricks.metrics.heard_pitch import heard_midi, pitch_figures

SR_HZ = 16000


def note(midi: float, *, harmonics: int = 8, seconds: float = 1.0, decay: float = 2.0):
    t = np.arange(round(seconds * SR_HZ)) / SR_HZ
    hz = 440 * 2 ** ((midi - 69) / 12)
    wave = np.zeros_like(t)
    for k in range(1, harmonics + 1):
        if k * hz < SR_HZ / 2:
            wave += np.sin(2 * np.pi * k * hz * t + k) / k
    return 0.1 * np.exp(-decay * t) * wave


@pytest.mark.parametrize("midi", [34, 40.3, 52, 60, 69.5, 81, 98])
@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_the_pitch_of_a_note_is_heard(midi, seconds):
    assert heard_midi(note(midi, seconds=seconds), SR_HZ) == pytest.approx(
        midi, abs=0.1
    )


@pytest.mark.parametrize("midi", [45, 62.4, 77])
def test_as_librosas_yin(midi):
    rng = np.random.default_rng(0)
    wave = note(midi, decay=0) + 0.005 * rng.standard_normal(SR_HZ)

    theirs_hz = np.median(
        librosa.yin(wave, fmin=30, fmax=3000, sr=SR_HZ, frame_length=2048)
    )

    theirs = 69 + 12 * math.log2(theirs_hz / 440)
    assert heard_midi(wave, SR_HZ) == pytest.approx(theirs, abs=0.05)


def test_silence_has_no_pitch():
    assert math.isnan(heard_midi(np.zeros(SR_HZ), SR_HZ))
    assert math.isnan(heard_midi(np.zeros(0), SR_HZ))


def test_the_loudest_half_second_counts():
    quiet = 0.01 * note(50, seconds=1.0)
    loud = note(70, seconds=0.6, decay=0)

    assert heard_midi(np.concatenate((quiet, loud)), SR_HZ) == pytest.approx(
        70, abs=0.1
    )


def test_figures_by_hand():
    figures = pitch_figures([60, 60, 60, 60], [60.4, 60.6, 72.1, float("nan")])

    assert figures == {"pitch_accuracy": 0.25, "pitch_chroma_accuracy": 0.5}
    assert pitch_figures([], []) == {}
