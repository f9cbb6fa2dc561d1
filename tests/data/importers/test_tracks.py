"""Mixes and their parts, Bach10 and stems: in, out and in again gives what came in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.exporting import stored_items
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import DataError

Call = Callable[..., Any]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def atoms(corpus: str, key: str, name: str) -> list[Atom]:
    entry = next(stored.entry for stored in stored_items(corpus) if stored.key == key)
    return list(entry.annotations.get(name, ()))


def test_bach10(bach_like: Any, bring_in: Call, take_out: Call, same: Call) -> None:
    rows = bach_like
    assert bring_in("bach10", "src", "one").left_out == []
    corpus = Corpus.open("one")
    values, times = corpus["01-Ach.wav"].entry.breakpoints("f0multi")
    np.testing.assert_array_equal(values, rows)
    np.testing.assert_array_equal(
        times, [round(0.023 + 0.01 * frame, 3) for frame in range(90)]
    )
    stem = corpus["01-Ach-saxphone.wav"]
    assert (stem.group, stem.stem_of, stem.entry.first("instrument")) == (
        "01-Ach",
        "01-Ach.wav",
        "saxophone",
    )
    np.testing.assert_array_equal(stem.entry.breakpoints("f0")[0][0], rows[2])
    first = stem.entry.annotations["pitchmidi"][0]
    assert (first.value, first.time, first.duration) == (
        np.median(rows[2, 10:30]),
        0.123,
        0.2,
    )
    assert take_out("bach10", "one", "back").left_out == []
    for name in ("GTF0s", "GTNotes"):
        before, after = (
            scipy.io.loadmat(f"{at}/01-Ach/01-Ach-{name}.mat")[name]
            for at in ("src", "back")
        )
        cells = [
            (np.ravel(a)[0], np.ravel(b)[0]) for a, b in zip(before, after, strict=True)
        ]
        for one, two in [(before, after)] if name == "GTF0s" else cells:
            for mine, yours in zip(np.ravel(one), np.ravel(two), strict=True):
                np.testing.assert_array_equal(mine, yours)
    bring_in("bach10", "back", "two")
    same("one", "two")


@pytest.mark.usefixtures("bach_like")
def test_bach10_damaged(sound: Call, bring_in: Call) -> None:
    sound("src/02-Ein/02-Ein.wav"), sound("src/01-Ach/01-Ach-tuba.wav")
    Path("src/03-Zu").mkdir()
    scipy.io.savemat("src/03-Zu/03-Zu-GTF0s.mat", {"GTF0s": np.zeros((4, 3))})
    for number, content in (
        (4, {"GTF0s": np.zeros((2, 3))}),
        (5, {"other": np.zeros(3)}),
    ):
        sound(f"src/0{number}-X/0{number}-X.wav")
        scipy.io.savemat(f"src/0{number}-X/0{number}-X-GTF0s.mat", content)
    sound("src/06-X/06-X.wav")
    Path("src/06-X/06-X-GTF0s.mat").write_bytes(b"x" * 200)
    report = bring_in("bach10", "src", "one")
    texts = [str(error) for error in report.left_out]
    assert texts[:4] + texts[5:] == [
        "'src/01-Ach/01-Ach-tuba.wav' is not part of Bach10: violin, clarinet, saxophone, bassoon\n  [E433]",
        "'src/03-Zu/03-Zu-GTF0s.mat' has no audio: no '03-Zu.wav' beside it\n  [E466]",
        "'src/04-X/04-X-GTF0s.mat': expected a matrix of 4 rows of MIDI numbers\n  shape  (2, 3)\n  [E463]",
        "'src/05-X/05-X-GTF0s.mat' has no variable 'GTF0s'\n  [E463]",
        "'src/02-Ein/02-Ein.wav' has no annotation: no -GTF0s.mat file of its piece\n  [E465]",
    ]
    assert texts[4].startswith(
        "'src/06-X/06-X-GTF0s.mat' is not a MATLAB file, or is damaged: "
    )


def test_stems(sound: Call, bring_in: Call, take_out: Call, same: Call) -> None:
    for name in ("mixture", "vocals", "drums"):
        sound(f"src/train/Ann - Song/{name}.wav")
    sums = [sound(f"src/test/Bo/{name}.wav") for name in ("bass", "other")]
    sound("src/loose.wav")
    report = bring_in("stems", "src", "one")
    assert [error.message for error in report.left_out] == [
        "'src/loose.wav' does not lie in TRACK/"
    ]
    assert dict(report.notes) == {
        "no mixture in its folder: the mix is the sum of the stems": 1
    }
    corpus = Corpus.open("one")
    np.testing.assert_array_equal(
        corpus["test/Bo/mixture.wav"].read()[0], sums[0] + sums[1]
    )
    vocals = corpus["train/Ann - Song/vocals.wav"]
    assert (vocals.stem_of, vocals.group) == (
        "train/Ann - Song/mixture.wav",
        "Ann - Song",
    )
    assert (vocals.entry.first("instrument"), vocals.entry.first("split")) == (
        "vocals",
        "train",
    )
    assert take_out("stems", "one", "back").left_out == []
    bring_in("stems", "back", "two")
    same("one", "two")


@pytest.mark.usefixtures("bach_like")
def test_stems_of_a_flat_corpus(bring_in: Call, take_out: Call) -> None:
    bring_in("bach10", "src", "one")
    report = take_out("stems", "one", "back")
    assert sorted(path.name for path in Path("back/01-Ach").iterdir()) == [
        "bassoon.wav",
        "clarinet.wav",
        "mixture.wav",
        "saxphone.wav",
        "violin.wav",
    ]
    assert [error.message for error in report.left_out] == [
        "'stems' has no place for the annotation 'f0multi' of 1 recording",
        "'stems' has no place for the annotation 'f0' of 4 recordings",
        "'stems' has no place for the annotation 'pitchmidi' of 4 recordings",
    ]
