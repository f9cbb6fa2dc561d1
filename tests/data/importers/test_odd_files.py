"""Files that are none, or empty, and names that would act on a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.importers import Recording
from mirbricks.data.importing import staging
from mirbricks.data.stores.audio import stream_channels
from mirbricks.errors import DataError

Call = Callable[..., Any]


@pytest.fixture
def _in_time() -> Iterator[None]:
    """A test that waits for a pipe fails after 20 s."""

    def give_up(*_: object) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_in_time")
def test_a_named_pipe_is_not_waited_for(sound: Call, bring_in: Call) -> None:
    sound("src/c/a.wav")
    os.mkfifo("src/c/b.wav")
    report = bring_in("folders", "src", "one")
    assert [error.message for error in report.left_out] == [
        "'src/c/b.wav' is a named pipe or a socket"
    ]
    with pytest.raises(DataError) as caught:
        next(stream_channels("src/c/b.wav"))
    assert str(caught.value) == (
        "cannot read the audio file 'src/c/b.wav': it is a named pipe or a socket\n"
        "  help: write the audio to a file first     [E430]"
    )


@pytest.mark.usefixtures("_in_time")
def test_nor_one_that_an_importer_gives(sound: Call, given: Call) -> None:
    sound("a.wav")
    os.mkfifo("b.wav")
    Path("c.wav").mkdir()
    report = given(*(Recording(f"{n}.wav", (Path(f"{n}.wav"),)) for n in "abc"))
    assert [error.message for error in report.left_out] == [
        "'b.wav' is not an audio file: it is a named pipe",
        "'c.wav' is not an audio file: it is a folder",
    ]


@pytest.mark.usefixtures("_in_time")
def test_a_pipe_among_the_annotations(sound: Call, bring_in: Call) -> None:
    sound("src/a.wav"), sound("src/b.wav")
    Path("src/a.lab").write_text("0 1 N\n")
    os.mkfifo("src/b.lab")
    report = bring_in("lab", "src", "one")
    assert [error.code for error in report.left_out] == ["E433", "E465"]


@pytest.mark.parametrize("ending", ["mp3", "wav", "flac", "ogg"])
def test_an_empty_file_is_called_empty(
    ending: str, sound: Call, bring_in: Call
) -> None:
    sound("src/c/a.wav")
    Path(f"src/c/b.{ending}").touch()
    report = bring_in("folders", "src", "one")
    (error,) = report.left_out
    assert (error.code, error.message) == (
        "E431",
        f"the audio file 'src/c/b.{ending}' is empty",
    )


def test_a_decoder_that_fails_costs_its_file(
    sound: Call, bring_in: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("src/c/a.wav"), sound("src/c/b.wav")

    def fails(path: Path) -> Any:
        if path.name == "b.wav":
            raise RuntimeError("a table of the codec is broken")
        return stream_channels(path)

    monkeypatch.setattr(staging, "stream_channels", fails)
    report = bring_in("folders", "src", "one")
    assert [error.message for error in report.left_out] == [
        "cannot read the audio of 'c/b.wav': RuntimeError: a table of the codec is broken"
    ]


def test_a_full_disk_says_how_to_go_on(
    sound: Call, bring_in: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("src/c/a.wav"), sound("src/c/b.wav")
    stage = staging._write

    def full(path: Path, recording: Recording, *more: Any) -> None:
        if recording.key == "c/b.wav":
            raise DataError(
                f"cannot write '{path}': No space left on device", code="E408"
            )
        stage(path, recording, *more)

    with monkeypatch.context() as patch:
        patch.setattr(staging, "_write", full)
        with pytest.raises(DataError) as caught:
            bring_in("folders", "src", "one")
    assert caught.value.code == "E408"
    assert caught.value.help == (
        "free some space, then run the same command again: what is decoded lies in 'one'"
    )
    bring_in("folders", "src", "one")
    assert len(Corpus.open("one")) == 2


NASTY = "\x1b[31mred\u202e\x07"


def test_names_do_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ramp = [0.1 * (i % 9) - 0.4 for i in range(8000)]
    for label in (NASTY, "plain"):
        for number in range(3):
            path = Path("src", label, f"{number}.wav")
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, [x * (1 + number) / 4 for x in ramp], 8000)
    Path("src", NASTY, "bad.wav").write_text("no audio")
    name = f"it{NASTY}"
    assert (
        main(["data", "import", "folders", "src", "--out", "one", "--name", name]) == 0
    )
    assert main(["data", "info", "one", "--jobs", "1"]) == 0
    assert main(["data", "check", "one", "--jobs", "1"]) == 1  # the same audio twice
    assert main(["data", "split", "one", "--folds", "3", "--stratify", "class"]) == 0
    assert main(["data", "export", "lab", "one", "--out", f"back{NASTY}"]) == 0
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert not {"\x1b", "\u202e", "\x07"} & set(text)
    assert "\\x1b[31mred\\u202e" in printed.out
