"""Standard MIDI files beside the audio, read and written with mido (extra `midi`)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..pyjama.file import Atom
from .beside import Beside
from .contract import Annotations, importer
from .destination import Destination, Stored
from .midi_events import DRUMS, MalformedMidi, notes_of
from .notes import NOTES
from .optional import optional
from .pitch import HIGHEST
from .rows import offset_of

CHANNELS = [channel for channel in range(16) if channel != DRUMS]
TICKS = 30_000  # per beat, which lasts as many microseconds: a tick is a microsecond
LONGEST = (1 << 28) - 1  # ticks that one event of the format can wait
VELOCITY = 80  # of notes without one

# tick, rank, type, channel, pitch, velocity
Event = tuple[int, int, str, int, int, int]


@importer("midi", "audio, and .mid or .midi files of its notes")
class Midi(Beside):
    """The notes of all channels but that of the drums become `pitchmidi`, sorted by time, and `velocity`.

    Times follow the tempo changes, or a SMPTE division, and are rounded to a microsecond; a note-off ends a note of
    its own track; the sustain pedal does not lengthen notes. Events that say nothing of notes may be malformed. A
    file of several songs (type 2), or of beats of 0 ticks, is left out.
    """

    endings = (".mid", ".midi")
    definitions = NOTES

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        self.mido = optional("mido")

    def read(self, path: Path, name: str) -> Annotations:  # noqa: ARG002
        try:
            found = notes_of(path.read_bytes())
        except MalformedMidi as error:
            raise DataError(
                f"'{path}' is not a MIDI file that can be read: {error}", code="E463"
            ) from error
        pitches = []
        velocities = []
        for note in found:
            duration_s = round(note.offset_s - note.onset_s, 6)
            pitches.append(Atom(note.pitch, note.onset_s, duration_s))
            velocities.append(Atom(note.velocity, note.onset_s, duration_s))
        return {"pitchmidi": pitches, "velocity": velocities}

    def write(self, stored: Stored, to: Destination) -> None:
        if "pitchmidi" not in stored.entry.annotations:
            return
        mido = self.mido
        notes = list(stored.entry.annotations["pitchmidi"])
        loud = list(stored.entry.annotations.get("velocity", ()))
        # Velocities belong to notes by their place: with another number of them none can be trusted.
        if len(loud) == len(notes):
            velocities = [int(atom.value) for atom in loud]
        else:
            velocities = [VELOCITY] * len(notes)
        events = _events(stored.key, notes, velocities)

        # An event cannot wait for longer than four bytes can say: tempi that change nothing stand between.
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=TICKS)])
        now = 0
        for tick, _, kind, channel, pitch, velocity in events:
            while tick - now > LONGEST:
                track.append(mido.MetaMessage("set_tempo", tempo=TICKS, time=LONGEST))
                now += LONGEST
            track.append(
                mido.Message(
                    kind,
                    channel=channel,
                    note=pitch,
                    velocity=velocity,
                    time=tick - now,
                )
            )
            now = tick
        mido.MidiFile(type=0, ticks_per_beat=TICKS, tracks=[track]).save(
            to.path(f"{stored.stem}.mid")
        )


def _events(key: str, notes: Sequence[Atom], velocities: Sequence[int]) -> list[Event]:
    """Note-ons and note-offs by time. Notes of one pitch that overlap are put into different channels."""
    order = sorted(range(len(notes)), key=lambda index: (notes[index].time, index))
    free_at: dict[tuple[int, int], int] = {}  # (channel, pitch) -> tick
    events: list[Event] = []
    for rank, index in enumerate(order):
        note = notes[index]
        _refuse_no_note(key, note)
        pitch = int(note.value)
        begin = _tick(Decimal(repr(float(note.time))))
        end = max(begin, _tick(Decimal(offset_of(note.time, note.duration))))

        # A channel in which the pitch still sounds would end the wrong note.
        free = [c for c in CHANNELS if free_at.get((c, pitch), 0) <= begin]
        channel = free[0] if free else CHANNELS[-1]
        free_at[channel, pitch] = max(end, begin + 1)

        # At one tick, ends come before begins, but for a note of no length, which must begin before it ends.
        if end == begin:
            rank_of_end = 2 * rank + 2
        else:
            rank_of_end = 0
        velocity = min(max(velocities[index], 1), HIGHEST)
        events.append((begin, 2 * rank + 1, "note_on", channel, pitch, velocity))
        events.append((end, rank_of_end, "note_off", channel, pitch, 0))
    return sorted(events)


def _tick(seconds: Decimal) -> int:
    return round(seconds * 1_000_000)


def _refuse_no_note(key: str, note: Atom) -> None:
    """Raises DataError E469."""
    pitch = note.value
    if pitch != int(pitch) or not 0 <= pitch <= HIGHEST or note.time < 0:
        raise DataError(
            f"'{key}': MIDI has no note {pitch} at {note.time} s", code="E469"
        )
