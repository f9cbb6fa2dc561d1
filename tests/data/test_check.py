from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.data.check import check_corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio, write_features

WORD = Definition("global", "text")
DEFINITIONS = dict.fromkeys(("filepath", "piece", "split"), WORD) | {
    "note": Definition("segment", "numeric")
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sound(seed: int) -> Any:
    return np.random.default_rng(seed).normal(0, 0.1, 8000).astype(np.float32)


def make(audio: dict[str, Any], notes: dict[str, dict[str, Any]] | None = None) -> None:
    write_audio("data/c_audio.hdf5", [(key, x, 8000) for key, x in audio.items()])
    entries = [
        Entry(
            {"filepath": (Atom(key),)}
            | {n: v if isinstance(v, tuple) else (Atom(v),) for n, v in own.items()}
        )
        for key, own in (
            notes if notes is not None else {key: {} for key in audio}
        ).items()
    ]
    Pyjama(DEFINITIONS, entries).save("data/c.pyjama")


def problems() -> list[str]:
    return [str(problem) for problem in check_corpus("data").problems]


def test_nothing_wrong() -> None:
    make(
        {"a": sound(0), "b": sound(1)},
        {"a": {"split": "train"}, "b": {"split": "valid"}},
    )
    findings = check_corpus("data")
    assert findings.problems == ()
    assert findings.corpus is not None
    assert len(findings.corpus) == 2


def test_everything_at_once_each_once() -> None:
    """A file in which much is wrong: nothing hides anything else."""
    flat = np.clip(20 * sound(3), -1, 1)
    make(
        {
            "a": sound(0),
            "b": sound(1),
            "silent": np.zeros(8000, np.float32),
            "flat": flat,
            "same": sound(0),
            "alone": sound(9),
        },
        {
            "a": {"split": "train", "piece": "P"},
            "b": {"split": "valid", "piece": "P"},
            "silent": {"split": "train", "note": (Atom(60, 0.5, 0.75),)},
            "flat": {"split": "train"},
            "same": {"split": "valid"},
            "missing": {"split": "train"},
        },
    )
    with h5py.File("data/c_audio.hdf5", "r+") as file:
        file["b"][17] = np.nan
    found = problems()
    place = "of 'data/c_audio.hdf5'"
    assert found == [
        "1 key of 'c.pyjama' not in 'c_audio.hdf5': 'missing'\n"
        "  help: add to 'c_audio.hdf5' what is missing, or remove it from 'c.pyjama'     [E411]",
        "1 key of 'c_audio.hdf5' not in 'c.pyjama': 'alone'\n"
        "  help: add to 'c.pyjama' what is missing, or remove it from 'c_audio.hdf5'     [E411]",
        "annotation 'note' of 'silent' ends at 1.250 s, its audio at 1.000 s\n  audio  8000 samples at sr_hz = 8000\n"
        "  help: check that the annotation belongs to this audio, and its 'sr_hz'     [E412]",
        f"'b' {place} has NaN or infinity\n  first  sample 17\n  count  1\n"
        "  help: repair it or remove it from the corpus     [E406]",
        f"'silent' {place} is silent\n  peak  0 of full scale\n"
        "  help: remove it from the corpus, or build it again from its source     [E414]",
        f"'flat' {place} is clipped\n  clipped  42.27 % of the samples "
        "stay at the peak of 1.00\n"
        "  help: take it from its source again with less gain, or remove it from the corpus     [E414]",
        "the same audio in different groups, on two sides of the stored 'split': 'a', 'same'\n"
        "  split  a: train, same: valid\n"
        "  help: remove all but one, or give them the same annotation 'piece'     [E417]",
        "the group 'P' is in 'train' and in 'valid' of the stored 'split'\n  train  a\n  valid  b\n"
        "  help: put each piece, with all its versions, on one side; `mirbricks data split` does     [E442]",
    ]


def test_the_same_audio_in_one_group_is_fine() -> None:
    make({"a": sound(0), "b": sound(0)}, {"a": {"piece": "P"}, "b": {"piece": "P"}})
    assert problems() == []
    make({"a": sound(0), "b": sound(0)})
    assert problems() == [
        "the same audio in different groups: 'a', 'b'\n"
        "  help: remove all but one, or give them the same annotation 'piece'     [E417]"
    ]


def test_a_split_that_is_not_whole() -> None:
    make(
        {key: sound(i) for i, key in enumerate("abc")},
        {"a": {"split": "train"}, "b": {}, "c": {"split": "dev"}},
    )
    assert problems() == [
        "2 recordings have no sound 'split': 'b', 'c'\n  expected  train, valid or test\n"
        "  help: `mirbricks data split` gives every recording one     [E443]"
    ]


def test_violations_of_the_pyjama_do_not_hide_the_audio() -> None:
    make(
        {"a": sound(0), "b": np.zeros(100, np.float32)}, {"a": {"piece": "P"}, "b": {}}
    )
    raw = json.loads(Path("data/c.pyjama").read_text())
    raw["collection"]["entry"][0]["note"] = [{"value": "x", "time": 0, "duration": 1}]
    Path("data/c.pyjama").write_text(json.dumps(raw))
    assert [one.rpartition("[")[2] for one in problems()] == ["E423]", "E414]"]


def test_what_stops_at_once() -> None:
    assert [one.code for one in check_corpus("nowhere").problems] == ["E410"]
    make({"a": sound(0)})
    Path("data/c.pyjama").write_text("{")
    assert [one.code for one in check_corpus("data").problems] == ["E420"]
    Path("data/c.pyjama").write_text("{}")
    assert [one.code for one in check_corpus("data").problems] == ["E421", "E421"]
    make({"a": sound(0)})
    Path("data/c_audio.hdf5").write_bytes(b"no hdf5")
    findings = check_corpus("data")
    assert [one.code for one in findings.problems] == ["E401"]
    assert findings.corpus is None


def test_features_that_are_wrong() -> None:
    write_features(
        "data/c_feat.hdf5",
        [("a", np.zeros((4, 3)), {}), ("b", np.ones((4, 3)), {"hop_s": -1.0})],
    )
    Pyjama(
        {"filepath": WORD}, [Entry({"filepath": (Atom(key),)}) for key in "ab"]
    ).save("data/c.pyjama")
    assert [one.rpartition("[")[2] for one in problems()] == ["E416]", "E414]"]


def test_several_processes_find_the_same(bach10: Path) -> None:
    told: list[str] = []
    findings = check_corpus(bach10, 2, lambda key, _: told.append(key))
    assert findings.problems == ()
    assert len(told) == 50


@pytest.mark.parametrize(
    "name", ["maps", "covers80", pytest.param("billboard", marks=pytest.mark.slow)]
)
def test_nothing_is_wrong_with_the_real_ones(data_root: Path, name: str) -> None:
    assert check_corpus(data_root / name).problems == ()


def test_channels_that_cancel_each_other_are_named() -> None:
    one, two, three = sound(0), sound(1), sound(2)
    make(
        {
            "fine": np.stack([one, two]),
            "pair": np.stack([one, -one]),
            "four": np.stack([one, two, -one, three]),
            "sum": np.stack([one, two, -one - two]),
            "mono": three,
        }
    )
    silent = (
        "  so that  their mean, which tasks of one channel read, is nearly silent\n"
    )
    help = (
        "  help: turn the polarity of one of them at its source, or leave it out, "
        "and import the recording again     [E438]"
    )
    assert problems() == [
        f"channels 1 and 2 of 'pair' of 'data/c_audio.hdf5' cancel each other\n{silent}{help}",
        "channels 1 and 3 of 'four' of 'data/c_audio.hdf5' cancel each other\n"
        f"  so that  each is the other upside down\n{help}",
        f"the channels of 'sum' of 'data/c_audio.hdf5' cancel each other\n{silent}{help}",
    ]


def test_silence_and_clipping_are_found_in_any_channel() -> None:
    loud = np.clip(20 * sound(0), -1, 1)
    quiet = np.zeros(8000, np.float32)
    make(
        {
            "one side": np.stack([quiet, sound(1)]),
            "silent": np.stack([quiet, quiet]),
            "clipped": np.stack([sound(2), loud]),
        }
    )
    found = check_corpus("data").problems
    assert [problem.message for problem in found] == [
        "'silent' of 'data/c_audio.hdf5' is silent",
        "'clipped' of 'data/c_audio.hdf5' is clipped",
    ]


def test_channels_are_part_of_what_is_compared() -> None:
    stereo = np.stack([sound(0), sound(1)])
    make({"a": stereo, "b": stereo.copy(), "c": stereo.reshape(-1)})
    (problem,) = check_corpus("data").problems
    assert problem.message == "the same audio in different groups: 'a', 'b'"


def test_the_summary_names_channels(capsys: pytest.CaptureFixture[str]) -> None:
    make({"a": np.stack([sound(0), sound(1)]), "b": sound(2), "c": sound(3)})
    assert main(["data", "check", "data", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "data: 3 recordings, 1 channel (2), 2 channels (1), 3 annotations, nothing wrong"
    )
    assert main(["data", "info", "data", "--jobs", "1"]) == 0
    assert ", 1 channel (2), 2 channels (1)" in capsys.readouterr().out
    assert main(["data", "info", "data", "--jobs", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["channels"] == {"1": 2, "2": 1}
