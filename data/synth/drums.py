"""Drums: a kit drawn once for a song, its sounds made of noise and falling sines, and patterns of a bar."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
PATTERNS = (  # eighths of a bar of four beats, for kick, snare and hi-hat
    ((0, 4), (2, 6), (0, 1, 2, 3, 4, 5, 6, 7)),
    ((0, 3, 4), (2, 6), (0, 2, 4, 6)),
    ((0, 2, 4, 6), (2, 6), (1, 3, 5, 7)),
    ((0, 5), (2, 6), (0, 1, 2, 3, 4, 5, 6, 7)),
    ((0, 4), (6,), (0, 2, 4, 6)),
)


def draw_kit(rng: np.random.Generator, sr_hz: int) -> tuple[Float32, Float32, Float32]:
    """The sounds of kick, snare and hi-hat."""
    kick_s, snare_s, hat_s = (
        np.arange(int(s * sr_hz)) / sr_hz for s in (0.25, 0.2, 0.08)
    )

    # Kick: a sine that falls from low + sweep to low within some 20 ms; the phase is the integral of its frequency.
    low_hz = rng.uniform(40, 60)
    sweep_hz = rng.uniform(60, 200)
    phase = 2 * np.pi * (low_hz * kick_s - sweep_hz * 0.02 * np.exp(-kick_s / 0.02))
    kick = np.sin(phase) * np.exp(-kick_s / rng.uniform(0.06, 0.12))

    # Snare: the rattle of the wires is noise, the skin a short tone.
    noise = rng.standard_normal(len(snare_s)) * np.exp(
        -snare_s / rng.uniform(0.04, 0.09)
    )
    snare = 0.5 * noise + 0.6 * np.sin(
        2 * np.pi * rng.uniform(160, 230) * snare_s
    ) * np.exp(-snare_s / 0.05)

    # Hi-hat: noise differentiated twice, which leaves little of its low frequencies.
    hat = np.diff(rng.standard_normal(len(hat_s) + 2), 2) * np.exp(
        -hat_s / rng.uniform(0.01, 0.03)
    )
    return (
        kick.astype(np.float32),
        0.7 * snare.astype(np.float32),
        0.12 * hat.astype(np.float32),
    )


def play_drums(
    rng: np.random.Generator, bars_s: NDArray[np.float64], n_samples: int, sr_hz: int
) -> Float32:
    """A pattern in each bar; `bars_s` are the beginnings of the bars and the end of the last."""
    # One kit and one pattern for the whole song, as a drummer keeps them.
    kit = draw_kit(rng, sr_hz)
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    sound = np.zeros(n_samples, np.float32)
    for start_s, stop_s in pairwise(bars_s.tolist()):
        for hit, eighths in zip(kit, pattern, strict=True):
            for eighth in eighths:
                # Early or late by milliseconds, and not always as loud: a machine's beat would be easier to find.
                at = start_s + (stop_s - start_s) * eighth / 8 + rng.normal(0, 0.003)
                first = max(0, int(at * sr_hz))
                part = hit[: max(0, n_samples - first)]
                sound[first : first + len(part)] += part * np.float32(
                    rng.uniform(0.7, 1.0)
                )
    return sound
