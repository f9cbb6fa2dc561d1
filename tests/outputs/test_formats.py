"""Predictions in the file formats of the field, read back by the field's own readers."""

import bz2
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import jams
import mido
import mir_eval
import numpy as np
import pretty_midi
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.errors import DataError
from mirbricks.outputs import (
    FORMATS,
    Curve,
    NoteEvent,
    Notes,
    Recording,
    Segment,
    Segments,
    TagScores,
    rendered,
    session,
)
from mirbricks.outputs.midi import STRAIGHT, midi_bytes
from mirbricks.outputs.sonify import sonified

NOTES = Notes("notes", [NoteEvent(0.2, 1.0, 69.2, 0.8), NoteEvent(0.3, 2.0, 76.0, 0.5)])
CURVE = Curve(
    "f0",
    np.array([0.0, 0.1, 0.2]),
    [np.array([440.0, 660.0]), np.array([]), np.array([441.0])],
    [np.array([0.5, 0.4]), np.array([]), np.array([0.3])],
)
CHORDS = Segments(
    "chords",
    [Segment(0.0, 1.5, "C:maj", 0.9), Segment(1.5, 3.0, "A:min/b3", 0.6)],
    "chord",
)
LABELS = TagScores("labels", [("rock & roll", 0.9), ("=dog", 0.1)], ["rock & roll"])
EVERY = [NOTES, CURVE, CHORDS, LABELS]
OF = Recording("song", 3.0)

notes = st.lists(
    st.builds(
        NoteEvent,
        onset_s=st.floats(0, 5),
        duration_s=st.floats(0, 2),
        midi=st.floats(0, 127),
        confidence=st.floats(0, 1),
    ),
    max_size=40,
)


def read_midi(content: bytes) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(content))


def test_pretty_midi_reads_the_notes(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(rendered(EVERY, ["midi"], OF)[".mid"])
    (instrument,) = pretty_midi.PrettyMIDI(str(path)).instruments
    found = [(n.pitch, round(n.start, 3), round(n.end, 3)) for n in instrument.notes]
    assert sorted(found) == [(69, 0.2, 1.2), (76, 0.3, 2.3)]
    assert {n.pitch: n.velocity for n in instrument.notes} == {69: 102, 76: 64}


def test_bends_bring_a_note_to_its_pitch():
    (only,) = read_midi(midi_bytes([NOTES], bends=True)).tracks
    bends = {m.channel: m.pitch for m in only if m.type == "pitchwheel"}
    channels = {m.note: m.channel for m in only if m.type == "note_on"}
    # A fifth of a semitone of the two that 8192 steps reach.
    assert bends[channels[69]] == round(0.2 / 2 * 8192)
    assert bends[channels[76]] == 0


def test_bends_follow_the_curve_and_leave_the_other_voice_alone():
    times = np.arange(100) * 0.01
    vibrato = 440 * 2 ** (0.5 * np.sin(2 * np.pi * 5 * times) / 12)
    voices = [np.array([hz, 660.0]) for hz in vibrato]
    curve = Curve("f0", times, voices, [np.ones(2)] * 100)
    held = Notes("notes", [NoteEvent(0.0, 1.0, 69.0, 1.0), NoteEvent(0, 1, 76.0, 1.0)])
    (track,) = read_midi(midi_bytes([held, curve], bends=True)).tracks
    channels = {m.note: m.channel for m in track if m.type == "note_on"}
    bends = [m.pitch for m in track if m.type == "pitchwheel"]
    assert max(bends) == pytest.approx(0.5 / 2 * 8192, abs=120)
    own = [m for m in track if m.type == "pitchwheel" and m.channel == channels[76]]
    # 660 Hz lies two cents above the key.
    assert len(own) == 1
    assert 0 < own[0].pitch < 120


@given(notes)
def test_every_note_begins_and_ends_and_no_two_share_a_bent_channel(drawn):
    drawn = sorted(drawn, key=lambda note: note.onset_s)
    for bends in (False, True):
        file = read_midi(midi_bytes([Notes("notes", drawn)], bends=bends))
        begun = [m for m in file.tracks[0] if m.type == "note_on"]
        ended = [m for m in file.tracks[0] if m.type == "note_off"]
        assert len(begun) == len(ended) == len(drawn)
    sounding = dict.fromkeys(range(16), 0)
    for message in file.tracks[0]:
        if message.type in ("note_on", "note_off") and message.channel != STRAIGHT:
            sounding[message.channel] += 1 if message.type == "note_on" else -1
            assert 0 <= sounding[message.channel] <= 1
            assert message.channel != 9  # percussion


# jams calls jsonschema in a way that jsonschema means to end.
@pytest.mark.filterwarnings("ignore:Passing a schema:DeprecationWarning")
def test_jams_reads_every_layer_with_its_confidence(tmp_path):
    path = tmp_path / "song.jams"
    path.write_bytes(rendered(EVERY, ["jams"], OF)[".jams"])
    file = jams.load(str(path), strict=True)  # validates every namespace
    spaces = [one.namespace for one in file.annotations]
    assert spaces == ["note_midi", "pitch_contour", "chord", "tag_open"]
    assert file.file_metadata.duration == 3.0
    found = [(o.time, o.duration, o.value, o.confidence) for o in file.annotations[0]]
    assert found == [(0.2, 1.0, 69.2, 0.8), (0.3, 2.0, 76.0, 0.5)]
    voiced = [o.value["voiced"] for o in file.annotations[1].data]
    assert voiced == [True, True, False, True]
    intervals, labels = file.annotations[2].to_interval_values()
    assert labels == ["C:maj", "A:min/b3"]
    assert intervals.tolist() == [[0.0, 1.5], [1.5, 3.0]]
    assert [o.value for o in file.annotations[3].data] == ["rock & roll"]


def test_mir_eval_reads_the_lab_files(tmp_path):
    files = rendered(EVERY, ["lab"], OF)
    assert set(files) == {".lab", ".notes.lab"}
    for ending, content in files.items():
        (tmp_path / f"song{ending}").write_bytes(content)
    spans, labels = mir_eval.io.load_labeled_intervals(str(tmp_path / "song.lab"))
    assert labels == ["C:maj", "A:min/b3"]
    assert spans.tolist() == [[0.0, 1.5], [1.5, 3.0]]
    spans, values = mir_eval.io.load_valued_intervals(str(tmp_path / "song.notes.lab"))
    assert values.tolist() == [69.2, 76.0]
    assert spans.tolist() == [[0.2, 1.2], [0.3, 2.3]]


def test_tables_have_the_confidence_and_no_formula():
    files = rendered(EVERY, ["csv"], OF)
    heads = {name: text.decode().splitlines()[0] for name, text in files.items()}
    assert heads == {
        ".notes.csv": "onset_s,duration_s,midi,velocity,confidence",
        ".f0.csv": "time_s,hz,confidence",
        ".chords.csv": "start_s,end_s,label,confidence",
        ".labels.csv": "label,confidence,given",
    }
    assert "'=dog,0.100000,0" in files[".labels.csv"].decode()
    assert "0.100000,,\n" in files[".f0.csv"].decode()  # the frame without a pitch


def test_json_has_everything():
    found = json.loads(rendered(EVERY, ["json"], OF)[".json"])
    assert found["notes"][0] == {
        "onset_s": 0.2,
        "duration_s": 1.0,
        "midi": 69.2,
        "confidence": 0.8,
    }
    assert found["f0"]["confidence"] == [[0.5, 0.4], [], [0.3]]
    assert found["chords"][1]["label"] == "A:min/b3"
    assert found["labels"]["given"] == ["rock & roll"]
    assert found["duration_s"] == 3.0


def strongest_hz(samples, sr_hz):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / sr_hz)[spectrum.argmax()]


def test_what_sounds_is_what_was_predicted(tmp_path):
    path = tmp_path / "song.wav"
    left = np.linspace(-0.1, 0.1, 3 * 44100).astype(np.float32)
    of = Recording("song", 3.0, sr_hz=44100, samples=lambda: left)
    one = Notes("notes", [NoteEvent(0.5, 1.0, 69.2, 0.8)])
    path.write_bytes(rendered([one], ["wav"], of)[".sonified.wav"])
    samples, rate = soundfile.read(path)
    assert rate == 44100
    assert np.allclose(samples[:, 0], left)
    assert not samples[: int(0.5 * rate), 1].any()
    found = strongest_hz(samples[int(0.6 * rate) : int(1.4 * rate), 1], rate)
    assert found == pytest.approx(440 * 2 ** (0.2 / 12), abs=2)
    # Without a recording the tones stand alone; chords and curves sound too.
    for layer in (CHORDS, CURVE):
        path.write_bytes(rendered([layer], ["wav"], OF)[".sonified.wav"])
        alone, _ = soundfile.read(path)
        assert alone.ndim == 1
        assert 0.1 < np.abs(alone).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(
    "spans", [[(0.0, 1.0)], [(0.0, 9.0), (9.0, 12.0)], [(0.2, 0.8)], [(2.0, 3.0)]]
)
def test_one_chord_all_along_sounds(spans):
    """An excerpt of a song often lies within a single chord."""
    chords = [Segment(start_s, end_s, "A:min", 1.0) for start_s, end_s in spans]
    found = sonified([Segments("chords", chords)], 1.0, 8000)
    assert found.shape == (8000,)
    first, last = spans[0]
    assert bool(np.abs(found[2000:6000]).max() > 0.1) == (first < 1.0)
    if first > 0:
        assert not found[:1000].any()
    if last < 1:
        assert not found[-1000:].any()


def test_an_unknown_format_and_one_that_does_not_fit_are_named():
    with pytest.raises(DataError, match=r"E720") as unknown:
        rendered(EVERY, ["mdi"], OF)
    assert "midi" in str(unknown.value)
    with pytest.raises(DataError, match=r"E721") as misfit:
        rendered([LABELS], ["midi"], OF)
    assert "jams, svl, sv, csv, json" in str(misfit.value)
    with pytest.raises(DataError, match=r"E721"):
        rendered(EVERY, ["sv"], OF)  # no file to open


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "sv"])
def test_nothing_found_is_an_empty_file_and_not_an_error(name):
    empty = [Notes("notes"), Curve("f0", np.zeros(0)), Segments("chords")]
    assert rendered(empty, [name], OF)


def points(text: bytes) -> list[list[dict[str, str]]]:
    root = ElementTree.fromstring(text)  # our own file
    found = []
    for dataset in root.iter("dataset"):
        rows = [dict(point.attrib) for point in dataset]
        found.append([{k: _plain(v) for k, v in row.items()} for row in rows])
    return found


def _plain(value):
    try:
        return float(value)
    except ValueError:
        return value


SV = shutil.which("sonic-visualiser")


def test_layers_count_in_samples_of_the_recording():
    of = Recording("song", 3.0, sr_hz=1000)
    files = rendered(EVERY, ["svl"], of)
    assert set(files) == {".notes.svl", ".f0.svl", ".chords.svl", ".labels.svl"}
    ((first, _),) = points(files[".notes.svl"])
    assert first == {
        "frame": 200.0,
        "value": 69.2,
        "duration": 1000.0,
        "level": 0.8,
        "label": "",
    }


@pytest.mark.slow
@pytest.mark.skipif(SV is None, reason="Sonic Visualiser is not installed")
def test_sonic_visualiser_opens_a_session_and_saves_the_same_points(tmp_path):
    audio = tmp_path / "a & b.wav"
    soundfile.write(audio, np.zeros(3 * 44100), 44100)
    made = tmp_path / "made.sv"
    made.write_bytes(session(EVERY, audio, 44100, 3 * 44100))
    saved = tmp_path / "saved.sv"
    script = tmp_path / "script.osc"
    script.write_text(f'/open "{made}"\n/save "{saved}"\n/quit\n')
    home = tmp_path / "home"
    settings = home / ".config/sonic-visualiser"
    settings.mkdir(parents=True)
    # Each version asks once whether it may look for updates, and waits for an answer.
    versions = [f"{a}.{b}" for a in range(3, 7) for b in range(10)]
    versions += [f"{one}.{c}" for one in versions for c in range(1, 5)]
    answers = [f"network-permission-{one}=false\n" for one in versions]
    text = "[Preferences]\n" + "".join(answers)
    (settings / "Sonic Visualiser.conf").write_text(text)
    subprocess.run(
        [SV, "--no-splash", "--no-audio", "--osc-script", str(script)],
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(tmp_path),
        },
        timeout=120,
        check=True,
        capture_output=True,
    )
    ours, theirs = (bz2.decompress(path.read_bytes()) for path in (made, saved))
    assert points(theirs) == points(ours)
    kinds = [
        layer.get("type")
        for layer in ElementTree.fromstring(theirs).iter("layer")
        if layer.get("model") and layer.get("visible") is None
    ]
    shown = ["notes", "timevalues", "regions", "text"]
    assert [kind for kind in kinds if kind in shown] == shown


def test_a_session_names_the_recording_by_its_whole_path(tmp_path):
    audio = tmp_path / "x.wav"
    text = bz2.decompress(session([NOTES], Path(audio), 8000, 24000))
    (wave,) = [
        model
        for model in ElementTree.fromstring(text).iter("model")
        if model.get("type") == "wavefile"
    ]
    assert wave.get("file") == str(audio.resolve())
    assert wave.get("mainModel") == "true"
