"""Songs and their performances: labels that cover the time, known to mir_eval, and heard in the notes."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data.synth.labels import reduced
from mirbricks.data.synth.performance import Performed, perform, window
from mirbricks.data.synth.piano import HIGHEST, LOWEST, piano_piece
from mirbricks.data.synth.song import QUALITIES, write_song
from mirbricks.data.synth.style import draw_style, rearranged


def performed(seed: int, *, faithful: bool = False) -> Performed:
    rng = np.random.default_rng(seed)
    song = write_song(rng)
    return perform(rng, song, draw_style(rng, song, faithful=faithful))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40)
def test_chords_cover_the_song_without_gaps(seed: int) -> None:
    music = performed(seed)
    assert music.chords[0].time_s == 0
    for one, after in zip(music.chords, music.chords[1:], strict=False):
        assert abs(one.time_s + one.duration_s - after.time_s) < 1e-9
        assert one.value != after.value
    last = music.chords[-1]
    assert last.value == "N"
    assert abs(last.time_s + last.duration_s - music.end_s) < 1e-9
    for notes in music.parts.values():
        assert all(
            0 <= note.onset_s < note.end_s <= music.end_s + 0.1 for note in notes
        )


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_those_of_the_field(seed: int) -> None:
    for label in performed(seed).chords:
        mir_eval.chord.validate_chord_label(label.value)
        root, bitmap, _ = mir_eval.chord.encode(
            label.value, reduce_extended_chords=False
        )
        short = reduced(label.value)
        if short not in ("N", "X"):
            short_root, short_bitmap, _ = mir_eval.chord.encode(short)
            assert short_root == root
            assert (bitmap[np.flatnonzero(short_bitmap)] == 1).all()
        elif short == "N":
            assert label.value == "N"


@pytest.mark.parametrize("seed", range(8))
def test_the_notes_of_chords_and_bass_are_those_of_the_label(seed: int) -> None:
    music = performed(seed)
    for part in ("chords", "bass"):
        for note in music.parts[part]:
            middle = note.onset_s + 0.5 * (note.end_s - note.onset_s)
            around = [
                c
                for c in music.chords
                if c.time_s - 0.35 <= middle < c.time_s + c.duration_s + 0.35
            ]
            tones = set()
            for chord in around:
                if chord.value != "N":
                    root, bitmap, bass = mir_eval.chord.encode(chord.value)
                    tones |= set((np.flatnonzero(bitmap) + root) % 12) | {
                        (root + bass) % 12
                    }
            assert round(note.midi) % 12 in tones


def test_qualities_are_those_of_mir_eval() -> None:
    for quality, tones in QUALITIES.items():
        bitmap = mir_eval.chord.encode(f"C:{quality}")[1]
        assert tuple(np.flatnonzero(bitmap)) == tones, quality


@given(seed=st.integers(0, 10**6), order=st.sampled_from(["AABAB", "ABAB", "ABABCB"]))
def test_a_version_plays_sections_of_the_song(seed: int, order: str) -> None:
    changed = rearranged(np.random.default_rng(seed), order)
    assert set(changed.upper()) <= set(order)
    assert len(order) - 1 <= len(changed) <= len(order) + 2


def test_faithful_means_as_written() -> None:
    rng = np.random.default_rng(3)
    song = write_song(rng)
    style = draw_style(rng, song, faithful=True)
    assert (style.transpose, style.order) == (0, song.order)
    assert abs(style.bpm - song.bpm) < 1e-9


def test_beats_go_on_evenly() -> None:
    music = performed(4)
    gaps = np.diff(music.beats_s)
    np.testing.assert_allclose(gaps, gaps[0])


def test_a_window_keeps_what_sounds_in_it() -> None:
    music = performed(5)
    part = window(music, 10.0, 4.0)
    assert part.end_s == 4.0
    for name, notes in part.parts.items():
        inside = [n for n in music.parts[name] if n.onset_s < 13.98 and n.end_s > 10.02]
        assert len(notes) == len(inside)
        assert all(0 <= note.onset_s < note.end_s <= 4.0 for note in notes)
    assert all(0 <= beat < 4.0 for beat in part.beats_s)


@given(seed=st.integers(0, 10**6), seconds=st.sampled_from([1.0, 3.0, 30.0]))
@settings(max_examples=30)
def test_a_piano_has_one_string_a_key(seed: int, seconds: float) -> None:
    notes = piano_piece(np.random.default_rng(seed), seconds)
    assert notes
    assert [n.onset_s for n in notes] == sorted(n.onset_s for n in notes)
    last: dict[float, float] = {}
    for note in notes:
        assert LOWEST <= note.midi <= HIGHEST
        assert last.get(note.midi, -1.0) <= note.onset_s < note.end_s <= seconds
        last[note.midi] = note.end_s
