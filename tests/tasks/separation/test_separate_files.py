"""What `separate` finds where it is to write: recordings, files of the user's, folders, another process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.errors import DataError, MirbricksError
from mirbricks.tasks.separation.prediction import file_names
from mirbricks.workflows.separate import Options, Separating

SR_HZ = 8000
WAVE = np.float32(0.2 * np.sin(np.arange(4000) * 0.3))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wav(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True, parents=True)
    soundfile.write(path, WAVE, SR_HZ, subtype="FLOAT")
    return path


def parts(folder: str | Path) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize("link", ["same", "hard", "soft"])
def test_a_recording_is_never_written_over(
    link: str, run: Path, capsys: Capture
) -> None:
    """Not even with --replace, and by no other name of it either."""
    song = wav("out/low.wav")
    if link == "hard":
        Path("song.wav").hardlink_to(song)
        song = Path("song.wav")
    elif link == "soft":
        Path("song.wav").symlink_to(song)
        song = Path("song.wav")
    before = song.read_bytes()
    assert main(["separate", str(run), str(song), "--out", "out", "--replace"]) == 1
    assert song.read_bytes() == before
    assert parts("out") == ["low.wav"]
    assert capsys.readouterr().err == (
        "'out/low.wav' is a recording that is to be separated itself\n"
        "  help: choose another folder: the parts of a recording never replace it     [E191]\n"
    )


def test_nor_is_one_that_comes_later(run: Path) -> None:
    wav("songs/a.wav")
    later = wav("songs/a/low.wav")
    before = later.read_bytes()
    assert main(["separate", str(run), "songs", "--out", "songs", "--replace"]) == 1
    assert later.read_bytes() == before
    assert parts("songs/a") == ["low.wav"]


def test_a_pattern_that_no_shell_has_read_stands_for_several(run: Path) -> None:
    wav("in/a.wav")
    wav("in/b.wav")
    assert main(["separate", str(run), "in/*.wav", "--out", "out"]) == 0
    assert parts("out") == ["a", "b"]
    assert main(["separate", str(run), "in/a*.wav", "--out", "one"]) == 0
    assert parts("one") == ["high.wav", "index.html", "low.wav"]


def test_a_folder_in_the_place_of_a_file_is_refused_at_once(
    run: Path, capsys: Capture
) -> None:
    """Before anything is separated, and so that no other file is left."""
    song = wav("song.wav")
    Path("out/high.wav").mkdir(parents=True)
    assert main(["separate", str(run), str(song), "--out", "out", "--replace"]) == 1
    assert parts("out") == ["high.wav"]
    assert capsys.readouterr().err == (
        "cannot write 'out/high.wav': 'out/high.wav' is a folder\n"
        "  help: rename it, or choose another folder     [E408]\n"
    )


def test_a_file_in_the_place_of_the_folder_is_named(run: Path, capsys: Capture) -> None:
    song = wav("song.wav")
    Path("notes.txt").write_text("mine")
    assert main(["separate", str(run), str(song), "--out", "notes.txt"]) == 1
    assert Path("notes.txt").read_text() == "mine"
    assert capsys.readouterr().err == (
        "cannot write 'notes.txt/low.wav': 'notes.txt' is a file, not a folder\n"
        "  help: choose a folder, or the name of one that is to be made     [E408]\n"
    )


def test_what_another_process_wrote_meanwhile_stays(run: Path) -> None:
    song = wav("song.wav")
    other = Path("out/low.wav")

    def meanwhile(share: float) -> None:  # noqa: ARG001  # what progress is called with
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b"theirs")

    separating = Separating(mb.load(run)._experiment, Options())
    with pytest.raises(DataError) as caught:
        separating.write(song, Path("out"), replace=False, on_share=meanwhile)
    assert caught.value.code == "E191"
    assert other.read_bytes() == b"theirs"
    assert parts("out") == ["low.wav"]


@pytest.mark.parametrize(
    "targets", [["a", "A", "a-1", "A-2"], ["x/y", "x?y", "x-y-1", "X-Y-2-"]]
)
def test_every_target_has_a_file_of_its_own(targets: list[str]) -> None:
    names = [name.lower() for name in file_names(targets)]
    assert len(set(names)) == len(targets)


ASKED = [
    ({"targets": 3}, "expected a name or a list of names as 'targets', got 3"),
    ({"targets": []}, "expected a name or a list of names as 'targets', got a list"),
    ({"targets": ["loww"]}, "the model does not separate 'loww'"),
    ({"source": ["song.wav"]}, "a recording cannot be a list"),
    ({"source": ".", "sr_hz": None}, "a recording cannot be a folder"),
    (
        {"source": (WAVE, SR_HZ)},
        "a recording cannot be a recording with another sample rate than its own",
    ),
]


@pytest.mark.parametrize(("asked", "message"), ASKED)
def test_what_python_cannot_ask(asked: dict[str, Any], message: str, run: Path) -> None:
    given = {"source": WAVE, "sr_hz": SR_HZ} | asked
    with pytest.raises(MirbricksError) as caught:
        mb.load(run).separate(**given)
    assert str(caught.value).splitlines()[0] == message
