"""The notes of MIDI files: what mido reads is read the same, what mido refuses costs no note that the file holds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.midi_events import MalformedMidi, Note, notes_of
from mirbricks.data.pyjama.file import Atom

from .midi_bytes import END, meta, midi, note, track, variable

HALF_SECOND = note(0, 480)
ONE_NOTE = [Note(0.0, 60, 0.5, 80)]


@pytest.mark.parametrize(
    "event",
    [
        meta(0x59, b"\x80\x00"),  # a key signature of 128 flats
        meta(0x59, b"\x00"),  # one without a mode
        meta(0x59, b""),
        meta(0x58, b"\x04"),  # a time signature cut short
        meta(0x58, b"\x04\xff\x18\x08"),  # a beat of 2 ** -255
        meta(0x54, b"\xff\xff\xff\xff\xff"),  # a SMPTE offset that is none
        meta(0x00, b"\x01"),  # half a sequence number
        meta(0x20, b""),  # no channel prefix
        meta(0x03, b"\xff\xfe\x00"),  # a name in no encoding
        meta(0x7E, b"\x00" * 300),  # a kind that nobody knows
        b"\x00\xf0\x03\x01\x02\xf7",  # system exclusive
        b"\x00\xf7\x02\xff\xff",  # an escape
        b"\x00\xf1\x10\x00\xf8\x00\xf6",  # system messages, which stand in no sound file
        b"\x00\xc0\x05\x00\xd0\x40\x00\xe0\x00\x40\x00\xb0\x40\x7f\x00\xa0\x3c\x10",
    ],
)
def test_what_says_nothing_of_notes_costs_no_note(event: bytes) -> None:
    assert notes_of(midi(track(event, HALF_SECOND, event))) == ONE_NOTE


@pytest.mark.parametrize(
    ("division", "offset_s"),
    [
        (0xE728, 0.48),  # 25 frames per second, 40 ticks per frame
        (0xE850, 0.25),  # 24 and 80
        (0xE250, 0.2),  # 30 and 80
        (0xE350, 0.2002),  # 30 drop: 29.97 and 80
    ],
)
def test_smpte_division(division: int, offset_s: float) -> None:
    slow = meta(0x51, (10**6).to_bytes(3, "big"))  # tempi mean nothing here
    found = notes_of(midi(track(slow, HALF_SECOND), division=division))
    assert found == [Note(0.0, 60, offset_s, 80)]


def test_tempi_of_every_track_hold_for_all() -> None:
    fast = meta(0x51, (250_000).to_bytes(3, "big"), wait=480)
    found = notes_of(midi(track(note(0, 960)), track(fast)))
    assert found == [Note(0.0, 60, 0.75, 80)]


def test_a_note_off_ends_a_note_of_its_own_track() -> None:
    found = notes_of(midi(track(note(0, 1920, 60, 90)), track(note(480, 480, 60, 40))))
    assert found == [Note(0.0, 60, 2.0, 90), Note(0.5, 60, 1.0, 40)]


def test_a_note_that_never_ends_lasts_to_the_end_of_the_file() -> None:
    begun = b"\x00\x90\x3c\x50"
    found = notes_of(midi(track(begun), track(meta(0x01, b"", wait=960))))
    assert found == [Note(0.0, 60, 1.0, 80)]


def test_chunks_of_others_and_what_follows_the_end_are_passed_over() -> None:
    other = b"XFIH" + (4).to_bytes(4, "big") + b"abcd"
    whole = midi(other, track(HALF_SECOND, END, note(0, 480, 61)))
    whole = whole[:10] + b"\x00\x01" + whole[12:]
    assert notes_of(whole) == ONE_NOTE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it does not begin with 'MThd'"),
        (b"MThd\0\0\0\6\0\1", "it ends too early"),
        (midi(track(HALF_SECOND))[:-1], "it ends too early"),
        (midi(track())[:14], "it ends after 0 of 1 tracks"),
        (midi(track(HALF_SECOND), kind=7), "its type is 7, expected 0, 1 or 2"),
        (
            midi(track(HALF_SECOND), track(HALF_SECOND), kind=2),
            "it holds 2 independent songs (type 2), and a recording has one",
        ),
        (
            midi(track(HALF_SECOND), division=0),
            "its division is 0 ticks, so its events have no times",
        ),
        (
            midi(track(HALF_SECOND), division=0xE700),
            "its division is 0 ticks, so its events have no times",
        ),
        (midi(track(b"\x00\x3c\x40")), "track 1: its first event has no status"),
        (midi(track(b"\x00\x90\x3c", end=b"")), "track 1 ends within an event"),
        (midi(track(b"\x00\xff\x01\x7f", end=b"")), "track 1 ends within an event"),
        (midi(track(b"\xff" * 5)), "track 1: a number of more than four bytes"),
        (
            midi(track(b"\x00\x90\x3c\x90")),
            "track 1: expected a byte from 0 to 127, got 144",
        ),
        (
            midi(track(meta(0x51, b"\0\0\0"))),
            "track 1: a tempo of 0 microseconds per beat",
        ),
        (
            midi(track(meta(0x51, b"\1"))),
            "track 1: a tempo of 1 microseconds per beat",
        ),
    ],
)
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedMidi) as caught:
        notes_of(data)
    assert str(caught.value) == reason


def test_type_2_of_one_track_is_one_song() -> None:
    assert notes_of(midi(track(HALF_SECOND), kind=2)) == ONE_NOTE


@st.composite
def _tracks(draw: Any) -> list[list[Any]]:
    """Tracks of messages as mido writes them; each pitch in one track only, for mido forgets which track it was."""
    tracks = []
    for number in range(draw(st.integers(1, 3))):
        messages: list[Any] = []
        for _ in range(draw(st.integers(0, 12))):
            wait = draw(st.integers(0, 100_000))
            pitch = 40 * number + draw(st.integers(0, 5))
            kind = draw(st.sampled_from(["note_on", "note_off", "tempo", "other"]))
            if kind == "tempo":
                tempo = draw(st.sampled_from([250_000, 500_000, 3_000_000]))
                messages.append(mido.MetaMessage("set_tempo", tempo=tempo, time=wait))
            elif kind == "other":
                messages.append(mido.Message("control_change", time=wait))
            else:
                velocity = draw(st.integers(0, 127))
                channel = draw(st.integers(8, 10))
                messages.append(
                    mido.Message(
                        kind, channel=channel, note=pitch, velocity=velocity, time=wait
                    )
                )
        tracks.append(messages)
    return tracks


def _by_mido(file: mido.MidiFile) -> list[tuple[float, int, float, int]]:
    """The same rules on what mido reads: the oldest note of a channel and pitch ends first."""
    now_s = 0.0
    sounding: dict[tuple[int, int], list[tuple[float, int]]] = {}
    found = []
    for message in file:
        now_s += message.time
        if message.type not in ("note_on", "note_off") or message.channel == 9:
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            sounding.setdefault(key, []).append((now_s, message.velocity))
        elif sounding.get(key):
            onset_s, velocity = sounding[key].pop(0)
            found.append((onset_s, message.note, now_s, velocity))
    for (_, pitch), left in sounding.items():
        found += [(onset_s, pitch, now_s, velocity) for onset_s, velocity in left]
    return sorted(found)


@settings(max_examples=150)
@given(_tracks(), st.sampled_from([1, 96, 480, 1000]))
def test_mido_reads_the_same_notes(tracks: list[list[Any]], division: int) -> None:
    file = mido.MidiFile(ticks_per_beat=division)
    file.tracks += [mido.MidiTrack(messages) for messages in tracks]
    written = io.BytesIO()
    file.save(file=written)
    expected = _by_mido(mido.MidiFile(file=io.BytesIO(written.getvalue())))
    found = notes_of(written.getvalue())
    assert len(found) == len(expected)
    for mine, its in zip(sorted(found), expected, strict=True):
        assert (mine.pitch, mine.velocity) == (its[1], its[3])
        assert abs(mine.onset_s - its[0]) < 1e-5
        assert abs(mine.offset_s - its[2]) < 1e-5


@settings(max_examples=300)
@given(st.binary(max_size=40), st.integers(0, 3), st.integers(0, 65_535))
def test_any_bytes_are_notes_or_one_error(
    content: bytes, kind: int, division: int
) -> None:
    data = midi(track(content, end=b""), kind=kind, division=division)
    try:
        found = notes_of(data)
    except MalformedMidi:
        return
    assert all(0 <= one.pitch <= 127 and one.onset_s <= one.offset_s for one in found)


GOOD = midi(track(HALF_SECOND))


@pytest.mark.parametrize(
    ("name", "data", "notes"),
    [
        ("badkey", midi(track(meta(0x59, b"\x80\x00"), HALF_SECOND)), 0.5),
        ("smptediv", midi(track(HALF_SECOND), division=0xE728), 0.48),
        ("type2", midi(track(HALF_SECOND), track(HALF_SECOND), kind=2), None),
        ("div0", midi(track(HALF_SECOND), division=0), None),
    ],
)
def test_a_file_costs_no_other(
    name: str, data: bytes, notes: float | None, sound: Any, bring_in: Any
) -> None:
    for stem, content in (("good", GOOD), (name, data)):
        sound(f"src/{stem}.wav", 4.0)
        Path(f"src/{stem}.mid").write_bytes(content)
    report = bring_in("midi", "src", "one")
    corpus = Corpus.open("one")
    expected = {"good.wav": 0.5}
    if notes is None:
        assert [error.code for error in report.left_out] == ["E463"]
        assert report.left_out[0].message.startswith(f"'src/{name}.mid' is not a MIDI")
    else:
        assert report.left_out == []
        expected[f"{name}.wav"] = notes
    assert {item.key: list(item.annotations["pitchmidi"]) for item in corpus.items} == {
        key: [Atom(60, 0.0, seconds)] for key, seconds in expected.items()
    }


def test_numbers_of_variable_length() -> None:
    found = notes_of(midi(track(note(2_000_000, 200)), division=1000))
    assert variable(2_000_000) == b"\xfa\x89\x00"
    assert found == [Note(1000.0, 60, 1000.1, 80)]
