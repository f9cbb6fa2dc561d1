"""A grand piano: strings tuned one by one, hammers, dampers, a pedal, and the strings that sound along.

What `sound.play` leaves out: a key's two or three strings, which drift apart and so die away in two stages (Weinreich,
"Coupled piano strings", JASA 1977); a tuning that is stretched towards both ends, since stiff strings are sharp
(Railsback, JASA 1938); the strings that resonate while the pedal keeps dampers up, and the top ones, which have none;
the knock of hammers and the thump of the pedal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .performance import Sounding
from .room import convolve
from .sound import Instrument, damped, draw_instrument, partials

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Span = tuple[float, float]

LOWEST = 21
HIGHEST = 108
ONE_STRING = (
    33  # keys below have one string, those below TWO_STRINGS two, the others three
)
TWO_STRINGS = 45
UNDAMPED = 90  # strings from here on have no dampers
RESONANCE_S = 1.5
RESONANT_PARTIALS = 4
PEDAL_FALLS_S = 0.12  # in which strings fall silent once the dampers are down
THUMP_HZ = (35.0, 180.0)
KNOCK_HZ = (90.0, 1400.0)


@dataclass(frozen=True)
class Grand:
    """What all notes of one piano share. Arrays have a value per MIDI number.

    key_cents, unison_cents   how far each key is out of tune, and how far apart its strings are
    slow, slower              the share of a tone that dies slowly, and how many times more slowly it dies
    hammer, pedal, along      levels of the hammers' knock, the pedal's thump, the strings that sound along
    """

    instrument: Instrument
    key_cents: Float64
    unison_cents: Float64
    slow: float
    slower: float
    hammer: float
    pedal: float
    along: float


def draw_grand(rng: np.random.Generator) -> Grand:
    """A piano, well or badly kept."""
    midi = np.arange(128.0)
    # Octaves are wider than 2 : 1, most at the ends of the keyboard, where it comes to some 20 cents.
    stretch = rng.uniform(10, 25) * ((midi - 60) / 48) ** 3
    whole_cents = rng.normal(0, 6)
    neglect = rng.uniform(0.5, 3.0)
    return Grand(
        draw_instrument(rng, "piano"),
        key_cents=whole_cents + stretch + rng.normal(0, neglect, 128),
        unison_cents=np.abs(rng.normal(0, neglect, 128)) + 0.2,
        slow=float(rng.uniform(0.1, 0.35)),
        slower=float(rng.uniform(2.5, 5.0)),
        hammer=10.0 ** (float(rng.uniform(-34, -20)) / 20),
        pedal=10.0 ** (float(rng.uniform(-46, -32)) / 20),
        along=10.0 ** (float(rng.uniform(-28, -16)) / 20),
    )


def render_grand(
    rng: np.random.Generator,
    grand: Grand,
    notes: Sequence[Sounding],
    pedals: Sequence[Span],
    n_samples: int,
    sr_hz: int,
) -> Float32:
    """The piano alone, without a room: (n_samples,). `pedals` are the times in s in which the pedal is down."""
    strings = np.zeros(n_samples, np.float32)
    noises = np.zeros(n_samples, np.float32)
    for note in notes:
        first = int(note.onset_s * sr_hz)
        add_at(strings, first, strike(rng, grand, note, sr_hz))
        hammer = _knock(rng, note.velocity * grand.hammer, sr_hz, KNOCK_HZ)
        add_at(noises, first, hammer)
    return resonating(rng, grand, strings, noises, pedals, sr_hz)


def resonating(
    rng: np.random.Generator,
    grand: Grand,
    strings: Float32,
    noises: Float32,
    pedals: Sequence[Span],
    sr_hz: int,
) -> Float32:
    """(N,) struck `strings` with those that sound along, and `noises`, to which the thumps of the pedal are added."""
    # The top strings always sound along, all of them while the pedal is down.
    top = _response(rng, grand, UNDAMPED, sr_hz)
    sound = strings + convolve(strings, top)
    every = _response(rng, grand, LOWEST, sr_hz)
    for begin_s, end_s in pedals:
        first = int(begin_s * sr_hz)
        last = int(end_s * sr_hz)
        add_at(sound, first, _along(strings, every, first, last, sr_hz))
        for sample in (first, last):
            add_at(noises, sample, _knock(rng, grand.pedal, sr_hz, THUMP_HZ))
    return sound + noises


def strike(
    rng: np.random.Generator, grand: Grand, note: Sounding, sr_hz: int
) -> Float32:
    """One key struck and let go at the end of the note: (N,) with a level of about its velocity at the beginning."""
    key = round(note.midi)
    hz, level, decay_s = partials(
        grand.instrument, note.midi + grand.key_cents[key] / 100, note.velocity, sr_hz
    )
    release_s = grand.instrument.release_s
    if key >= UNDAMPED:
        # Nothing stops these strings: they ring until they have died away.
        release_s = max(release_s, float(decay_s[0]))
    n_samples = int((note.end_s - note.onset_s + release_s) * sr_hz) + 1

    # Strings that move together give their energy to the bridge and die fast; what is left in opposite motion stays.
    both_levels = np.concatenate([level * (1 - grand.slow), level * grand.slow])
    both_decays = np.concatenate([decay_s, decay_s * grand.slower])
    sound = np.zeros(n_samples, np.float32)
    places = strings_of(key)
    for place in places:
        apart = 2.0 ** (place * grand.unison_cents[key] / 1200)
        phase = np.exp(2j * np.pi * rng.random(2 * len(hz)))
        detuned = np.concatenate([hz, hz]) * apart
        sound += damped(detuned, both_levels * phase, both_decays, n_samples, sr_hz)
    power = len(places) * np.square(both_levels).sum() / 2
    sound *= np.float32(note.velocity / np.sqrt(power))

    # Felt touches the string for some milliseconds, and a damper takes its time as well.
    time_s = np.arange(n_samples, dtype=np.float32) / sr_hz
    rise = np.minimum(time_s / np.float32(grand.instrument.attack_s), 1)
    held_s = note.end_s - note.onset_s
    fall = np.clip(1 - (time_s - held_s) / np.float32(release_s), 0, 1)
    return np.asarray(sound * rise * fall * fall, np.float32)


def strings_of(key: int) -> tuple[float, ...]:
    """Where the strings of a key lie about its pitch, as shares of their distance."""
    if key < ONE_STRING:
        return (0.0,)
    if key < TWO_STRINGS:
        return (-0.5, 0.5)
    return (-1.0, 0.0, 1.0)


def _response(
    rng: np.random.Generator, grand: Grand, lowest: int, sr_hz: int
) -> Float32:
    """What the free strings from `lowest` on make of an impulse: their first partials, with the level `along`."""
    strings = []
    for key in range(lowest, HIGHEST + 1):
        own = partials(grand.instrument, key + grand.key_cents[key] / 100, 0.5, sr_hz)
        strings.append(np.stack(own)[:, :RESONANT_PARTIALS])
    hz, level, decay_s = np.concatenate(strings, axis=1)
    phase = np.exp(2j * np.pi * rng.random(len(level)))
    n_samples = round(RESONANCE_S * sr_hz)
    response = damped(hz, level * phase, decay_s, n_samples, sr_hz)
    level_of_all = np.float32(grand.along / np.sqrt(np.square(response).sum()))
    return np.asarray(response * level_of_all, np.float32)


def _along(
    strings: Float32, response: Float32, first: int, stop: int, sr_hz: int
) -> Float32:
    """The free strings while the pedal is down, and until the dampers have stopped them."""
    falls = round(PEDAL_FALLS_S * sr_hz)
    played = np.pad(strings[first:stop], (0, falls))
    fall = np.ones(len(played), np.float32)
    fall[len(played) - falls :] = np.linspace(1, 0, falls, dtype=np.float32)
    return np.asarray(convolve(played, response) * fall, np.float32)


def _knock(
    rng: np.random.Generator, level: float, sr_hz: int, range_hz: Span
) -> Float32:
    """Wood that is hit: a dozen modes at random that die within some hundredths of a second."""
    low, high = (float(np.log(edge)) for edge in range_hz)
    hz = np.exp(rng.uniform(low, high, 12))
    decay_s = rng.uniform(0.008, 0.03, 12) * np.sqrt(400.0 / hz)
    modes = level / np.sqrt(6.0) * np.exp(2j * np.pi * rng.random(12))
    return damped(hz, modes, decay_s, round(0.25 * sr_hz), sr_hz)


def add_at(sound: Float32, first: int, part: Float32) -> None:
    """Add `part` from sample `first` on; what goes beyond the end is cut off."""
    part = part[: max(0, len(sound) - first)]
    sound[first : first + len(part)] += part
