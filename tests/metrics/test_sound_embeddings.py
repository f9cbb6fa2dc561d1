"""Statistics of mel bands and chroma against librosa and a plain mean, at any sampling rate."""

from __future__ import annotations

import doctest

import librosa
import numpy as np
import pytest
import torch

from mirbricks.metrics import (
    ChromaStatistics,
    MelStatistics,
    SoundEmbedding,
    embed_sounds,
    frechet_distance,
    sound_embeddings,
)

BOTH = [MelStatistics(), ChromaStatistics()]


def sine(hz: float, sr_hz: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * sr_hz)) / sr_hz)


def test_mel_statistics_by_librosa() -> None:
    wave = np.random.default_rng(0).normal(size=16000) * np.linspace(0, 1, 16000)
    magnitude = (
        np.abs(librosa.stft(wave, n_fft=1024, hop_length=256, center=False)) / 256
    )
    filters = librosa.filters.mel(
        sr=16000,
        n_fft=1024,
        n_mels=64,
        fmin=50,
        fmax=8000,
        htk=True,
        norm=None,
        dtype=np.float64,
    )
    decibels = 10 * np.log10(np.maximum(filters @ magnitude**2, 1e-10))
    expected = np.concatenate([decibels.mean(axis=1), decibels.std(axis=1)])
    found = MelStatistics()(wave, 16000)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("embedding", BOTH)
def test_blocks_of_frames_change_nothing(
    embedding: SoundEmbedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = np.random.default_rng(0).normal(size=20000)
    whole = embedding(wave, 16000)
    monkeypatch.setattr(sound_embeddings, "BLOCK_FRAMES", 3)
    np.testing.assert_allclose(embedding(wave, 16000), whole, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        embedding(torch.from_numpy(wave), 16000), whole, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("sr_hz", [22050, 44100, 48000])
def test_a_sound_has_one_embedding_at_all_rates(sr_hz: int) -> None:
    for hz in (220.0, 440.0, 1000.0):
        one, other = (
            ChromaStatistics()(sine(hz, rate), rate) for rate in (16000, sr_hz)
        )
        np.testing.assert_allclose(one, other, atol=0.02)
        one, other = (
            MelStatistics()(sine(hz, rate), rate)[:64] for rate in (16000, sr_hz)
        )
        assert one.argmax() == other.argmax()
        assert one.max() == pytest.approx(other.max(), abs=0.5)


@pytest.mark.parametrize(
    ("midi", "pitch_class"), [(60, 0), (57, 9), (66, 6), (71, 11), (72, 0)]
)
def test_chroma_of_a_tone_lies_at_its_class(midi: int, pitch_class: int) -> None:
    found = ChromaStatistics()(sine(440 * 2 ** ((midi - 69) / 12), 16000), 16000)
    assert found[:12].argmax() == pitch_class
    assert found[pitch_class] > 0.7
    assert found[:12].sum() == pytest.approx(1)
    # A steady tone does not vary.
    assert found[12:].max() < 0.01


@pytest.mark.parametrize("embedding", BOTH)
@pytest.mark.parametrize("n_samples", [1, 10, 5000])
def test_silence_and_short_sounds_have_one_too(
    embedding: SoundEmbedding, n_samples: int
) -> None:
    for wave in (np.zeros(n_samples), np.ones(n_samples)):
        for sr_hz in (8000, 44100):
            assert np.isfinite(embedding(wave, sr_hz)).all()


def test_level_moves_mel_statistics_and_leaves_chroma() -> None:
    wave = np.random.default_rng(0).normal(size=16000)
    mel = MelStatistics()
    np.testing.assert_allclose(
        mel(0.1 * wave, 16000)[:64], mel(wave, 16000)[:64] - 20, atol=1e-6
    )
    np.testing.assert_allclose(
        ChromaStatistics()(0.1 * wave, 16000),
        ChromaStatistics()(wave, 16000),
        atol=1e-6,
    )


@pytest.mark.parametrize("embedding", BOTH)
def test_sets_of_like_sounds_lie_nearer_than_others(embedding: SoundEmbedding) -> None:
    rng = np.random.default_rng(0)

    def tones(low_hz: float, high_hz: float) -> np.ndarray:
        pitches = rng.uniform(low_hz, high_hz, 12)
        waves = [sine(hz, 16000, 0.3) + 0.01 * rng.normal(size=4800) for hz in pitches]
        return embed_sounds(((wave, 16000) for wave in waves), embedding)

    low = tones(220, 240)
    assert frechet_distance(low, tones(220, 240)) < 0.5 * frechet_distance(
        low, tones(330, 360)
    )


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one sample, got \(0,\)"):
        MelStatistics()([], 16000)
    with pytest.raises(ValueError, match=r"waveform \(N,\).*got \(1, 4\)"):
        ChromaStatistics()(np.zeros((1, 4)), 16000)
    with pytest.raises(ValueError, match="not finite"):
        MelStatistics()([np.inf], 16000)
    with pytest.raises(ValueError, match="got 100 and 50"):
        MelStatistics(lowest_hz=100, highest_hz=50)
    with pytest.raises(ValueError, match="above 0 s"):
        ChromaStatistics(hop_s=0)
    with pytest.raises(ValueError, match="above 0 Hz"):
        ChromaStatistics(lowest_hz=0)
    with pytest.raises(ValueError, match="at least one sound"):
        embed_sounds([], MelStatistics())


def test_the_examples_run() -> None:
    found = doctest.testmod(sound_embeddings)
    assert found.attempted
    assert not found.failed
