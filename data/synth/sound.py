"""Single notes as sums of damped partials: fast enough for whole bands, one matrix product a note.

A partial is z^n with a complex z. Written as z^(B k) z^j for n = B k + j, all samples of a note are the product of two
small matrices. Strings are stretched as in Fletcher, "Normal vibration frequencies of a stiff piano string", JASA 1964:
the n-th partial lies at n f0 sqrt(1 + B n²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
BLOCK = 256
FOREVER_S = 1e6
Range = tuple[float, float]


@dataclass(frozen=True)
class Instrument:
    """How the notes of a part sound.

    slope, soft    partial n has level n^-(slope + soft · (1 - velocity)): soft notes are darker
    even, strike   level of even partials; where a string is struck, as a share of its length: notches in the spectrum
    stiffness      of the string at middle C; it doubles every octave
    decay_s        to 1/e of the first partial at middle C; higher notes and partials die sooner by `damping`
    chorus_cents   distance of three voices that sound together; 0 for one
    """

    family: str
    slope: float
    soft: float
    even: float
    strike: float
    stiffness: float
    decay_s: float
    damping: float
    attack_s: float
    release_s: float
    chorus_cents: float
    noise: float


_RANGES: dict[str, dict[str, Range]] = {
    "piano": {
        "slope": (1.0, 1.7), "soft": (0.5, 1.2), "even": (1, 1), "strike": (0.11, 0.14), "stiffness": (2e-4, 5e-4),
        "decay_s": (1.2, 3.0), "damping": (0.25, 0.6), "attack_s": (0.002, 0.005), "release_s": (0.05, 0.15),
        "chorus_cents": (0.5, 2.5), "noise": (0.005, 0.03),
    },
    "guitar": {
        "slope": (1.0, 1.5), "soft": (0.3, 0.8), "even": (1, 1), "strike": (0.1, 0.3), "stiffness": (4e-5, 1e-4),
        "decay_s": (0.6, 1.6), "damping": (0.3, 0.7), "attack_s": (0.002, 0.006), "release_s": (0.04, 0.1),
        "chorus_cents": (0, 3), "noise": (0.005, 0.02),
    },
    "electric piano": {
        "slope": (1.8, 2.6), "soft": (0.6, 1.5), "even": (0.3, 1), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (1.0, 2.0), "damping": (0.2, 0.5), "attack_s": (0.003, 0.008), "release_s": (0.05, 0.12),
        "chorus_cents": (0, 8), "noise": (0.002, 0.01),
    },
    "organ": {
        "slope": (0.6, 1.4), "soft": (0, 0), "even": (0.4, 1.2), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (FOREVER_S, FOREVER_S), "damping": (0, 0), "attack_s": (0.005, 0.02), "release_s": (0.02, 0.06),
        "chorus_cents": (2, 10), "noise": (0.002, 0.01),
    },
    "strings": {
        "slope": (0.9, 1.4), "soft": (0.2, 0.5), "even": (1, 1), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (FOREVER_S, FOREVER_S), "damping": (0, 0), "attack_s": (0.06, 0.2), "release_s": (0.1, 0.3),
        "chorus_cents": (6, 14), "noise": (0.005, 0.02),
    },
    "synthesizer": {
        "slope": (0.8, 2.0), "soft": (0, 0.5), "even": (0, 1), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (0.4, 6.0), "damping": (0, 0.8), "attack_s": (0.003, 0.05), "release_s": (0.03, 0.3),
        "chorus_cents": (0, 15), "noise": (0.0, 0.005),
    },
    "brass": {
        "slope": (0.8, 1.3), "soft": (0.8, 1.6), "even": (1, 1), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (FOREVER_S, FOREVER_S), "damping": (0, 0), "attack_s": (0.03, 0.07), "release_s": (0.04, 0.08),
        "chorus_cents": (0, 6), "noise": (0.002, 0.01),
    },
    "reeds": {
        "slope": (0.9, 1.4), "soft": (0.3, 0.8), "even": (0.05, 0.5), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (FOREVER_S, FOREVER_S), "damping": (0, 0), "attack_s": (0.02, 0.05), "release_s": (0.03, 0.06),
        "chorus_cents": (0, 3), "noise": (0.005, 0.02),
    },
    "flute": {
        "slope": (1.8, 2.6), "soft": (0.2, 0.6), "even": (0.7, 1.2), "strike": (0, 0), "stiffness": (0, 0),
        "decay_s": (FOREVER_S, FOREVER_S), "damping": (0, 0), "attack_s": (0.03, 0.08), "release_s": (0.04, 0.08),
        "chorus_cents": (0, 2), "noise": (0.02, 0.06),
    },
    "bass": {
        "slope": (1.2, 2.0), "soft": (0.3, 0.8), "even": (0.6, 1), "strike": (0.1, 0.25), "stiffness": (2e-5, 8e-5),
        "decay_s": (0.6, 1.5), "damping": (0.3, 0.7), "attack_s": (0.004, 0.012), "release_s": (0.03, 0.08),
        "chorus_cents": (0, 2), "noise": (0.004, 0.015),
    },
}  # fmt: skip
FAMILIES = tuple(_RANGES)


def draw_instrument(rng: np.random.Generator, family: str) -> Instrument:
    """One instrument of a family: its numbers are drawn evenly from the family's ranges."""
    return Instrument(
        family,
        **{
            name: float(rng.uniform(*limits))
            for name, limits in _RANGES[family].items()
        },
    )


def partials(
    instrument: Instrument, midi: float, velocity: float, sr_hz: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in Hz, levels, and times to 1/e in s of a note's partials below half the sample rate."""
    f0_hz = 440.0 * 2.0 ** ((midi - 69) / 12)
    # More than 40 partials of a low note are not heard, and cost time.
    count = max(1, min(40, int(0.45 * sr_hz / f0_hz)))
    order = np.arange(1, count + 1, dtype=np.float64)
    octaves = (midi - 60) / 12
    # f_n = n f0 √(1 + B n²): the partials of a stiff string are sharp, those of short strings more so.
    hz = f0_hz * order * np.sqrt(1 + instrument.stiffness * 2.0**octaves * order**2)
    # Soft notes are duller: their levels fall off faster with the number of the partial.
    level = order ** -(instrument.slope + instrument.soft * (1 - velocity))
    level *= np.where(order % 2 == 0, instrument.even, 1.0)
    # A string struck or plucked at the share s of its length lacks the partials that have a node there: |sin(π n s)|.
    if instrument.strike:
        level *= np.abs(np.sin(np.pi * order * instrument.strike))
    # High notes and high partials die first, as friction grows with frequency.
    decay_s = (
        instrument.decay_s
        * 2.0 ** (-octaves / 2)
        / (1 + instrument.damping * (order - 1))
    )
    # What stiffness has driven beyond the Nyquist frequency would fold back.
    kept = hz < 0.48 * sr_hz
    return hz[kept], level[kept], decay_s[kept]


def play(
    rng: np.random.Generator,
    instrument: Instrument,
    midi: float,
    velocity: float,
    seconds: float,
    sr_hz: int,
) -> Float32:
    """One note, held for `seconds`, then released: (N,) with a level of about `velocity`."""
    hz, level, decay_s = partials(instrument, midi, velocity, sr_hz)
    # Three detuned copies beat as the strings of a section, or of a piano's key, do.
    if instrument.chorus_cents > 0.2:
        voices = [-1, 0, 1]
    else:
        voices = [0]
    n_samples = int((seconds + instrument.release_s) * sr_hz) + 1
    sound = np.zeros(n_samples, np.float32)
    for voice in voices:
        # Random phases: else all partials would peak together at the onset.
        phase = np.exp(2j * np.pi * rng.random(len(hz)))
        detuned = hz * 2.0 ** (
            voice * instrument.chorus_cents * rng.uniform(0.7, 1.3) / 1200
        )
        sound += damped(detuned, level * phase, decay_s, n_samples, sr_hz)

    # The sum of incoherent partials has the power Σ level² / 2: with it the velocity is what is heard.
    sound *= np.float32(velocity / np.sqrt(len(voices) * np.square(level).sum() / 2))
    sound += _breath(rng, instrument, velocity, n_samples, sr_hz)
    return sound * _envelope(instrument, seconds, n_samples, sr_hz)


def damped(
    hz: NDArray[np.float64],
    level: NDArray[np.complex128],
    decay_s: NDArray[np.float64],
    n_samples: int,
    sr_hz: int,
) -> Float32:
    """Σ_p Re(level_p exp((2πi hz_p - 1 / decay_p) t)) at t = n / sr_hz: (n_samples,)."""
    # exp(r (b B + n)) = exp(r b B) exp(r n): exponentials per block and per place in it; the product sums over p.
    rate = (2j * np.pi * hz - 1 / decay_s) / sr_hz
    blocks = -(-n_samples // BLOCK)
    coarse = level * np.exp(rate * BLOCK * np.arange(blocks)[:, None])
    fine = np.exp(rate[:, None] * np.arange(BLOCK))
    coarse32 = coarse.astype(np.complex64)
    fine32 = fine.astype(np.complex64)
    # The real part alone takes two real products instead of four.
    sound = coarse32.real @ fine32.real - coarse32.imag @ fine32.imag
    return np.asarray(sound.reshape(-1)[:n_samples], np.float32)


def _breath(
    rng: np.random.Generator,
    instrument: Instrument,
    velocity: float,
    n_samples: int,
    sr_hz: int,
) -> Float32:
    """Hammer, pluck, bow or breath: noise, loudest in the first 20 ms; of what decays nothing stays."""
    time_s = np.arange(n_samples, dtype=np.float32) / sr_hz
    if instrument.decay_s >= FOREVER_S:
        # A bow or a breath goes on for as long as the note does.
        stays = 1.0
    else:
        stays = 0.0
    shape = np.float32(instrument.noise * velocity) * (
        stays + 4 * np.exp(-time_s / 0.02)
    )
    return np.asarray(
        shape * rng.standard_normal(n_samples, dtype=np.float32), np.float32
    )


def _envelope(
    instrument: Instrument, seconds: float, n_samples: int, sr_hz: int
) -> Float32:
    time_s = np.arange(n_samples, dtype=np.float32) / sr_hz
    rise = np.minimum(time_s / np.float32(instrument.attack_s), 1)
    fall = np.clip(1 - (time_s - seconds) / np.float32(instrument.release_s), 0, 1)
    return np.asarray(rise * fall * fall, np.float32)
