"""Where music sounds: rooms and background noise."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def room(rng: np.random.Generator, sr_hz: int) -> Float32:
    """An impulse response: the direct sound and a decaying noise tail, -60 dB after 0.25 to 0.6 s."""
    decay_s = rng.uniform(0.25, 0.6)
    wet_db = rng.uniform(-22, -14)
    times_s = np.arange(round(decay_s * sr_hz)) / sr_hz
    # Down by a factor of 10^-3, which is 60 dB, at decay_s: the definition of the reverberation time.
    tail = rng.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / decay_s)
    # The tail is set by its energy, so that a long room is not a loud one.
    tail *= 10.0 ** (wet_db / 20) / np.sqrt(np.sum(np.square(tail)))
    # The direct sound comes first and at its full level: times of annotations hold in the room as well.
    tail[0] = 1.0
    return tail.astype(np.float32)


def pink_noise(rng: np.random.Generator, n_samples: int) -> Float32:
    """(n_samples,) 1/f noise, -62 to -50 dB."""
    spectrum = scipy.fft.rfft(rng.standard_normal(n_samples, dtype=np.float32))
    # 1/f in power is 1/√f in amplitude; the 20 keeps the lowest bins, which nobody hears, from outweighing the rest.
    spectrum /= np.sqrt(np.arange(len(spectrum), dtype=np.float32) + 20.0)
    noise = scipy.fft.irfft(spectrum, n_samples)
    return np.asarray(
        noise * np.float32(10.0 ** (rng.uniform(-62, -50) / 20) / noise.std()),
        np.float32,
    )


def convolve(sound: Float32, response: Float32) -> Float32:
    """(N,) `sound` through `response`, the tail past N cut off."""
    size = scipy.fft.next_fast_len(len(sound) + len(response) - 1, real=True)
    spectrum = scipy.fft.rfft(sound, size) * scipy.fft.rfft(response, size)
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(sound)], np.float32)
