"""`mirbricks predict`: formats, names, what is there already, and the answer on the screen."""

import bz2
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.cli import main
from mirbricks.workflows.predict import files_of
from mirbricks.workflows.predicted import Destination, result_names

MODEL = "zoo:mpe_bach10"


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    time_s = np.arange(2 * 16000) / 16000
    for name, hz in (("a/song.wav", 440.0), ("b/song.wav", 330.0)):
        (folder / name).parent.mkdir()
        tone = sum(0.2 / k * np.sin(2 * np.pi * k * hz * time_s) for k in (1, 2, 3))
        soundfile.write(folder / name, tone, 16000)
    return folder


def test_formats_session_and_the_answer(songs, tmp_path, capsys):
    out = tmp_path / "out"
    song = str(songs / "a/song.wav")
    words = ["predict", MODEL, song, "--out", str(out), "--to", "midi,jams,svl,wav"]
    session = tmp_path / "song.sv"
    assert main([*words, "--session", str(session)]) == 0
    made = {path.name for path in out.iterdir()}
    assert made == {
        "song.mid",
        "song.jams",
        "song.notes.svl",
        "song.f0.svl",
        "song.sonified.wav",
    }
    printed = capsys.readouterr().out
    assert "A4" in printed
    assert "2.0 s of sound in" in printed
    assert "x real time" in printed
    text = bz2.decompress(session.read_bytes()).decode()
    assert str((songs / "a/song.wav").resolve()) in text
    # The recording itself is on the left.
    samples, _ = soundfile.read(out / "song.sonified.wav")
    assert np.allclose(samples[:, 0], soundfile.read(song)[0], atol=1e-6)


def test_shards_together_are_all_recordings_with_the_names_of_the_whole(
    songs, tmp_path, capsys
):
    words = ["predict", MODEL, str(songs), "--out", str(tmp_path), "--to", "csv"]
    found = []
    for number in (1, 2):
        assert main([*words, "--shard", f"{number}/2", "--json"]) == 0
        found += map(json.loads, capsys.readouterr().out.splitlines())
    assert [Path(one["file"]).parent.name for one in found] == ["a", "b"]
    # Two files of one name: alone in its shard, each keeps the name that it has beside the other.
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {
        "a-song",
        "b-song",
    }


def test_json_is_all_that_is_printed(songs, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["predict", MODEL, str(songs), "--out", out, "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [json.loads(line) for line in lines]
    assert [Path(one["file"]).parent.name for one in found] == ["a", "b"]
    assert found[0]["duration_s"] == 2.0
    assert found[0]["notes"][0]["midi"] == pytest.approx(69, abs=0.3)
    assert 0 < found[0]["notes"][0]["confidence"] <= 1
    assert all(Path(file).exists() for one in found for file in one["files"])


def test_what_is_there_is_left_out_and_said(songs, tmp_path, capsys):
    words = ["predict", MODEL, str(songs / "a/song.wav"), "--out", str(tmp_path)]
    assert main([*words, "--to", "midi", "--skip-existing"]) == 0
    written = (tmp_path / "song.mid").stat().st_mtime_ns
    capsys.readouterr()
    assert main([*words, "--to", "midi", "--skip-existing"]) == 0
    output = capsys.readouterr()
    assert "1 recording left out: predicted already" in output.err
    assert output.out == ""
    assert (tmp_path / "song.mid").stat().st_mtime_ns == written
    # Another format is not there yet.
    assert main([*words, "--to", "midi,csv", "--skip-existing"]) == 0
    assert (tmp_path / "song.notes.csv").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--to", "mdi"], "E720", "did you mean 'midi'"),
        (["--to", "lab,nothing"], "E720", "formats"),
        (["--session", "x.sv"], "E721", "there are 2"),
    ],
)
def test_wrong_formats_cost_nothing(songs, tmp_path, capsys, words, code, said):
    out = tmp_path / "out"
    assert main(["predict", MODEL, str(songs), "--out", str(out), *words]) == 1
    error = capsys.readouterr().err
    assert code in error
    assert said in error
    assert not out.exists()


def test_tags_have_no_midi(songs, tmp_path, capsys):
    words = ["predict", "zoo:tagging_esc10", str(songs), "--out", str(tmp_path)]
    assert main([*words, "--to", "midi"]) == 1
    assert "jams, svl, sv, csv, json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_pattern_stands_for_its_files(songs):
    assert [path.parent.name for path in files_of([f"{songs}/*/song.wav"])] == [
        "a",
        "b",
    ]
    with pytest.raises(Exception, match="no audio file matches"):
        files_of([f"{songs}/*.mp3"])


def test_files_of_one_name_are_told_apart_by_their_folders():
    assert result_names(["x/a/s.wav", "x/b/s.wav"]) == ["a-s.wav", "b-s.wav"]
    assert result_names(["s.wav", "s.mp3"]) == ["s.wav", "s.mp3"]
    # The order of the words does not change a name.
    assert result_names(["x/b/s.wav", "x/a/s.wav"]) == ["b-s.wav", "a-s.wav"]


words = st.sampled_from(["a", "b", "s", "a-s"])
paths = st.builds(
    lambda folders, stem, end: "/".join([*folders, stem + end]),
    st.lists(words, max_size=3),
    words,
    st.sampled_from([".wav", ".mp3"]),
)


@given(st.lists(paths, max_size=8))
def test_names_never_collide(drawn):
    names = result_names(drawn)
    assert len(set(names)) == len(drawn)
    assert not any("/" in name for name in names)


def test_a_recording_whose_name_begins_as_another_is_not_taken_for_it(tmp_path):
    (tmp_path / "song.live.mid").touch()
    to = Destination(tmp_path, ["midi"])
    assert to.present(["song", "song.live"]) == {"song.live"}


def test_settings_of_the_task_are_overridden(songs, tmp_path, capsys):
    words = ["predict", MODEL, str(songs / "a/song.wav"), "--out", str(tmp_path)]
    shifted = [*words, "--set", "task.predict_shifts=[-2,0,2]", "--to", "json"]
    assert main(shifted) == 0
    assert "A4" in capsys.readouterr().out
    assert main([*words, "--set", "task.transpose_bins=3", "--replace"]) == 1
    assert "acts in training only" in capsys.readouterr().err
    assert main([*words, "--set", "vars.width=3", "--replace"]) == 1
    assert "only settings of the section 'task'" in capsys.readouterr().err


def test_bfloat16_finds_the_same_notes_and_stands_in_no_stream(songs, tmp_path, capsys):
    song = str(songs / "a/song.wav")
    found = {}
    for precision in ("float32", "bfloat16"):
        out = tmp_path / precision
        words = ["predict", MODEL, song, "--out", str(out), "--to", "csv"]
        assert main([*words, "--precision", precision]) == 0
        found[precision] = (out / "song.notes.csv").read_text()
    notes = [
        [row.split(",")[2] for row in text.splitlines()] for text in found.values()
    ]
    assert len(notes[0]) == len(notes[1])
    assert found["float32"] != found["bfloat16"]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["predict", MODEL, song, "--stream", "--precision", "bfloat16"])
    assert "--precision: not allowed with argument --stream" in capsys.readouterr().err
