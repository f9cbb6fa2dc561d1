"""The real corpora, in and out: what comes back is what went in."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.exporting import stored_items

Call = Callable[..., Any]


def corpus_at(data_root: Path, name: str) -> Path:
    if not (data_root / name).is_dir():
        pytest.skip(f"no {name} in {data_root}")
    return data_root / name


@pytest.mark.slow
def test_esc10(data_root: Path, bring_in: Call, take_out: Call, same: Call) -> None:
    """Ogg files in folders with spaces, a table with folds, samples as soundfile decodes them."""
    esc10 = corpus_at(data_root, "esc10")
    report = bring_in("csv", esc10 / "meta.csv", "one", "tags=class_name", "fold=fold")
    assert (report.n_recordings, report.left_out) == (320, [])
    corpus = Corpus.open("one")
    assert corpus.pyjama.definitions["class_name"].dictionary == sorted(
        {folder.name[6:] for folder in esc10.iterdir() if folder.is_dir()}
    )
    with (esc10 / "meta.csv").open(encoding="utf-8") as file:
        for row in list(csv.DictReader(file))[::40]:
            item = corpus[row["path"]]
            assert item.entry.first("fold") == int(row["fold"])
            assert item.entry.first("class_name") == row["class_name"]
            samples, sr_hz = soundfile.read(esc10 / row["path"], dtype="float32")
            np.testing.assert_array_equal(item.read()[0], samples)
            assert item.sr_hz == sr_hz
    take_out("csv", "one", "back")
    bring_in("csv", "back/meta.csv", "two", "tags=class_name", "fold=fold")
    same("one", "two", ending=".ogg")


@pytest.mark.slow
def test_esc10_by_its_folders(
    data_root: Path, bring_in: Call, take_out: Call, same: Call
) -> None:
    report = bring_in("folders", corpus_at(data_root, "esc10"), "one")
    assert (report.n_recordings, report.left_out) == (320, [])
    assert take_out("folders", "one", "back").left_out == []
    bring_in("folders", "back", "two")
    same("one", "two", ending=".ogg")


@pytest.mark.slow
def test_philharmonia(
    data_root: Path, bring_in: Call, take_out: Call, same: Call
) -> None:
    source = corpus_at(data_root, "philharmonia") / "meta.csv"
    report = bring_in("csv", source, "one")
    assert (report.n_recordings, report.left_out) == (334, [])
    item = Corpus.open("one")["cello/cello_Cs2_1_forte_arco-normal.mp3"]
    assert (
        item.entry.first("note"),
        item.entry.first("midi"),
        item.entry.first("length"),
    ) == ("C#2", 37, "1")
    assert item.duration_s == pytest.approx(item.entry.first("duration_s"), abs=0.001)
    take_out("csv", "one", "back")
    bring_in("csv", "back/meta.csv", "two")
    same("one", "two", ending=".mp3")
    with (
        source.open(encoding="utf-8") as one,
        Path("back/meta.csv").open(encoding="utf-8") as two,
    ):
        for before, after in zip(csv.DictReader(one), csv.DictReader(two), strict=True):
            assert (
                before.pop("path").rpartition(".")[0]
                == after.pop("path").rpartition(".")[0]
            )
            assert before.pop("duration_s").rstrip("0") == after.pop(
                "duration_s"
            ).rstrip("0")
            assert before == after


@pytest.mark.slow
def test_bach10_out_and_in(
    bach10: Path, bring_in: Call, take_out: Call, same: Call
) -> None:
    assert take_out("bach10", bach10, "back").left_out == []
    report = bring_in("bach10", "back", "two")
    assert (report.n_recordings, report.left_out) == (50, [])
    same(bach10, "two")
    ours = {stored.key: stored.stem_of for stored in stored_items(bach10)}
    assert {item.key: item.stem_of for item in Corpus.open("two").items} == ours


@pytest.mark.slow
def test_maps_out_and_in(
    data_root: Path, bring_in: Call, take_out: Call, same: Call
) -> None:
    maps = corpus_at(data_root, "maps")
    report = take_out("maps", maps, "back")
    assert [error.message.split("'")[3] for error in report.left_out] == ["split"]
    assert bring_in("maps", "back", "two").left_out == []
    same(maps, "two", "pitchmidi", "piece", "instrument")
    take_out("midi", maps, "midi")
    bring_in("midi", "midi", "three")
    again_by_key = {stored.key: stored for stored in stored_items("three")}
    for before in stored_items(maps):
        after = again_by_key[before.key]
        notes = sorted(
            (atom.time, atom.value, atom.duration)
            for atom in before.entry.annotations["pitchmidi"]
        )
        again = sorted(
            (atom.time, atom.value, atom.duration)
            for atom in after.entry.annotations["pitchmidi"]
        )
        np.testing.assert_allclose(again, notes, atol=2e-6)


def test_billboard_out_and_in(
    data_root: Path, bring_in: Call, take_out: Call, same: Call
) -> None:
    billboard = corpus_at(data_root, "billboard")
    names = ("chord", "chord_full")
    setting = f"annotations={','.join(names)}"
    report = take_out("lab", billboard, "back", setting, audio=False)
    assert {error.message.split("'")[3] for error in report.left_out} == {
        "title",
        "artist",
        "split",
        "slot",
        "feature_shift",
    }
    assert bring_in("lab", "back", "two", setting, audio=False).n_recordings == 580
    same(billboard, "two", *names, audio=False)


def test_covers80_out_and_in(
    data_root: Path, bring_in: Call, take_out: Call, same: Call
) -> None:
    covers80 = corpus_at(data_root, "covers80")
    assert take_out("csv", covers80, "back", audio=False).left_out == []
    bring_in("csv", "back/meta.csv", "two", audio=False)
    same(covers80, "two", audio=False)
