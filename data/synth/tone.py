"""One voice of the synthetic corpus: additive synthesis over an exact f0 curve.

The partials come from the recurrence cos((h+1)φ) = 2 cos φ cos(hφ) − cos((h−1)φ), which needs one cosine for all of
them; their levels move at the control rate, every `CONTROL_SAMPLES`, and are interpolated linearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .score import Note

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
CONTROL_SAMPLES = 128
N_PARTIALS = 32
AUDIBLE = 0.03  # of a note's full level: below it the voice counts as silent


@dataclass(frozen=True)
class Timbre:
    """How a voice sounds. Partial h has level h^-(slope - bright · envelope), through formants at fixed frequencies."""

    family: str
    slope: float
    bright: float
    even: float  # level of the even partials
    formants_hz: tuple[float, ...]
    formant_gain: float
    attack_s: float
    release_s: float
    decay_s: float  # of a plucked note to 1/e; infinite for a sustained one
    vibrato_semitones: float
    vibrato_hz: float
    glide_s: float
    noise: float


_FOREVER = (1e9, 1e9)
_RANGES: dict[str, dict[str, tuple[float, float]]] = {  # a voice is drawn evenly from the ranges of its family
    "bowed": {
        "slope": (1.0, 1.4), "bright": (0.1, 0.4), "even": (1, 1), "formant_gain": (1, 3), "attack_s": (0.05, 0.09),
        "release_s": (0.05, 0.09), "decay_s": _FOREVER, "vibrato_semitones": (0.12, 0.3), "glide_s": (0.03, 0.07),
        "noise": (0.004, 0.012),
    },
    "clarinet": {
        "slope": (1.0, 1.3), "bright": (0.1, 0.3), "even": (0.06, 0.25), "formant_gain": (0.5, 1.5),
        "attack_s": (0.02, 0.05), "release_s": (0.03, 0.06), "decay_s": _FOREVER, "vibrato_semitones": (0, 0.06),
        "glide_s": (0.015, 0.03), "noise": (0.002, 0.008),
    },
    "brass": {
        "slope": (1.9, 2.4), "bright": (0.8, 1.2), "even": (1, 1), "formant_gain": (0.5, 1.5),
        "attack_s": (0.03, 0.07), "release_s": (0.04, 0.07), "decay_s": _FOREVER, "vibrato_semitones": (0, 0.12),
        "glide_s": (0.02, 0.05), "noise": (0.002, 0.006),
    },
    "reed": {
        "slope": (0.9, 1.2), "bright": (0.1, 0.3), "even": (0.7, 1), "formant_gain": (3, 7), "attack_s": (0.02, 0.05),
        "release_s": (0.03, 0.06), "decay_s": _FOREVER, "vibrato_semitones": (0.05, 0.2), "glide_s": (0.015, 0.03),
        "noise": (0.003, 0.008),
    },
    "plucked": {
        "slope": (1.1, 1.5), "bright": (0.3, 0.6), "even": (0.7, 1), "formant_gain": (0.5, 2),
        "attack_s": (0.003, 0.008), "release_s": (0.03, 0.06), "decay_s": (0.7, 1.4), "vibrato_semitones": (0, 0),
        "glide_s": (0.006, 0.01), "noise": (0.001, 0.003),
    },
}  # fmt: skip
FAMILIES = tuple(_RANGES)


def draw_timbre(rng: np.random.Generator, family: str) -> Timbre:
    """A player of a family."""
    # Body resonances stay where they are when the pitch moves: that is what makes one instrument of all its notes.
    formants = tuple(
        float(f)
        for f in np.array([500.0, 1150.0, 2700.0]) * 2.0 ** rng.uniform(-0.4, 0.4, 3)
    )
    drawn = {name: rng.uniform(*limits) for name, limits in _RANGES[family].items()}
    return Timbre(
        family=family, formants_hz=formants, vibrato_hz=rng.uniform(4.8, 6.4), **drawn
    )


@dataclass(frozen=True)
class Performance:
    """The notes of one voice as arrays (M,), with what the player adds to each."""

    onset_s: Float64
    end_s: Float64
    midi: Float64
    from_midi: Float64  # where the pitch glides from
    legato: NDArray[np.bool_]
    level: Float64
    vibrato: Float64
    phase: Float64
    tuning_semitones: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        notes: Sequence[Note],
        timbre: Timbre,
        tuning_semitones: float,
    ) -> Performance:
        # A tied note glides from the one before, any other starts on its own pitch.
        midi = np.array([note.midi for note in notes], np.float64)
        legato = np.array([note.legato for note in notes])
        return cls(
            np.array([note.onset_s for note in notes]),
            np.array([note.end_s for note in notes]),
            midi,
            np.where(legato, np.roll(midi, 1), midi),
            legato,
            10.0 ** (rng.normal(0.0, 1.5, len(notes)) / 20),
            timbre.vibrato_semitones * rng.uniform(0.5, 1.2, len(notes)),
            rng.uniform(0, 2 * np.pi, len(notes)),
            tuning_semitones,
        )

    def at(self, times_s: Float64) -> NDArray[np.int64]:
        """The note that sounds, or sounded last, at each time; the first one before it begins."""
        return np.maximum(np.searchsorted(self.onset_s, times_s, side="right") - 1, 0)

    def pitch(self, times_s: Float64, timbre: Timbre) -> Float64:
        """MIDI numbers (T,), exact: glide from the note before, vibrato that swells and ebbs, slow drift, tuning."""
        note = self.at(times_s)
        since = times_s - self.onset_s[note]
        # 3g² - 2g³ starts and ends with no slope, as a hand or a voice does.
        glide = np.clip(since / timbre.glide_s, 0.0, 1.0)
        pitch = self.from_midi[note] + (self.midi - self.from_midi)[note] * (
            glide * glide * (3.0 - 2.0 * glide)
        )
        if timbre.vibrato_semitones > 0:
            # Vibrato sets in after 100 ms and ebbs before the end: players settle on the pitch first.
            swell = np.clip((since - 0.1) / 0.25, 0.0, 1.0) * np.clip(
                (self.end_s[note] - times_s) / 0.06, 0.0, 1.0
            )
            pitch += (
                self.vibrato[note]
                * swell
                * np.sin(2 * np.pi * timbre.vibrato_hz * since)
            )
        # Nobody holds a pitch exactly: 4 cents up and down, once in about four seconds.
        drift = 0.04 * np.sin(2 * np.pi * 0.23 * times_s + self.phase[0])
        return np.asarray(pitch + drift + self.tuning_semitones)

    def envelope(self, times_s: Float64, timbre: Timbre) -> Float64:
        """(T,) level of the sounding note, relative to its own full level: attack, sustain or decay, release."""
        note = self.at(times_s)
        since = times_s - self.onset_s[note]
        # A legato note begins out of the sound of the one before, not out of silence.
        floor = np.where(self.legato[note], 0.35, 0.0)
        rise = floor + (1.0 - floor) * np.clip(since / timbre.attack_s, 0.0, 1.0)
        fall = np.clip(1.0 - (times_s - self.end_s[note]) / timbre.release_s, 0.0, 1.0)
        return np.asarray(
            (since >= 0)
            * rise
            * fall
            * fall
            * np.exp(-np.maximum(since, 0.0) / timbre.decay_s)
        )

    def f0(self, times_s: Float64, timbre: Timbre) -> Float64:
        """The ground truth: MIDI numbers (T,) while the voice is heard, 0 where it is silent."""
        # A label must be heard: the end of a release is silence to a listener.
        return np.where(
            self.envelope(times_s, timbre) > AUDIBLE, self.pitch(times_s, timbre), 0.0
        )


def render(
    rng: np.random.Generator,
    performance: Performance,
    timbre: Timbre,
    n_samples: int,
    sr_hz: int,
) -> Float32:
    """The dry sound of a voice (n_samples,), with unit mean power while it plays."""
    n_control = -(-n_samples // CONTROL_SAMPLES)
    times_s = np.arange(n_control * CONTROL_SAMPLES) / sr_hz
    # Pitch is computed at every sample, to be exact; levels move slowly, and are at the control rate.
    f0_hz = 440.0 * np.exp2((performance.pitch(times_s, timbre) - 69.0) / 12.0)
    control_s: Float64 = np.arange(n_control + 1, dtype=np.float64) * (
        CONTROL_SAMPLES / sr_hz
    )
    envelope = performance.envelope(control_s, timbre)

    # An envelope has corners, which would click: three points even them out.
    smooth = np.array([0.25, 0.5, 0.25])
    loudness = np.convolve(
        envelope * performance.level[performance.at(control_s)], smooth, "same"
    )
    at_control = np.append(f0_hz[::CONTROL_SAMPLES], f0_hz[-1])
    levels = (
        _partial_levels(
            rng, performance, timbre, control_s, at_control, envelope, sr_hz
        )
        * loudness[:, None]
    )

    # Phase is the integral of frequency; whole cycles are dropped, since cosines of large numbers are less exact.
    sound = _partials(np.mod(np.cumsum(f0_hz / sr_hz), 1.0), levels.astype(np.float32))
    sound += _noise(
        rng, performance, timbre, control_s, loudness, float(np.abs(levels).max())
    )

    # The power of what sounds, not of the rests: voices that rest a lot are as loud as others.
    voiced = np.repeat(envelope[:-1] > AUDIBLE, CONTROL_SAMPLES)
    sound /= np.sqrt(np.mean(np.square(sound[voiced])))
    return sound[:n_samples]


def _partial_levels(
    rng: np.random.Generator,
    performance: Performance,
    timbre: Timbre,
    control_s: Float64,
    f0_hz: Float64,
    envelope: Float64,
    sr_hz: int,
) -> Float64:
    """(C, H) level of each partial at each control point."""
    order = np.arange(1, N_PARTIALS + 1)
    frequency = f0_hz[:, None] * order
    # A louder tone is brighter: h^-(slope - bright · envelope).
    levels = np.exp(-(timbre.slope - timbre.bright * envelope)[:, None] * np.log(order))
    levels *= np.where(order % 2 == 0, timbre.even, 1.0) * 10.0 ** (
        rng.normal(0, 2.0, N_PARTIALS) / 20
    )
    levels *= rng.choice((-1.0, 1.0), N_PARTIALS)  # else all partials peak together

    # Each formant lifts what is within about a third of an octave of it.
    resonance = sum(
        np.exp(-np.square(np.log2(frequency / f) / 0.35)) for f in timbre.formants_hz
    )
    levels *= 1.0 + timbre.formant_gain * resonance
    if timbre.family == "plucked":  # high partials die first
        since = np.maximum(
            control_s - performance.onset_s[performance.at(control_s)], 0.0
        )
        levels *= np.exp(-since[:, None] * (order - 1) * 0.35)
    # A partial fades out over the last 500 Hz below the Nyquist frequency: a glide through it would click.
    return np.asarray(levels * np.clip((0.47 * sr_hz - frequency) / 500.0, 0.0, 1.0))


def _partials(phase_cycles: Float64, levels: Float32) -> Float32:
    """Σ_h levels_h(t) cos(2π h phase(t)): (N,) from phase (N,) and levels (C + 1, H) at every N / C-th sample."""
    shape = (len(levels) - 1, CONTROL_SAMPLES)
    now: Float32 = np.cos(2 * np.pi * phase_cycles).astype(np.float32).reshape(shape)
    # cos((h+1)φ) = 2 cos φ cos hφ - cos((h-1)φ): `now` is cos hφ, `before` cos((h-1)φ), which is 1 for h = 1.
    double = now * np.float32(2)
    before = np.ones(shape, np.float32)
    spare = np.empty(shape, np.float32)
    ramp = np.arange(CONTROL_SAMPLES, dtype=np.float32) / np.float32(CONTROL_SAMPLES)
    steps = np.diff(levels, axis=0)
    sound = np.zeros(shape, np.float32)
    partial = np.empty(shape, np.float32)
    for h in range(levels.shape[1]):
        # Every array is written over in place: 32 new ones of this size would take longer than the arithmetic.
        np.multiply(steps[:, h, None], ramp, out=partial)
        partial += levels[:-1, h, None]
        partial *= now
        sound += partial
        np.multiply(double, now, out=spare)
        spare -= before
        before, now, spare = now, spare, before
    return sound.reshape(-1)


def _noise(
    rng: np.random.Generator,
    performance: Performance,
    timbre: Timbre,
    control_s: Float64,
    loudness: Float64,
    level: float,
) -> Float32:
    """(N,) bow, breath or pluck: noise that follows the loudness, stronger in the first 30 ms of a note."""
    since = control_s - performance.onset_s[performance.at(control_s)]
    shape = loudness * (1.0 + 8.0 * np.exp(-np.maximum(since, 0.0) / 0.03))

    # The noise steps at the control rate, which nobody hears in noise.
    white = rng.standard_normal(
        (len(control_s) - 1) * CONTROL_SAMPLES, dtype=np.float32
    )
    return white * np.repeat(
        (timbre.noise * level * shape[:-1]).astype(np.float32), CONTROL_SAMPLES
    )
