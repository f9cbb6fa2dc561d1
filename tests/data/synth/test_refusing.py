"""What the functions that write synthetic corpora refuse, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.corpora import KINDS, synthesise
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import DataError

Write = Callable[..., Corpus]
CLIPS = ["polyphony", *(name for name, kind in KINDS.items() if kind.seconds)]
EVERY = ["polyphony", *KINDS]


def write(kind: str, folder: Path, n: Any = 1, **given: Any) -> Corpus:
    if kind == "polyphony":
        return synthesise_polyphony(folder, n, **given)
    return synthesise(kind, folder, n, **given)


@pytest.mark.parametrize("kind", EVERY)
def test_a_corpus_is_never_overwritten(kind: str, tmp_path: Path) -> None:
    there = tmp_path / "mine.pyjama"
    there.write_text("my own annotations")
    with pytest.raises(DataError) as caught:
        write(kind, tmp_path)
    assert str(caught.value) == (
        f"there is a corpus in '{tmp_path}' already: mine.pyjama\n  help: choose another folder     [E470]"
    )
    assert list(tmp_path.iterdir()) == [there]
    assert there.read_text() == "my own annotations"


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("n", [0, -1, 1.5, "3", True])
def test_at_least_one(kind: str, n: Any, tmp_path: Path) -> None:
    name = "n_clips" if kind == "polyphony" else "n"
    with pytest.raises(DataError) as caught:
        write(kind, tmp_path / "new", n)
    assert str(caught.value) == (
        f"{name}: expected a whole number of at least 1, got {n!r}\n  help: write {name}=12     [E470]"
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("seconds", [0, 0.5, -1.0, 3601.0, float("nan"), "3", True])
def test_lengths_of_clips(kind: str, seconds: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        write(kind, tmp_path / "new", seconds=seconds)
    assert str(caught.value) == (
        f"seconds: expected 1 to 3600, got {seconds!r}\n  help: write seconds=30.0     [E470]"
    )
    assert not (tmp_path / "new").exists()
