"""The commands data check, data info and data split: what they print, write, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio

Capture = pytest.CaptureFixture[str]
WORD = Definition("global", "text")


@pytest.fixture(autouse=True)
def _corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve clips of 1 s by six artists, with one of three tags."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    keys = [f"{i:02d}.wav" for i in range(12)]
    write_audio(
        "data/clips_audio.hdf5",
        [(key, rng.normal(0, 0.1, 8000).astype(np.float32), 8000) for key in keys],
    )
    entries = [
        Entry(
            {
                "filepath": (Atom(key),),
                "artist": (Atom(f"A{i // 2}"),),
                "tag": (Atom(("x", "y", "z")[i % 3]),),
            }
        )
        for i, key in enumerate(keys)
    ]
    Pyjama({"filepath": WORD, "artist": WORD, "tag": WORD}, entries).save(
        "data/clips.pyjama"
    )


def test_check_of_a_sound_corpus_is_one_line(capsys: Capture) -> None:
    assert main(["data", "check", "data", "--jobs", "1"]) == 0
    assert (
        capsys.readouterr().out
        == "data: 12 recordings, 36 annotations, nothing wrong\n"
    )


def test_check_lists_the_problems_and_ends_with_1(capsys: Capture) -> None:
    pyjama = Pyjama.load("data/clips.pyjama")
    Pyjama(pyjama.definitions, pyjama.entries[2:]).save("data/clips.pyjama")
    assert main(["data", "check", "data", "--jobs", "1"]) == 1
    assert capsys.readouterr().out == (
        "2 keys of 'clips_audio.hdf5' not in 'clips.pyjama': '00.wav', '01.wav'\n"
        "  help: add to 'clips.pyjama' what is missing, or remove it from 'clips_audio.hdf5'     [E411]\n\n"
        "1 problem in data (E411: 1)\n"
    )
    assert main(["data", "check", "nowhere"]) == 1
    assert capsys.readouterr().out.endswith(
        "[E410]\n\n1 problem in nowhere (E410: 1)\n"
    )


def test_split_stores_and_shows(capsys: Capture) -> None:
    assert (
        main(
            [
                "data",
                "split",
                "data",
                "--ratios",
                "4/1/1",
                "--by",
                "artist",
                "--stratify",
                "tag",
            ]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert (
        "of every frequent value of tag, each side has its share to within"
        not in printed
    )  # 4 each: too rare
    assert printed.endswith(
        "6 groups on 3 sides; stored as 'split' in data/clips.pyjama\n"
    )
    values = {item.key: item.entry.first("split") for item in Corpus.open("data").items}
    assert [
        list(values.values()).count(side) for side in ("train", "valid", "test")
    ] == [8, 2, 2]
    assert all(
        values[f"{i:02d}.wav"] == values[f"{i + 1:02d}.wav"] for i in range(0, 12, 2)
    )
    assert main(["data", "check", "data", "--jobs", "1"]) == 0
    assert main(["data", "split", "data", "--ratios", "4/1/1"]) == 1
    assert "[E445]" in capsys.readouterr().err


def test_split_dry_run_stores_nothing(capsys: Capture) -> None:
    before = Path("data/clips.pyjama").read_bytes()
    assert (
        main(
            ["data", "split", "data", "--folds", "3", "--stratify", "tag", "--dry-run"]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert (
        "of every frequent value of tag, each side has its share to within" in printed
    )
    assert "nothing was stored (--dry-run)" in printed
    assert Path("data/clips.pyjama").read_bytes() == before


@pytest.mark.parametrize("words", [["--folds", "2"], ["--ratios", "1"], ["--ratios", "1/0"], ["--ratios", "a/b"], [],
                                   ["--folds", "3", "--ratios", "1/1"]])  # fmt: skip
def test_split_wrong_usage(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "split", "data", *words])
    assert end.value.code == 2
    assert "usage: mirbricks data split" in capsys.readouterr().err


def test_info_prints_tables(capsys: Capture) -> None:
    main(["data", "split", "data", "--folds", "3"])
    capsys.readouterr()
    assert main(["data", "info", "data", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        "clips: 12 recordings, 12 groups, 12.0 s (1.0 s to 1.0 s, median 1.0 s), 8000 Hz\n"
    )
    assert "x (4), y (4), z (4)" in printed
    assert "fold" in printed


def test_info_writes_json_and_a_picture(capsys: Capture) -> None:
    assert (
        main(["data", "info", "data", "--json", "--out", "about", "--jobs", "1"]) == 0
    )
    printed = capsys.readouterr().out
    assert json.loads(printed) == json.loads(Path("about/clips.json").read_text())
    assert Path("about/clips.png").read_bytes().startswith(b"\x89PNG")
    assert main(["data", "info", "data", "--out", "about"]) == 1
    assert "'about/clips.json' already exists" in capsys.readouterr().err
