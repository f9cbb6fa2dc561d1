"""docs/tasks/f0.md: its stream runs, its figures and settings exist; docs/pitch_yardsticks.py measures."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.tasks.f0 import F0Config, F0Estimation

ROOT = Path(mb.__file__).parent
PAGE = (ROOT / "docs" / "tasks" / "f0.md").read_text(encoding="utf-8")


def yardsticks() -> Any:
    """The script docs/pitch_yardsticks.py as a module."""
    path = ROOT / "docs" / "pitch_yardsticks.py"
    spec = importlib.util.spec_from_file_location("pitch_yardsticks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stream_of_the_page_runs() -> None:
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.S))
    model = mb.load("zoo:f0_notes")
    names = {"model": model, "blocks": [np.zeros(3000, np.float32)] * 3}
    exec(code, names)
    assert len(names["last"].times_s) > 0


def test_what_the_page_names_exists() -> None:
    for name in F0Estimation.headline:
        assert f"`{name}`" in " ".join(PAGE.split()), name
    assert {"floor_db", "learning"} <= set(F0Config.model_fields)


def test_yardsticks_by_the_rule_of_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A peer that always says A4, on a note of A4 and on one of E4."""
    module = yardsticks()
    time_s = np.arange(8000) / 16000
    write_audio(
        tmp_path / "two_audio.hdf5",
        [
            (f"{midi}.wav", np.sin(2 * np.pi * hz * time_s).astype(np.float32), 16000)
            for midi, hz in ((69, 440.0), (64, 329.63))
        ],
    )
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        "pitchmidi": Definition("global", "numeric"),
    }
    entries = [
        Entry({"filepath": (Atom(f"{midi}.wav"),), "pitchmidi": (Atom(midi),)})
        for midi in (69, 64)
    ]
    Pyjama(definitions, entries).save(tmp_path / "two.pyjama")
    times_s = np.arange(50) / 100
    heard = (times_s, np.full(50, 441.0), np.ones(50))
    monkeypatch.setitem(module.PEERS, "pyin", lambda _: heard)
    items = Corpus.open(tmp_path).items
    found = module.figures_of(items, "pyin", -30.0)
    assert found["frames_right"] == found["notes_right"] == 0.5
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path), "--only", "pyin"])
    module.main()
    assert capsys.readouterr().out.splitlines()[2].startswith("| pyin | 0.500 | 0.500 ")


def test_yardsticks_by_the_pitch_as_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note that sounds 60 cents above its name: heard as it is, it is wrong by its name alone."""
    module = yardsticks()
    time_s = np.arange(16000) / 16000
    hz = 440.0 * 2 ** (0.6 / 12)
    wave = np.sin(2 * np.pi * hz * time_s) * np.hanning(16000)
    write_audio(tmp_path / "one_audio.hdf5", [("a.wav", wave.astype("f4"), 16000)])
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        "pitchmidi": Definition("global", "numeric"),
    }
    entry = Entry({"filepath": (Atom("a.wav"),), "pitchmidi": (Atom(69),)})
    Pyjama(definitions, [entry]).save(tmp_path / "one.pyjama")
    times_s = np.arange(100) / 100
    monkeypatch.setitem(
        module.PEERS, "pyin", lambda _: (times_s, np.full(100, hz), np.ones(100))
    )
    words = ["x", str(tmp_path), "--only", "pyin", "--run", "zoo:f0_notes"]
    rows = {}
    for more in ((), ("--as-played",)):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        module.main()
        rows[more] = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows[()]] == ["| pyin", "| zoo:f0_notes"]
    for more, right in (((), "0.000"), (("--as-played",), "1.000")):
        notes_right = [row.split(" | ")[3] for row in rows[more]]
        assert notes_right == [right, right]
