"""The embedded corpus: four-voice polyphony with exact ground truth, made from a seed.

Each clip is a new piece: diatonic chords with voice leading, timbres out of five families, vibrato, glides, its own
tuning and room, levels that vary by voice and by note, background noise. The mix is the sum of its stems, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .corpus import Corpus
from .hdf5 import write_audio
from .pyjama import Atom, Definition, Entry, Pyjama
from .synth_score import VOICES, compose
from .synth_tone import FAMILIES, Performance, draw_timbre, render

NAME = "polyphony"
F0_STEP_S = 0.01
Float32 = NDArray[np.float32]

_DEFINITIONS = {
    "filepath": Definition("global", "text", "filepath"),
    "piece": Definition("global", "text"),
    "stem_of": Definition("global", "text"),
    "instrument": Definition("global", "text"),
    "f0": Definition("breakpoint", "numeric", row_name=["f0_midi"]),
    "f0multi": Definition("breakpoint", "numeric", row_name=[f"f0_midi_{voice}" for voice in VOICES]),
}


@dataclass(frozen=True)
class Clip:
    """One piece: the stems (4, N), their f0 (4, T) in MIDI numbers with 0 for silence, and the timbre families."""

    stems: Float32
    f0_midi: NDArray[np.float64]
    times_s: NDArray[np.float64]
    instruments: tuple[str, ...]

    @property
    def mix(self) -> Float32:
        mix: Float32 = self.stems[0] + self.stems[1] + self.stems[2] + self.stems[3]
        return mix


def synthesise_polyphony(
    folder: str | Path,
    n_clips: int = 12,
    seconds: float = 15.0,
    seed: int = 0,
    sr_hz: int = 22050,
    stems: bool = True,
    on_done: Callable[[str], None] | None = None,
) -> Corpus:
    """Write polyphony_audio.hdf5 and polyphony.pyjama into `folder`, and open them. The same arguments, the same bytes.

    Keys are `01.wav` and, with `stems`, `01-soprano.wav` ...; `on_done` is called with the key of each finished clip.
    Raises DataError E408 if the folder cannot be written.
    """
    folder = Path(folder)
    entries: list[Entry] = []

    def items() -> Iterator[tuple[str, Float32, int]]:
        for index in range(n_clips):
            clip = make_clip(np.random.default_rng((seed, index)), seconds, sr_hz)
            mix = f"{index + 1:02d}.wav"
            yield mix, clip.mix, sr_hz
            entries.append(_mix_entry(mix, clip))
            for voice, name in enumerate(VOICES if stems else ()):
                key = f"{index + 1:02d}-{name}.wav"
                yield key, clip.stems[voice], sr_hz
                entries.append(_stem_entry(key, mix, clip, voice))
            if on_done is not None:
                on_done(mix)

    write_audio(folder / f"{NAME}_audio.hdf5", items())
    Pyjama(_DEFINITIONS, entries).save(folder / f"{NAME}.pyjama")
    return Corpus.open(folder)


def make_clip(rng: np.random.Generator, seconds: float, sr_hz: int) -> Clip:
    """Compose, play and record one piece."""
    n_samples = round(seconds * sr_hz)
    times_s = np.round(np.arange(0.0, seconds, F0_STEP_S), 2)
    tuning_semitones = rng.uniform(-0.4, 0.4)
    families = tuple(str(name) for name in rng.choice(FAMILIES, len(VOICES)))
    room, background = _room(rng, sr_hz), _pink_noise(rng, n_samples)
    stems, f0 = [], []
    for voice, (notes, family) in enumerate(zip(compose(rng, seconds), families, strict=True)):
        timbre = draw_timbre(rng, family)
        performance = Performance.draw(rng, notes, timbre, tuning_semitones)
        dry = render(rng, performance, timbre, n_samples, sr_hz) * np.float32(10.0 ** (rng.uniform(-4, 4) / 20))
        stems.append(_convolve(dry, room) + np.roll(background, voice * n_samples // len(VOICES)))
        f0.append(np.round(performance.f0(times_s, timbre), 4))
    recorded = np.stack(stems)
    recorded *= np.float32(rng.uniform(0.4, 0.9)) / np.abs(recorded.sum(axis=0)).max()
    return Clip(recorded, np.stack(f0), times_s, families)


def _room(rng: np.random.Generator, sr_hz: int) -> Float32:
    """An impulse response: the direct sound and a decaying noise tail, -60 dB after 0.25 to 0.6 s."""
    decay_s, wet_db = rng.uniform(0.25, 0.6), rng.uniform(-22, -14)
    times_s = np.arange(round(decay_s * sr_hz)) / sr_hz
    tail = rng.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / decay_s)
    tail *= 10.0 ** (wet_db / 20) / np.sqrt(np.sum(np.square(tail)))
    tail[0] = 1.0
    return tail.astype(np.float32)


def _pink_noise(rng: np.random.Generator, n_samples: int) -> Float32:
    """(n_samples,) 1/f noise, -62 to -50 dB."""
    spectrum = scipy.fft.rfft(rng.standard_normal(n_samples, dtype=np.float32))
    spectrum /= np.sqrt(np.arange(len(spectrum), dtype=np.float32) + 20.0)
    noise = scipy.fft.irfft(spectrum, n_samples)
    return np.asarray(noise * np.float32(10.0 ** (rng.uniform(-62, -50) / 20) / noise.std()), np.float32)


def _convolve(sound: Float32, response: Float32) -> Float32:
    """(N,) `sound` through `response`, the tail past N cut off."""
    size = scipy.fft.next_fast_len(len(sound) + len(response) - 1, real=True)
    spectrum = scipy.fft.rfft(sound, size) * scipy.fft.rfft(response, size)
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(sound)], np.float32)


def _text(*values: str) -> tuple[Atom, ...]:
    return tuple(Atom(value) for value in values)


def _mix_entry(key: str, clip: Clip) -> Entry:
    curve = Atom(clip.f0_midi.tolist(), clip.times_s.tolist())
    piece = key.removesuffix(".wav")
    return Entry(
        {"filepath": _text(key), "piece": _text(piece), "instrument": _text(*clip.instruments), "f0multi": (curve,)}
    )


def _stem_entry(key: str, mix: str, clip: Clip, voice: int) -> Entry:
    curve = Atom([clip.f0_midi[voice].tolist()], clip.times_s.tolist())
    own: dict[str, Any] = {"filepath": _text(key), "piece": _text(mix.removesuffix(".wav")), "stem_of": _text(mix)}
    return Entry(own | {"instrument": _text(clip.instruments[voice]), "f0": (curve,)})
