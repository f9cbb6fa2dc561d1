"""Notes as a Standard MIDI File, with or without pitch bends."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..midi_numbers import midi_of
from .layers import Curve, Float64, Layer, NoteEvent, Notes

TICKS_PER_BEAT = 500
US_PER_BEAT = 500_000  # 120 beats per minute: a tick is a millisecond
BEND_RANGE = (
    2.0  # semitones to either side, what players take where nothing else is said
)
BEND_STEPS = 8192
BEND_EVERY_S = 0.02
MOST_KEY = 127
DRUMS = 9  # the channel that synthesizers keep for percussion
STRAIGHT = 15  # the channel of notes for which no other is left: they are not bent
BENT = [channel for channel in range(15) if channel != DRUMS]


class Event(NamedTuple):
    """A message at a time; of one time, notes end before bends are set and others begin."""

    tick: int
    order: int
    message: Any


def midi_bytes(layers: Sequence[Layer], *, bends: bool) -> bytes:
    """The notes of all layers in one track.

    Parameters
    ----------
    layers : sequence of Layer
        Those of notes are written; a curve of pitches bends them.
    bends : bool
        Whether notes are bent to their own pitch, and along the curve where there is one. A channel holds one bend,
        so notes that sound together go on channels of their own; the fifteenth of them stays on its key.

    Returns
    -------
    bytes
        A file of format 0, a millisecond per tick.

    Raises
    ------
    DataError
        E468 without the package mido.
    """
    from ..data.importers.optional import (
        optional,  # with it come all contracts of importers
    )

    mido = optional("mido")
    notes = [
        note for layer in layers if isinstance(layer, Notes) for note in layer.notes
    ]
    curve = next((layer for layer in layers if isinstance(layer, Curve)), None)
    events: list[Event] = []
    if bends:
        for note, channel in zip(notes, _channels(notes), strict=True):
            events += _bent(mido, note, channel, curve)
    else:
        for note in notes:
            events += _struck(mido, note, 0)
    return _file(mido, sorted(events, key=lambda event: event[:2]))


def _file(mido: Any, events: Sequence[Event]) -> bytes:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=US_PER_BEAT))
    now = 0
    for event in events:
        track.append(event.message.copy(time=event.tick - now))
        now = event.tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(track)
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _struck(mido: Any, note: NoteEvent, channel: int) -> list[Event]:
    """The beginning and the end of a note; those without a key are left out."""
    key = round(note.midi)
    if not 0 <= key <= MOST_KEY:
        return []
    first = _tick(note.onset_s)
    # A note of no length would never be heard, and some players never end it.
    last = max(first + 1, _tick(note.end_s))
    about = {"note": key, "channel": channel}
    on = mido.Message("note_on", velocity=note.velocity, **about)
    off = mido.Message("note_off", velocity=0, **about)
    return [Event(last, 0, off), Event(first, 2, on)]


def _bent(mido: Any, note: NoteEvent, channel: int, curve: Curve | None) -> list[Event]:
    """A note, and the bends from its key to its pitch."""
    struck = _struck(mido, note, channel)
    if not struck or channel == STRAIGHT:
        return struck
    times_s, midi = _path(note, curve)
    bends = np.rint((midi - round(note.midi)) / BEND_RANGE * BEND_STEPS)
    bends = np.clip(bends, -BEND_STEPS, BEND_STEPS - 1).astype(int)
    events: list[Event] = []
    last = None
    for time_s, bend in zip(times_s, bends.tolist(), strict=True):
        if bend != last:
            message = mido.Message("pitchwheel", pitch=bend, channel=channel)
            events.append(Event(_tick(time_s), 1, message))
            last = bend
    return [*struck, *events]


def _path(note: NoteEvent, curve: Curve | None) -> tuple[Float64, Float64]:
    """Times from the note's onset on, and its pitch at each as a MIDI number."""
    steady = np.array([note.onset_s]), np.array([note.midi])
    if curve is None:
        return steady
    first, last = np.searchsorted(curve.times_s, [note.onset_s, note.end_s])
    times: list[float] = []
    pitches: list[float] = []
    for index in range(first, last):
        time_s = float(curve.times_s[index])
        near = _nearest(curve.hz[index], note.midi)
        if near is None or (times and time_s - times[-1] < BEND_EVERY_S):
            continue
        times.append(time_s)
        pitches.append(near)
    if not times:
        return steady
    # What sounds from the very beginning must be bent by then.
    times[0] = note.onset_s
    return np.array(times), np.array(pitches)


def _nearest(hz: Float64, midi: float) -> float | None:
    """The pitch that belongs to a note: within a semitone of it."""
    if not len(hz):
        return None
    pitches = midi_of(hz)
    distances = np.abs(pitches - midi)
    best = int(distances.argmin())
    return float(pitches[best]) if distances[best] <= 1.0 else None


def _channels(notes: Sequence[NoteEvent]) -> list[int]:
    """A channel for each note, by onset, that no other note has at the same time."""
    free_from = dict.fromkeys(BENT, 0)
    found = [STRAIGHT] * len(notes)
    for index in sorted(range(len(notes)), key=lambda i: notes[i].onset_s):
        note = notes[index]
        first = _tick(note.onset_s)
        free = [channel for channel, tick in free_from.items() if tick <= first]
        if free:
            found[index] = free[0]
            free_from[free[0]] = max(first + 1, _tick(note.end_s))
    return found


def _tick(time_s: float) -> int:
    return max(0, round(time_s * TICKS_PER_BEAT * 1_000_000 / US_PER_BEAT))
