"""Standard MIDI files beside the audio, read and written with mido (extra `midi`)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..pyjama.file import Atom
from .beside import Beside
from .contract import Annotations, importer
from .destination import Destination, Stored
from .notes import HIGHEST, NOTES
from .optional import optional
from .rows import offset_of

DRUMS = 9  # the channel whose notes are drums, not pitches
CHANNELS = [channel for channel in range(16) if channel != DRUMS]
TICKS = (
    30_000  # a beat, of which one lasts as many microseconds: a tick is a microsecond
)
LONGEST = (1 << 28) - 1  # ticks that one event of the format can wait
VELOCITY = 80  # of notes without one

Event = tuple[
    int, int, str, int, int, int
]  # tick, rank, type, channel, pitch, velocity


@importer("midi", "audio, and .mid or .midi files of its notes")
class Midi(Beside):
    """The notes of all channels but that of the drums become `pitchmidi`, sorted by time, and `velocity`.

    Times follow the tempo changes and are rounded to a microsecond; the sustain pedal does not lengthen notes.
    """

    endings = (".mid", ".midi")
    definitions = NOTES

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        self.mido = optional("mido", "midi")

    def read(self, path: Path, name: str) -> Annotations:  # noqa: ARG002
        try:
            messages = list(self.mido.MidiFile(path))
        except OSError as error:
            if error.errno:
                raise
            raise _no_midi(path, error) from error
        except (EOFError, ValueError, KeyError, IndexError) as error:
            raise _no_midi(path, error) from error
        found = sorted(notes_of(messages))
        spans = [(onset, round(offset - onset, 6)) for onset, _, offset, _ in found]
        pitches = [
            Atom(pitch, *span)
            for (_, pitch, _, _), span in zip(found, spans, strict=True)
        ]
        velocities = [
            Atom(velocity, *span)
            for (_, _, _, velocity), span in zip(found, spans, strict=True)
        ]
        return {"pitchmidi": pitches, "velocity": velocities}

    def write(self, stored: Stored, to: Destination) -> None:
        mido = self.mido
        notes = list(stored.entry.annotations.get("pitchmidi", ()))
        loud = list(stored.entry.annotations.get("velocity", ()))
        events = _events(
            stored.key,
            notes,
            [atom.value for atom in loud] if len(loud) == len(notes) else None,
        )
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


def notes_of(messages: Iterable[Any]) -> Iterator[tuple[float, int, float, int]]:
    """(onset_s, pitch, offset_s, velocity); a note-off ends the oldest note of its channel and pitch."""
    now_s = 0.0
    sounding: dict[tuple[int, int], deque[tuple[float, int]]] = defaultdict(deque)
    for message in messages:
        now_s += message.time
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            sounding[key].append((round(now_s, 6), message.velocity))
        elif sounding[key]:
            onset_s, velocity = sounding[key].popleft()
            yield onset_s, message.note, round(now_s, 6), velocity
    for (
        _,
        pitch,
    ), left in sounding.items():  # never ended: they last to the end of the file
        yield from (
            (onset_s, pitch, round(now_s, 6), velocity) for onset_s, velocity in left
        )


def _events(
    key: str, notes: Sequence[Atom], velocities: Sequence[Any] | None
) -> list[Event]:
    """Note-ons and note-offs by time. Notes of one pitch that overlap are put into different channels."""
    order = sorted(range(len(notes)), key=lambda index: (notes[index].time, index))
    free = dict[tuple[int, int], int]()  # (channel, pitch) -> the tick from which it is
    events: list[Event] = []
    for rank, index in enumerate(order):
        note = notes[index]
        pitch = notes[index].value
        if pitch != int(pitch) or not 0 <= pitch <= HIGHEST or note.time < 0:
            raise DataError(
                f"'{key}': MIDI has no note {pitch} at {note.time} s", code="E469"
            )
        begin = round(Decimal(repr(float(note.time))) * 1_000_000)
        end = max(
            begin, round(Decimal(offset_of(note.time, note.duration)) * 1_000_000)
        )
        channel = next(
            (c for c in CHANNELS if free.get((c, pitch), 0) <= begin), CHANNELS[-1]
        )
        free[channel, pitch] = max(end, begin + 1)
        if velocities:
            velocity = int(velocities[index])
        else:
            velocity = VELOCITY
        events.append(
            (
                begin,
                2 * rank + 1,
                "note_on",
                channel,
                int(pitch),
                min(max(velocity, 1), HIGHEST),
            )
        )
        events.append(
            (
                end,
                2 * rank + 2 if end == begin else 0,
                "note_off",
                channel,
                int(pitch),
                0,
            )
        )
    return sorted(events)


def _no_midi(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or "it ends too early"
    return DataError(
        f"'{path}' is no MIDI file, or a damaged one: {reason}", code="E463"
    )
