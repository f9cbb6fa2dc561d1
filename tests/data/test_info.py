from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.info import describe
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.scan import scan
from mirbricks.data.stores.hdf5 import write_audio

DEFINITIONS = {
    "filepath": Definition("global", "text"),
    "split": Definition("global", "text"),
    "tag": Definition("global", "text"),
    "chord": Definition("segment", "text"),
    "note": Definition("segment", "numeric"),
    "f0": Definition("breakpoint", "numeric"),
}


@pytest.fixture
def about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three recordings of 10, 10 and 20 s; the first two are the same."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    one, two = (rng.normal(0, 0.1, n).astype(np.float32) for n in (80_000, 160_000))
    write_audio(
        "data/c_audio.hdf5", [("a", one, 8000), ("b", one, 8000), ("c", two, 8000)]
    )
    entries = [
        Entry(
            {
                "filepath": (Atom("a"),),
                "split": (Atom("train"),),
                "tag": (Atom(["x", "y"]),),
                "chord": (
                    Atom("C", 0, 3),
                    Atom("G", 2.0, 2),
                    Atom("C", 4.0, 1),
                    Atom("F", 4.5, 0.2),
                ),
                "note": (
                    Atom(60, 1, 2),
                    Atom(64, 1, 2),
                    Atom(60, 2.5, 1),
                    Atom(60, 9, 1.05),
                ),
            }
        ),
        Entry(
            {
                "filepath": (Atom("b"),),
                "split": (Atom("valid"),),
                "tag": (Atom("x"), Atom("z")),
                "chord": (),
            }
        ),
        Entry(
            {
                "filepath": (Atom("c"),),
                "split": (Atom("train"),),
                "f0": (Atom([1, 2, 3], [5.0, 6.0, 7.0]),),
            }
        ),
    ]
    Pyjama(DEFINITIONS, entries).save("data/c.pyjama")
    corpus = Corpus.open("data")
    return json.loads(json.dumps(describe(corpus, scan(corpus.recordings))))


def test_sizes(about: Any) -> None:
    assert {name: about[name] for name in ("name", "holds", "recordings", "groups", "stems", "duration_s")} == {
        "name": "c", "holds": ["audio"], "recordings": 3, "groups": 3, "stems": 0, "duration_s": 40.0,
    }  # fmt: skip
    assert about["durations_s"] == {"min": 10.0, "median": 10.0, "max": 20.0}
    assert about["sample_rates_hz"] == {"8000": 3}
    assert about["duplicates"] == [["a", "b"]]


def test_coverage_and_overlaps(about: Any) -> None:
    chord, note, f0 = (about["annotations"][name] for name in ("chord", "note", "f0"))
    assert (chord["recordings"], chord["atoms"], chord["covered"]) == (1, 4, 0.5)
    assert chord["overlaps"] == {"count": 2, "recordings": 1, "first": "a at 2.000 s"}
    assert (note["covered"], note["overlaps"]) == (
        0.35,
        {"count": 1, "recordings": 1, "first": "a at 2.500 s"},
    )
    assert f0["covered"] == 0.15


def test_labels_by_side(about: Any) -> None:
    tag, chord = about["annotations"]["tag"], about["annotations"]["chord"]
    assert tag["different"] == 3
    assert tag["values"]["x"] == {
        "count": 2,
        "duration_s": 20.0,
        "sides": {
            "train": {"count": 1, "duration_s": 10.0},
            "valid": {"count": 1, "duration_s": 10.0},
        },
    }
    assert chord["values"]["C"] == {
        "count": 2,
        "duration_s": 4.0,
        "sides": {"train": {"count": 2, "duration_s": 4.0}},
    }
    assert about["splits"] == {
        "split": {
            "sides": {
                "train": {"recordings": 2, "groups": 2, "duration_s": 30.0},
                "valid": {"recordings": 1, "groups": 1, "duration_s": 10.0},
            },
            "leaks": [],
        }
    }


def test_coverage_is_that_of_a_fine_grid() -> None:
    """Random segments: the union of the intervals, against counting milliseconds."""
    from mirbricks.data.corpus import Item
    from mirbricks.data.info import _covered_s
    from mirbricks.data.stores.hdf5 import AudioStore

    rng = np.random.default_rng(0)
    for _ in range(20):
        onsets, lengths = rng.integers(0, 9000, 12), rng.integers(0, 3000, 12)
        atoms = tuple(
            Atom(1, t / 1000, d / 1000)
            for t, d in zip(onsets.tolist(), lengths.tolist(), strict=True)
        )
        item = Item(
            "a", 80_000, 8000, "a", None, Entry({"note": atoms}), AudioStore("x")
        )
        grid = np.zeros(10_000, bool)
        for onset, length in zip(onsets, lengths, strict=True):
            grid[onset : onset + length] = True
        assert _covered_s(item, "note", "segment") == pytest.approx(
            grid.sum() / 1000, abs=1e-9
        )
