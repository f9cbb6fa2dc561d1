"""examples/task and docs/tasks.md: the page shows the example's own lines, and its commands run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mirbricks
from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.tasks.base import TASKS
from mirbricks.tasks.finding import tasks

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from written import as_shown, commands, fences

ROOT = Path(mirbricks.__file__).parent
EXAMPLE = ROOT / "examples" / "task"
TASK = EXAMPLE / "mylab_tasks" / "key_estimation.py"
FENCES = fences("tasks.md")
SR_HZ = 8000
TONICS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


def song(tonic: int, minor: bool) -> np.ndarray:
    """Tonic, fourth, fifth and tonic, a second each, as sums of sines."""
    time_s = np.arange(SR_HZ) / SR_HZ
    chords = (
        [[0, 3, 7], [5, 8, 12], [7, 11, 14]]
        if minor
        else [[0, 4, 7], [5, 9, 12], [7, 11, 14]]
    )
    hz = [
        [261.63 * 2 ** ((tonic + note) / 12) for note in chords[i]]
        for i in (0, 1, 2, 0)
    ]
    return np.concatenate(
        [sum(0.1 * np.sin(2 * np.pi * f * time_s) for f in chord) for chord in hz]
    )


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song in each of 24 keys."""
    folder = tmp_path_factory.mktemp("tasks") / "songs"
    folder.mkdir()
    audio, entries = [], []
    for minor, mode in enumerate(("major", "minor")):
        for tonic, name in enumerate(TONICS):
            key = f"{name} {mode}.wav"
            audio.append((key, song(tonic, bool(minor)).astype(np.float32), SR_HZ))
            entries.append(
                Entry({"filepath": (Atom(key),), "key": (Atom(f"{name} {mode}"),)})
            )
    write_audio(folder / "songs_audio.hdf5", iter(audio))
    text = Definition("global", "text")
    Pyjama({"filepath": text, "key": text}, entries).save(folder / "songs.pyjama")
    return folder


@pytest.fixture
def here(songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the task, its graph, the corpus and a song; what the task registers is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MIRBRICKS_CACHE", str(songs.parent / "cache"))
    monkeypatch.setattr(TASKS, "known", tasks())
    monkeypatch.delitem(sys.modules, "key_estimation", raising=False)
    shutil.copy(TASK, "key_estimation.py")
    shutil.copytree(songs, "songs")
    soundfile.write("song.wav", song(2, False), SR_HZ)
    Path("key.yaml").write_text(next(text for kind, text in FENCES if kind == "yaml"))
    return tmp_path


def flush(text: str) -> str:
    """The lines without indentation and blank ones: methods stand on the page without their class."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def test_the_page_shows_the_examples_own_lines() -> None:
    shown = [text for kind, text in FENCES if kind == "python"]
    assert len(shown) >= 6
    source = flush(TASK.read_text("utf-8"))
    assert [text for text in shown if flush(text) not in source] == []
    assert next(text for kind, text in FENCES if kind == "toml") in (
        EXAMPLE / "pyproject.toml"
    ).read_text("utf-8")


def test_a_task_is_one_short_file() -> None:
    assert len(TASK.read_text("utf-8").splitlines()) <= 120


def test_its_commands_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in re.findall(
        r"^mirbricks (.*)$",
        "".join(t for kind, t in FENCES if kind == "bash"),
        flags=re.M,
    ):
        assert main(shlex.split(command)) == 0, command
    assert (here / "found" / "song.key.txt").read_text() == "D major\n"
    capsys.readouterr()
    assert (
        main(
            [
                "evaluate",
                "run",
                "--data",
                "songs",
                "--plugin",
                "key_estimation",
                "--json",
            ]
        )
        == 0
    )
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["weighted_score"] > 0.8


def test_a_graph_that_does_not_fit_is_told_at_its_line(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(here / "songs")
    (here / "songs").mkdir()  # without a corpus in it: no data is read
    text = "".join(text for kind, text in FENCES if kind == "console")
    shown = commands(text)
    assert shown
    for command, message in shown:
        assert main(shlex.split(command)) == 1
        assert as_shown(capsys.readouterr().err) == message


def test_a_key_that_is_none_is_told_before_features_are_computed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = here / "songs" / "songs.pyjama"
    notes.write_text(notes.read_text().replace('"C major"', '"C majr"'))
    assert Corpus.open(here / "songs")["C major.wav"].entry.values("key") == ["C majr"]
    assert (
        main(
            [
                "train",
                "key.yaml",
                "--data",
                "songs",
                "--out",
                "run",
                "--plugin",
                "key_estimation",
            ]
        )
        == 1
    )
    assert capsys.readouterr().err == (
        "'C major.wav' has the key 'C majr', which is not one of 24\n"
        "  help: did you mean 'C major' or 'C# major'?     [E503]\n"
    )


@pytest.mark.slow
def test_the_examples_own_tests_pass() -> None:
    words = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "tests",
    ]
    done = subprocess.run(
        words, cwd=EXAMPLE, capture_output=True, text=True, check=False
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
