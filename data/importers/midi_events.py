"""The notes of a Standard MIDI File, in seconds; whatever else stands in the file is passed over.

mido reads every event and refuses a file for one it cannot read, such as a key signature of 128 flats. Here only
notes and tempi are read, so that nothing else can cost the notes; mido writes the files (midi_files.py), and the
tests hold both to the same notes.

References
----------
MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001, 1996.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

DRUMS = 9  # the channel whose notes are drums, not pitches
DEFAULT_TEMPO = 500_000  # microseconds per beat, until a file says something else
_HIGHEST_CHANNEL_STATUS = 0xEF
_SYSEX = (0xF0, 0xF7)
_META = 0xFF
_TEMPO = 0x51
_END_OF_TRACK = 0x2F
_NOTE_OFF = 0x8
_NOTE_ON = 0x9
_ONE_DATA_BYTE = (0xC, 0xD)  # program change and channel pressure; the others have two
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of a system message; else 0
# SMPTE's 30 drop; 24, 25 and 30 are plain.
_FRAMES_PER_S = {29: Fraction(30_000, 1_001)}


class MalformedMidi(ValueError):
    """A file that is not a MIDI file, is damaged, or does not say when its notes are."""


class Note(NamedTuple):
    """A note; times in seconds, rounded to a microsecond. Sorts by onset, then pitch."""

    onset_s: float
    pitch: int
    offset_s: float
    velocity: int


@dataclass
class _Track:
    """What is kept of one track. Times in ticks."""

    notes: list[tuple[int, int, int | None, int]] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0


def notes_of(data: bytes) -> list[Note]:
    """The notes of all channels but that of the drums, sorted.

    A note-off ends the oldest note of its track, channel and pitch; a note that never ends lasts to the end of the
    file. Times follow the tempo changes of all tracks, or the frames of a SMPTE division.

    Raises MalformedMidi for a file that cannot be read, and for several independent songs in one file (type 2).
    """
    kind, division, chunks = _chunks(data)
    if kind > 2:
        raise MalformedMidi(f"its type is {kind}, expected 0, 1 or 2")
    if kind == 2 and len(chunks) > 1:
        songs = f"{len(chunks)} independent songs (type 2)"
        raise MalformedMidi(f"it holds {songs}, and a recording has one")
    tracks = [_track(chunk, number) for number, chunk in enumerate(chunks, 1)]

    # A note without an end lasts as long as the file does.
    end = max((track.end for track in tracks), default=0)
    # In files of type 1 the tempi lie in the first track and hold for all.
    seconds = _Clock(division, [tempo for track in tracks for tempo in track.tempi])
    notes = [note for track in tracks for note in track.notes]
    return sorted(
        Note(
            seconds(onset), pitch, seconds(end if offset is None else offset), velocity
        )
        for onset, pitch, offset, velocity in notes
    )


class _Clock:
    """From ticks to seconds. Sums are whole numbers, so that no rounding adds up."""

    def __init__(self, division: int, tempi: list[tuple[int, int]]) -> None:
        if division >= 1 << 15:
            # The high byte is minus the frames per second, the low byte the ticks per frame.
            frames_per_s = 256 - (division >> 8)
            ticks_per_s = (division & 0xFF) * _FRAMES_PER_S.get(
                frames_per_s, Fraction(frames_per_s)
            )
            ticks_per_beat = ticks_per_s
            changes = [
                (0, 1_000_000)
            ]  # a beat of one second; tempi have no meaning here
        else:
            ticks_per_beat = Fraction(division)
            changes = [(0, DEFAULT_TEMPO), *sorted(tempi, key=lambda change: change[0])]
        if not ticks_per_beat:
            raise MalformedMidi("its division is 0 ticks, so its events have no times")
        self._unit = ticks_per_beat * 1_000_000
        self._ticks = [tick for tick, _ in changes]
        self._tempi = [tempo for _, tempo in changes]

        # The microseconds times ticks that have passed before each change.
        self._passed = [0]
        for index in range(1, len(changes)):
            lasted = self._ticks[index] - self._ticks[index - 1]
            self._passed.append(self._passed[-1] + lasted * self._tempi[index - 1])

    def __call__(self, tick: int) -> float:
        index = bisect_right(self._ticks, tick) - 1
        passed = self._passed[index] + (tick - self._ticks[index]) * self._tempi[index]
        return round(float(passed / self._unit), 6)


def _chunks(data: bytes) -> tuple[int, int, list[bytes]]:
    """The type and the division of the header, and the bytes of each track."""
    if data[:4] != b"MThd":
        raise MalformedMidi("it does not begin with 'MThd'")
    if len(data) < 14:
        raise MalformedMidi("it ends too early")
    size, kind, n_tracks, division = struct.unpack(">LHHH", data[4:14])
    # The header may be longer in a later version of the format, but never shorter than 6 bytes.
    position = 8 + max(size, 6)
    tracks: list[bytes] = []
    while len(tracks) < n_tracks:
        head = data[position : position + 8]
        if len(head) < 8:
            raise MalformedMidi(f"it ends after {len(tracks)} of {n_tracks} tracks")
        name, size = struct.unpack(">4sL", head)
        chunk = data[position + 8 : position + 8 + size]
        if len(chunk) < size:
            raise MalformedMidi("it ends too early")
        if name == b"MTrk":  # chunks of other names belong to other programs
            tracks.append(chunk)
        position += 8 + size
    return kind, division, tracks


def _track(chunk: bytes, number: int) -> _Track:
    """Walk through the events of a track."""
    track = _Track()
    sounding: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    try:
        for tick, kind, channel, pitch, velocity in _events(chunk, track):
            if channel == DRUMS:
                continue
            started = sounding[channel, pitch]
            # A note-on of velocity 0 is a note-off: so the status byte need not be repeated.
            if kind == _NOTE_ON and velocity:
                started.append((tick, velocity))
            elif started:
                onset, loud = started.popleft()
                track.notes.append((onset, pitch, tick, loud))
    except IndexError:
        raise MalformedMidi(f"track {number} ends within an event") from None
    except MalformedMidi as error:
        raise MalformedMidi(f"track {number}: {error}") from None

    # What still sounds at the end has no end of its own: None.
    for (_, pitch), left in sounding.items():
        track.notes += [(onset, pitch, None, velocity) for onset, velocity in left]
    return track


def _events(chunk: bytes, track: _Track) -> Iterator[tuple[int, int, int, int, int]]:
    """(tick, note-on or note-off, channel, pitch, velocity); tempi and the end go into `track`.

    Raises IndexError where the chunk ends within an event.
    """
    position = tick = status = 0
    while position < len(chunk):
        delta, position = _variable(chunk, position)
        tick += delta
        track.end = tick
        byte = chunk[position]
        if byte > _HIGHEST_CHANNEL_STATUS:
            position = _pass_over(chunk, position, track)
            continue

        # Running status: an event without a status byte has that of the event before.
        if byte >= 0x80:
            status = byte
            position += 1
        elif not status:
            raise MalformedMidi("its first event has no status")

        # The upper half of a status is the kind of message, the lower one its channel.
        kind = status >> 4
        if kind in _ONE_DATA_BYTE:
            size = 1
        else:
            size = 2
        values = [chunk[position + index] for index in range(size)]
        position += size
        if max(values) > 127:
            raise MalformedMidi(f"expected a byte from 0 to 127, got {max(values)}")
        if kind in (_NOTE_OFF, _NOTE_ON):
            yield tick, kind, status & 0xF, values[0], values[1]


def _pass_over(chunk: bytes, position: int, track: _Track) -> int:
    """Where an event that is not a channel message ends: a tempo is kept, the end of the track is that of the chunk."""
    byte = chunk[position]
    if byte == _META:
        kind = chunk[position + 1]
        content, end = _content(chunk, position + 2)
        if kind == _TEMPO:
            track.tempi.append((track.end, _tempo(content)))
        if kind == _END_OF_TRACK:
            return len(chunk)
        return end

    # System exclusive messages say how long they are; the others have a fixed size.
    if byte in _SYSEX:
        return _content(chunk, position + 1)[1]
    return position + 1 + _SYSTEM_SIZES.get(byte, 0)


def _variable(chunk: bytes, position: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    number = 0
    for index in range(4):
        byte = chunk[position + index]
        # Seven bits per byte, the highest first; the eighth says whether another one follows.
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, position + index + 1
    raise MalformedMidi("a number of more than four bytes")


def _content(chunk: bytes, position: int) -> tuple[bytes, int]:
    """The content of an event that says its own size, and where it ends."""
    size, begin = _variable(chunk, position)
    if begin + size > len(chunk):
        raise IndexError
    return chunk[begin : begin + size], begin + size


def _tempo(content: bytes) -> int:
    """Microseconds per beat."""
    tempo = int.from_bytes(content[:3], "big")
    if len(content) < 3 or not tempo:
        raise MalformedMidi(f"a tempo of {tempo} microseconds per beat")
    return tempo
