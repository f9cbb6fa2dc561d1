"""The command data synth: what it writes, and what it refuses before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbricks.cli import main
from mirbricks.commands.corpora.arguments import SYNTH
from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.corpora import KINDS

Capture = pytest.CaptureFixture[str]


def test_a_corpus_out_of_a_seed(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "notes"
    assert (
        main(
            [
                "data",
                "synth",
                "notes",
                "--out",
                str(out),
                "--n",
                "3",
                "--seconds",
                "1.5",
                "--jobs",
                "1",
            ]
        )
        == 0
    )
    assert capsys.readouterr().out == f"notes: 3 done\n3 recordings, 0.1 min in {out}\n"
    assert len(Corpus.open(out)) == 3


def test_every_kind_can_be_asked_for() -> None:
    assert sorted([*KINDS, "polyphony", "sampled"]) == list(SYNTH)


def test_refusals(tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "c")
    assert (
        main(
            [
                "data",
                "synth",
                "polyphony",
                "--out",
                out,
                "--n",
                "1",
                "--seconds",
                "2",
                "--jobs",
                "1",
            ]
        )
        == 0
    )
    capsys.readouterr()
    assert main(["data", "synth", "piano", "--out", out]) == 1
    assert capsys.readouterr().err == (
        f"there is a corpus in '{out}' already: polyphony.pyjama\n  help: choose another folder     [E470]\n"
    )
    assert main(["data", "synth", "piano", "--out", f"{out}2", "--seconds", "0.5"]) == 1
    assert capsys.readouterr().err == (
        "--seconds: expected 1 to 3600, got 0.5\n  help: write --seconds 30     [E470]\n"
    )
    assert not Path(f"{out}2").exists()


@pytest.mark.parametrize("words", [["--n", "0"], ["--jobs", "0"], ["--seconds", "x"]])
def test_wrong_usage(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["data", "synth", "notes", "--out", str(tmp_path), *words])
    assert ended.value.code == 2


def test_channels_of_stems(tmp_path: Path, capsys: Capture) -> None:
    words = ["data", "synth", "stems", "--out", str(tmp_path / "wide"), "--n", "1"]
    assert main([*words, "--channels", "2", "--jobs", "1"]) == 0
    assert {item.n_channels for item in Corpus.open(tmp_path / "wide").items} == {2}
    capsys.readouterr()
    out = str(tmp_path / "notes")
    assert main(["data", "synth", "notes", "--out", out, "--channels", "2"]) == 1
    assert capsys.readouterr().err == (
        "channels: notes cannot be made with 2\n"
        "  help: stems have 1 or 2 channels, the other kinds have 1     [E470]\n"
    )
    assert not (tmp_path / "notes").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["piano", "--samples", "upright"],
            "--samples: piano is not played on recorded instruments\n"
            "  help: write mirbricks data synth sampled --samples ...     [E470]\n",
        ),
        (
            ["sampled"],
            "sampled: there is no instrument\n"
            "  help: write --samples FOLDER, a folder with a recording per note, or a SoundFont     [E470]\n",
        ),
        (
            ["sampled", "--samples", "upright", "--where", "split=train"],
            "--where chooses recordings of --score, and there is no --score\n"
            "  help: write --score CORPUS     [E470]\n",
        ),
        (
            ["sampled", "--samples", "upright"],
            "samples: there is no folder 'upright'\n"
            "  help: --samples takes a folder with a recording per note, or a SoundFont     [E470]\n",
        ),
        (
            ["sampled", "--samples", "grand.sf2"],
            "there is no file 'grand.sf2'\n"
            "  help: --samples takes a folder of recordings, or a SoundFont     [E470]\n",
        ),
    ],
)
def test_instruments_that_cannot_play(
    words: list[str],
    message: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", *words, "--out", "corpus", "--jobs", "1"]) == 1
    assert capsys.readouterr().err == message
    assert not Path("corpus").exists()
