"""Tiny corpora at one call: made once, kept, never half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirbricks.data import example
from mirbricks.data.synth import example as room
from mirbricks.data.synth.corpora import synthesise
from mirbricks.errors import DataError


def test_a_corpus_is_made_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = example("notes", n=2, folder=tmp_path)
    monkeypatch.setattr(room, "_make", None)
    again = example("notes", n=2, folder=tmp_path)
    assert first.fingerprint == again.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


def test_by_default_it_lies_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIRBRICKS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    corpus = example("polyphony", n=1, seconds=1.0)
    assert corpus.folder.parent == tmp_path / "mirbricks" / "examples"
    assert corpus["01.wav"].duration_s == 1.0
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "own"))
    moved = example("polyphony", n=1, seconds=1.0)
    assert moved.folder.parent == tmp_path / "own" / "examples"


def test_what_was_broken_off_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "synthesise", broken)
    with pytest.raises(KeyboardInterrupt):
        example("notes", n=1, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_two_processes_the_faster_one_keeps_its_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(kind: str, folder: Path, *given: float) -> None:
        other = example("notes", n=1, folder=tmp_path / "other").folder
        other.rename(tmp_path / other.name)
        synthesise(kind, folder, *given)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(room, "synthesise", overtaken)
    kept = tmp_path / "other"
    with monkeypatch.context() as own:
        own.setattr(room, "synthesise", synthesise)
        example("notes", n=1, folder=kept)
    corpus = example("notes", n=1, folder=tmp_path)
    assert corpus.folder.parent == tmp_path
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("chord", {}, "there is no example 'chord'\n  help: did you mean 'chords'?"),
        ("xyz", {}, "kinds are: chords, covers, notes"),
        ("notes", {"n": 0}, "n: expected a whole number of at least 1, got 0"),
        ("notes", {"seconds": 0.1}, "seconds: expected 1 to 3600, got 0.1"),
    ],
)
def test_what_cannot_be_is_refused(
    kind: str, given: dict[str, float], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        example(kind, **given, folder=tmp_path)  # type: ignore[arg-type]  # numbers of two kinds
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as caught:
        example("notes", n=1, folder=tmp_path / "file")
    assert caught.value.code == "E408"


@pytest.mark.parametrize("kind", ["chords", "covers", "stems"])
def test_songs_are_cut_with_their_labels(kind: str, tmp_path: Path) -> None:
    corpus = synthesise(kind, tmp_path, 1, 5.0)
    for item in corpus.items:
        assert item.duration_s == 5.0
        spans = [
            atom
            for name in ("chord", "section")
            for atom in item.annotations.get(name, ())
        ]
        assert max([atom.time + atom.duration for atom in spans] or [5.0]) == 5.0
        beats = [atom.time for atom in item.annotations.get("beat", ())]
        assert all(time_s < 5.0 for time_s in beats)
        assert (
            np.diff([atom.value for atom in item.annotations.get("beat", ())]).size >= 0
        )
