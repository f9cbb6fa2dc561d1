"""What is printed with --quiet, with --json and with NO_COLOR."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbricks.cli import main
from mirbricks.commands.command_line import command_parser
from mirbricks.commands.table import COMMANDS
from mirbricks.data.synth.polyphony import synthesise_polyphony

pytestmark = pytest.mark.usefixtures("here")
SHOWS = ("progress_for(", "counting(", "watched(")
QUICK = ("train.steps=2", "train.validate_every=2", "train.batch_size=1")
QUICK += ("dataset.folds=3", "task.patch_frames=48")
SYNTH = [
    "data",
    "synth",
    "polyphony",
    "--out",
    "clips",
    "--n",
    "1",
    "--seconds",
    "1",
    "--jobs",
    "1",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=3, seconds=3.0, seed=2, stems=False)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options_of(name: str) -> str:
    """The help of a command."""
    parser = command_parser()
    for word in name.split():
        parser = parser.commands[word]
    return parser.format_help()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_shows_progress_can_be_quiet(name: str) -> None:
    module, _, function = COMMANDS[name].run.partition(":")
    commands = importlib.import_module(f"mirbricks.commands.{module}")
    source = inspect.getsource(commands)
    # What shows progress knows the options of the command: nothing makes a Progress of its own.
    assert not re.search(r"\bProgress\((?!\s*\*columns)", source)
    shows = any(word in source for word in SHOWS) and function != "list_kinds"
    assert shows == ("--quiet" in options_of(name))


def trained(corpus: Path, *more: str) -> list[str]:
    words = ["train", "mpe_small", "--data", str(corpus), "--out", "run"]
    for setting in QUICK:
        words += ["--set", setting]
    return [*words, "--cache", "cache", "--jobs", "1", *more]


def test_a_quiet_training_prints_its_figures_alone(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = trained(corpus, "--quiet", "--from", "zoo:mpe_bach10")
    assert main(words) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert printed.err == ""
    assert lines[0].strip() == "test tracks"
    assert lines[-2].startswith("best weights of step 2")
    assert "the report is run/report.html" in lines[-1]
    assert "step 1/2" not in printed.out
    assert "features" not in printed.out

    # Of a model that is there, the figures and nothing else, too.
    assert (
        main(["evaluate", "run", "--data", str(corpus), "-q", "--cache", "cache"]) == 0
    )
    printed = capsys.readouterr()
    assert printed.out.startswith("mpe_small on polyphony, test tracks")
    assert printed.err == ""


def test_a_training_as_json(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(trained(corpus, "--json")) == 0
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    found = json.loads(line)
    assert found["run"] == "run"
    assert found["report"] == "run/report.html"
    assert (found["fold"], found["side"], found["steps"]) == (0, "test", 2)
    assert 0 <= found["figures"]["Accuracy"] <= 1


def test_a_quiet_synthesis_and_a_quiet_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*SYNTH, "--quiet"]) == 0
    assert capsys.readouterr().out == "5 recordings, 0.1 min in clips\n"
    assert main(["data", "check", "clips", "--jobs", "1", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_quiet_prediction_keeps_the_answer_and_the_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    soundfile.write("tone.wav", wave, 22050)
    Path("broken.wav").write_bytes(b"RIFF")
    words = ["predict", "zoo:mpe_bach10", "tone.wav", "broken.wav", "--to", "csv"]
    assert main([*words, "--quiet"]) == 1
    printed = capsys.readouterr()
    first, *files = printed.out.splitlines()
    assert first.startswith("tone.wav: ")
    assert "real time" not in printed.out
    assert all(Path(file).is_file() for file in files)
    assert "broken.wav" in printed.err
    assert printed.err.endswith("1 of 2 files could not be predicted\n")


WRONG = "input: B C=2 T\nlayers:\n  - Conv1d: {out_chanels: 3}\n  - Bogus\n"


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.yaml").write_text(WRONG)
    assert main(["check", "mpe_small", "wrong.yaml", "--json"]) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    fine, wrong = map(json.loads, printed.out.splitlines())
    assert fine["fine"] is True
    assert fine["outputs"] == {"y": "(B, 1, 360, T)"}
    assert fine["parameters"] == 65_313
    assert wrong["fine"] is False
    places = [(one["file"], one["line"], one["column"]) for one in wrong["problems"]]
    assert ("wrong.yaml", 3, 14) in places
    assert [one["code"] for one in wrong["problems"]] == ["E108", "E105", "E110"]
    assert all(one["message"] and one["help"] for one in wrong["problems"])


def test_data_check_as_json(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(corpus), "--json", "--jobs", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    Path("empty").mkdir()
    assert main(["data", "check", "empty", "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["code"].startswith("E4")


def test_imports_kinds_and_splits_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("dog", "cat", "cow"):
        Path("sounds", label).mkdir(parents=True)
        soundfile.write(f"sounds/{label}/one.wav", np.zeros(800) + 0.1, 8000)
    words = ["data", "import", "folders", "sounds", "--out", "corpus", "--jobs", "1"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recordings"] == 3
    assert main(["data", "split", "corpus", "--folds", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["annotation"] == "fold"
    assert found["stored"] is True
    assert sorted(found["recordings"].values()) == [0, 1, 2]
    assert main(["data", "kinds", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)
    assert kinds["mirdata"]["exports"] is False
    assert "ending" in kinds["notes"]["options"]


@pytest.mark.slow
def test_generated_and_separated_sounds_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["generate", "zoo:notes_flow", "--n", "1", "--set", "instrument=guitar"]
    assert main([*words, "--set", "task.steps=2", "--out", "made", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    (sound,) = made["sounds"]
    assert Path(sound["file"]).is_file()
    assert sound["conditions"]["instrument"] == "guitar"
    assert Path(made["page"]).is_file()
    words = ["separate", "zoo:separation_bach10", sound["file"], "--targets", "violin"]
    assert main([*words, "--out", "apart", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == sound["file"]
    assert all(Path(file).is_file() for file in found["files"])


class Terminal(io.StringIO):
    """A terminal, as far as whoever writes to it can see."""

    def isatty(self) -> bool:
        return True


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d)(?:;\d+)*m")


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    # A comparison, which is coloured line by line, and a bar of progress.
    assert main(["diff", "mpe_small", "mpe_bittner"]) == 0
    assert main(SYNTH) == 0
    text = terminal.getvalue()
    assert "mpe_bittner" in text
    assert "━" in text
    assert bool(COLOUR.search(text)) is not no_color
