"""The command line itself: help, words that it does not know, values of options, plug-ins before the command."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentTypeError
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.cli import main
from mirbricks.commands import values
from mirbricks.commands.command_line import command_parser
from mirbricks.commands.models.arguments import TRAIN_KEYS
from mirbricks.commands.parser import Parser
from mirbricks.commands.table import COMMANDS, GROUPS
from mirbricks.training.optimization import TrainConfig

Capture = pytest.CaptureFixture[str]


def outcome(words: list[str]) -> int:
    """The exit code, whether the command returns it or argparse raises it."""
    try:
        return main(words)
    except SystemExit as end:
        return int(end.code or 0)


def usage_error(words: list[str], capsys: Capture) -> list[str]:
    """The lines that stand below the usage."""
    assert outcome(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: mirbricks")
    prog = next(
        i for i, line in enumerate(err.splitlines()) if line.startswith("mirbricks")
    )
    return err.splitlines()[prog:]


@pytest.mark.parametrize("words", [[], ["data"], ["--plugin", "json"]])
def test_alone_it_prints_help(words: list[str], capsys: Capture) -> None:
    assert main(words) == 0
    alone = capsys.readouterr()
    assert outcome([*words, "--help"]) == 0
    assert capsys.readouterr() == alone
    assert alone.out.startswith("usage: mirbricks")
    assert alone.err == ""


@pytest.mark.parametrize("module", ["mirbricks", "mirbricks.cli"])
@pytest.mark.parametrize(("words", "code"), [(["data", "kinds"], 0), (["trian"], 2)])
def test_as_a_module(module: str, words: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    if code:
        assert "mirbricks: there is no command 'trian'" in done.stderr
    else:
        assert "midi" in done.stdout


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", ["", *GROUPS, *COMMANDS])
def test_help_keeps_to_the_width(
    name: str, width: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert outcome([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    long = [
        line for line in text.splitlines() if len(line) > width and " " in line.strip()
    ]
    # A line of one word, or of an example with one long value, cannot be broken.
    assert [line for line in long if not line.lstrip().startswith("--")] == []
    if name in COMMANDS:
        example = text.partition("\nexample:\n")[2].replace("\\\n", " ")
        assert example.split() == f"mirbricks {name} {COMMANDS[name].example}".split()


@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        ("trian g.yaml", "mirbricks: there is no command 'trian'", "`mirbricks train`"),
        ("fit g.yaml", "mirbricks: there is no command 'fit'", "`mirbricks train`"),
        (
            "import csv",
            "mirbricks: there is no command 'import'",
            "`mirbricks data import`",
        ),
        (
            "download",
            "mirbricks: there is no command 'download'",
            "`mirbricks data fetch`",
        ),
        (
            "data imprt",
            "mirbricks data: there is no command 'imprt'",
            "`mirbricks data import`",
        ),
        (
            "data train",
            "mirbricks data: there is no command 'train'",
            "`mirbricks train`",
        ),
        (
            "--plugin json evaluat",
            "mirbricks: there is no command 'evaluat'",
            "`mirbricks evaluate`",
        ),
    ],
)
def test_a_command_that_is_not_there(
    words: str, message: str, help: str, capsys: Capture
) -> None:
    first, second = usage_error(words.split(), capsys)
    assert first == message
    assert second.startswith(f"  help: did you mean {help}? `mirbricks")


@pytest.mark.parametrize(
    ("words", "option", "help"),
    [
        ("zoo --jsn", "--jsn", "did you mean '--json'?"),
        ("train g --output x", "--output", "did you mean '--out'?"),
        ("train g --n-jobs=2", "--n-jobs", "did you mean '--jobs'?"),
        ("predict r a --gpu", "--gpu", "did you mean '--device'?"),
        ("train g --batch-size 4", "--batch-size", "write --set train.batch_size=..."),
        ("train g --learning-rate 1", "--learning-rate", "did you mean '--set train.lr=...'?"),
        (
            "train g --epochs 9",
            "--epochs",
            "did you mean '--set train.steps=...', which counts batches, not passes over the corpus?",
        ),
        ("check g -x", "-x", "`mirbricks check --help` lists the options"),
        ("train g --start-form r", "--start-form", "did you mean '--start-from'?"),
        ("--verison zoo", "--verison", "did you mean '--version'?"),
    ],
)  # fmt: skip
def test_an_option_that_is_not_there(
    words: str, option: str, help: str, capsys: Capture
) -> None:
    first, second = usage_error(words.split(), capsys)
    assert first.endswith(f": there is no option '{option}'")
    assert second == f"  help: {help}"


def each_command(parser: Parser) -> list[Parser]:
    """The parsers of all commands, those within groups too."""
    found = []
    for command in parser.commands.values():
        found += each_command(command) if command.commands else [command]
    return found


def test_an_empty_word_is_no_path_to_the_current_folder(capsys: Capture) -> None:
    commands = each_command(command_parser())
    assert len(commands) >= len(COMMANDS)
    help = "  help: write a value; a variable of the shell may not be set"
    for command in commands:
        words = command.prog.split()[1:]
        assert usage_error([*words, ""], capsys) == [
            f"{command.prog}: an argument is empty",
            help,
        ]
        for option, action in command._option_string_actions.items():
            if action.nargs == 0 or not option.startswith("--"):
                continue
            expected = [f"{command.prog}: the value of {option} is empty", help]
            assert usage_error([*words, option, ""], capsys) == expected
            assert usage_error([*words, f"{option}="], capsys) == expected


@pytest.mark.parametrize("option", ["--from", "--start-from"])
def test_a_training_starts_from_a_run_by_either_name(option: str) -> None:
    words = ["train", "g", "--data", "d", "--out", "o", option, "zoo:mpe_bach10"]
    assert command_parser().parse_args(words).start_from == "zoo:mpe_bach10"


def test_the_keys_that_are_tried_as_options_are_those_of_the_section() -> None:
    assert set(TRAIN_KEYS) == set(TrainConfig.model_fields)


def test_options_may_be_cut_short_and_values_may_look_like_commands() -> None:
    parser = Parser(prog="mirbricks x")
    parser.add_argument("--jobs", type=values.jobs)
    parser.add_argument("names", nargs="*")
    assert parser.parse_args(["--jo", "-1", "trian"]).names == ["trian"]
    assert parser.parse_args(["--", "--epochs"]).names == ["--epochs"]


PLUGIN = """
from mirbricks.data.importers import Importer, importer

@importer("{kind}", "nothing at all")
class {kind}(Importer):
    pass
"""


def test_plugins_before_and_after_the_command(tmp_path: Path) -> None:
    words = []
    for kind, place in (("toyfirst", 0), ("toygroup", 1), ("toylast", 4)):
        (tmp_path / f"{kind}_plugin.py").write_text(PLUGIN.format(kind=kind))
        words.append((place, ["--plugin", f"{kind}_plugin"]))
    command = ["data", "kinds"]
    command = [*words[0][1], "data", *words[1][1], "kinds", *words[2][1]]
    done = subprocess.run(
        [sys.executable, "-m", "mirbricks", *command],
        cwd=tmp_path,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"toyfirst", "toygroup", "toylast"} <= set(listed)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--jobs 0", "--jobs: expected 1 or more, or -1 for all cores, got '0'"),
        ("--jobs two", "--jobs: expected a whole number, got 'two'"),
        ("--seed -1", "--seed: expected 0 or more, got '-1'"),
        (f"--seed {2**65}", f"--seed: expected 18 digits at most, got '{2**65}'"),
        ("--seed 1.5", "--seed: expected a whole number, got '1.5'"),
        ("--n 0", "--n: expected 1 or more, got '0'"),
        ("--seconds long", "--seconds: expected seconds, got 'long'"),
    ],
)
def test_values_of_options(words: str, message: str, capsys: Capture) -> None:
    given = ["data", "synth", "notes", "--out", "x", *words.split()]
    lines = usage_error(given, capsys)
    assert lines == [f"mirbricks data synth: error: argument {message}"]


def test_a_fold_of_5000_digits_is_one_short_message(capsys: Capture) -> None:
    given = ["train", "g.yaml", "--data", "d", "--out", "r", "--fold", "7" * 5000]
    (line,) = usage_error(given, capsys)
    assert line.startswith("mirbricks train: error: argument --fold: expected a fold's")
    assert len(line) < 200


@given(
    st.sampled_from(["jobs", "count", "seed", "folds", "rate_hz", "whole", "ratios"]),
    st.text() | st.integers().map(str) | st.integers(1, 9).map(lambda n: str(n) * 5000),
)
def test_no_value_is_a_traceback(name: str, text: str) -> None:
    with suppress(ArgumentTypeError):
        getattr(values, name)(text)


@pytest.mark.parametrize(
    "name", ["hpu", "privateuseone", "cuda:99999999999", "xyz", ""]
)
def test_a_device_that_is_not_there(name: str, capsys: Capture) -> None:
    from mirbricks.errors import RunError
    from mirbricks.training.devices import as_device

    with pytest.raises(RunError, match="cannot be used") as caught:
        as_device(name)
    assert caught.value.code == "E624"
    capsys.readouterr()


def test_a_path_with_a_line_break_is_one_line(capsys: Capture) -> None:
    assert main(["check", "no\nsuch.yaml"]) == 1
    err = capsys.readouterr().err
    assert "no\\nsuch.yaml" in err
    assert "no\nsuch" not in err


@pytest.mark.parametrize(
    ("line", "key", "hint"),
    [
        ("train: {epochs: 10}", "train has no key 'epochs'", "did you mean 'steps'"),
        ("train: {max_steps: 9}", "train has no key 'max_steps'", "did you mean 'steps'?"),
        ("train: {learning_rate: 1.0}", "train has no key 'learning_rate'", "did you mean 'lr'?"),
        ("train: {seed: 36893488147419103232}", "train: 'seed' must be an integer", "seed"),
        ("feature: {type: logmel, sample_rate: 8000}", "feature has no key 'sample_rate'", "did you mean 'sr_hz'?"),
    ],
)  # fmt: skip
def test_words_of_other_libraries_in_a_graph_file(
    line: str, key: str, hint: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "g.yaml"
    sections = {
        "feature": "feature: {type: logmel, n_mels: 64}",
        "task": "task: {type: tagging, labels: one, patch_frames: 32}",
    }
    sections[line.partition(":")[0]] = line
    head = "input: B C=1 F=64 T\nlayers:\n  - Mean: {dim: [2, 3]}\n  - Linear: {out_features: 3}\n"
    path.write_text(head + "\n".join(sections.values()) + "\n")
    assert main(["check", str(path)]) == 1
    err = capsys.readouterr().err
    assert key in err
    assert f"  help: {hint}" in err
