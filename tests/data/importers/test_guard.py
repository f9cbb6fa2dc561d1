"""The guard of every import: an annotation that cannot be stored is left out and named, the rest comes in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data.check import check_corpus
from mirbricks.data.corpus import Corpus
from mirbricks.data.early import early_annotations
from mirbricks.data.importers import Importer, Recording, guarded
from mirbricks.data.importing import corpus as import_corpus
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import find_recordings
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import DataError

HUGE = 10**400
GOOD = {"chord": [Atom("N", 0.0, 0.5)]}


@pytest.mark.parametrize(
    ("annotation", "code"),
    [
        ({"chord": [Atom("N", 0.0, -0.015)]}, "E425"),
        ({"chord": [Atom("N", float("nan"), 1.0)]}, "E426"),
        ({"chord": [Atom("N", 0.0, float("inf"))]}, "E426"),
        ({"chord": [Atom("N", HUGE, 1.0)]}, "E426"),
        ({"chord": [Atom("N", "0", 1.0)]}, "E423"),
        ({"chord": [Atom("N", 0.0, None)]}, "E423"),
        ({"chord": [Atom(3, 0.0, 1.0)]}, "E423"),
        ({"chord": [Atom("N", 0.0, 0.5, {"confidence": float("nan")})]}, "E426"),
        ({"chord": [Atom("N", -0.012, 0.5)]}, "E429"),
        ({"chord": 7}, "E423"),
        ({"chord": ["N"]}, "E423"),
        ({"chord": None}, "E423"),
        ({"unheard_of": [Atom("N", 0.0, 0.5)]}, "E422"),
        ({"f0": [Atom([[60.0, 61.0]], [0.0, float("nan")])]}, "E426"),
        ({"f0": [Atom([[60.0, 61.0]], [0.5, 0.25])]}, "E424"),
        ({"f0": [Atom([[60.0]], [0.5, 0.75])]}, "E424"),
        ({"f0": [Atom([[60.0, 61.0]], [-100.0, -99.0])]}, "E429"),
        ([("chord", 1)], "E463"),
    ],
)
def test_a_bad_atom_costs_its_recording_and_no_other(
    annotation: Any, code: str, sound: Any, given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found before any audio is decoded, and named by the file that it was read from."""
    sound("a.wav"), sound("b.wav")
    decoded: list[str] = []
    stage = import_corpus.stage

    def listened(index: int, recording: Recording, *more: Any) -> Any:
        decoded.append(recording.key)
        return stage(index, recording, *more)

    monkeypatch.setattr(import_corpus, "stage", listened)
    report = given(
        Recording("a.wav", (Path("a.wav"),), annotation, read_from=(Path("a.lab"),)),
        Recording("b.wav", (Path("b.wav"),), GOOD),
    )
    assert decoded == ["b.wav"]
    assert [item.key for item in Corpus.open("out").items] == ["b.wav"]
    assert [error.code for error in report.left_out] == [code]
    assert "a.wav" in report.left_out[0].message
    if code != "E463":
        assert report.left_out[0].message.startswith("'a.lab': ")
    assert ".pyjama" not in str(report.left_out[0])


def test_the_other_annotations_of_a_recording_come_in(sound: Any, given: Any) -> None:
    sound("a.wav")
    curve = [Atom([[60.0]], [0.5])]
    bad = [Atom("N", 0.0, -1.0)]
    report = given(Recording("a.wav", (Path("a.wav"),), {"chord": bad, "f0": curve}))
    entry = Corpus.open("out")["a.wav"].entry
    assert set(entry.annotations) == {"filepath", "f0"}
    assert [str(error) for error in report.left_out] == [
        "'a.wav': entry 'a.wav', annotation 'chord', atom 0: the duration is negative: -1.0 s; "
        "the recording comes in without it\n  [E425]"
    ]


def test_numbers_of_numpy_are_numbers(sound: Any, given: Any) -> None:
    sound("a.wav")
    atom = Atom("N", np.float32(0.25), np.int64(0), {"confidence": np.float64(0.5)})
    curve = Atom(np.array([[60.0, 61.0]]), (np.float64(0.0), 0.5))
    given(Recording("a.wav", (Path("a.wav"),), {"chord": (atom,), "f0": [curve]}))
    entry = Corpus.open("out")["a.wav"].entry
    assert list(entry.annotations["chord"]) == [Atom("N", 0.25, 0, {"confidence": 0.5})]
    assert list(entry.annotations["f0"]) == [Atom([[60.0, 61.0]], [0.0, 0.5])]


def test_clip_cuts_at_the_start_too(sound: Any, given: Any) -> None:
    sound("a.wav", 4.0)
    chords = [Atom("N", -2.0, 1.5), Atom("C:maj", -0.012, 2.012), Atom("N", 2.0, 2.0)]
    curve = [Atom([[1.0, 2.0, 3.0]], [-1.0, 0.0, 1.0], None, {"confidence": [1, 2, 3]})]
    report = given(
        Recording("a.wav", (Path("a.wav"),), {"chord": chords, "f0": curve}), clip=True
    )
    entry = Corpus.open("out")["a.wav"].entry
    assert list(entry.annotations["chord"]) == [
        Atom("C:maj", 0.0, 2.0),
        Atom("N", 2.0, 2.0),
    ]
    assert list(entry.annotations["f0"]) == [
        Atom([[2.0, 3.0]], [0.0, 1.0], None, {"confidence": [2, 3]})
    ]
    assert dict(report.notes) == {"annotations cut at the start of the audio": 1}
    assert report.left_out == []


def test_an_annotation_that_lies_before_0_is_not_an_empty_one(
    sound: Any, given: Any
) -> None:
    sound("a.wav"), sound("b.wav")
    early = {"chord": [Atom("N", -2.0, 1.5)]}
    report = given(
        Recording("a.wav", (Path("a.wav"),), early),
        Recording("b.wav", (Path("b.wav"),), GOOD),
        clip=True,
    )
    assert [item.key for item in Corpus.open("out").items] == ["b.wav"]
    assert [error.code for error in report.left_out] == ["E429"]


def test_an_annotation_of_nothing_is_kept_apart_from_none(
    sound: Any, given: Any
) -> None:
    sound("a.wav"), sound("b.wav")
    report = given(
        Recording("a.wav", (Path("a.wav"),), {"chord": []}),
        Recording("b.wav", (Path("b.wav"),), GOOD),
    )
    corpus = Corpus.open("out")
    assert list(corpus["a.wav"].annotations["chord"]) == []
    assert dict(report.notes) == {"the annotation 'chord' is there and empty": 1}
    assert check_corpus("out").problems == ()


class Mine(Importer):
    """An importer of a package: it raises at its second file, or while one is read."""

    kind, text = "mine", "text files"
    definitions = {"chord": Definition("segment", "text")}
    is_guarded = False

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        for path in sorted(source.glob("*.txt")):
            if self.is_guarded:
                yield from guarded(path, lambda path=path: [self.read(path)])
            else:
                yield self.read(path)

    def read(self, path: Path) -> Recording:
        begin, duration, label = path.read_text().split()
        atoms = {"chord": [Atom(label, float(begin), float(duration))]}
        return Recording(f"{path.stem}.wav", (path.with_suffix(".wav"),), atoms)


class Guarded(Mine):
    is_guarded = True


@pytest.mark.parametrize(
    ("cls", "keys", "codes"),
    [(Guarded, ["a.wav", "c.wav"], ["E463"]), (Mine, ["a.wav"], ["E463", "E463"])],
)
def test_an_importer_of_a_package_that_raises(
    cls: type[Importer], keys: list[str], codes: list[str], sound: Any
) -> None:
    for name, text in (("a", "0 0.5 N"), ("b", "what is this"), ("c", "0 0.5 N")):
        sound(f"{name}.wav")
        Path(f"{name}.txt").write_text(text)
    report = import_recordings(find_recordings(cls(), "."), "out", "it", How(n_jobs=1))
    assert [item.key for item in Corpus.open("out").items] == keys
    assert [error.code for error in report.left_out] == codes
    assert "could not convert string to float: 'what'" in report.left_out[0].message
    assert report.left_out[0].facts[0][1].startswith("test_guard.py, line ")
    if cls is Mine:
        assert report.left_out[1].message == (
            "the search of 'mine' ended after 'a.wav': what follows is not imported"
        )


class Odd(Mine):
    def recordings(self, source: Path) -> Iterator[Any]:  # noqa: ARG002
        yield None
        yield Recording(7, (Path("a.wav"),), GOOD)  # type: ignore[arg-type] # a mistake
        yield Recording("a.wav", ("a.wav",), GOOD)  # type: ignore[arg-type] # a mistake
        yield Recording("b.wav", (Path("b.wav"),), GOOD)


def test_an_importer_of_a_package_that_yields_nonsense(sound: Any) -> None:
    sound("a.wav"), sound("b.wav")
    report = import_recordings(find_recordings(Odd(), "."), "out", "it", How(n_jobs=1))
    assert "b.wav" in [item.key for item in Corpus.open("out").items]
    assert [error.message for error in report.left_out][:2] == [
        "the importer 'mine' gave 'NoneType' instead of a recording",
        "the key of a recording is 7, expected a text",
    ]


def test_times_before_zero_of_a_corpus_are_found() -> None:
    definitions = {
        "filepath": Definition("global", "text"),
        "beat": Definition("marker", "numeric"),
        "chord": Definition("segment", "text"),
        "f0": Definition("breakpoint", "numeric"),
        "when": Definition("breakpoint_time", "numeric"),
        "level": Definition("breakpoint_value", "numeric"),
    }
    late = {"chord": (Atom("N", 0.0, 1.0),), "beat": (Atom(1, 0.0), Atom(2, 0.5))}
    early = {
        "chord": (Atom("N", 0.5, 0.1), Atom("N", -0.012, 0.2)),
        "beat": (Atom(1, -1.0),),
        "f0": (Atom([[60.0, 61.0]], [-100.0, -99.0]),),
        "when": (Atom([[-0.5, 0.5]]),),
        "level": (Atom([[1.0, 2.0]]),),
    }
    entries = [
        Entry({"filepath": (Atom(key),), **found})
        for key, found in (("a", late), ("b", early))
    ]
    Pyjama(definitions, entries).save("one/it.pyjama")
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    write_audio("one/it_audio.hdf5", [("a", noise, 8000), ("b", noise[::-1], 8000)])
    recordings = Corpus.open("one").recordings
    each = early_annotations(recordings, one_each=True)
    assert [(error.code, error.message) for error in each] == [
        ("E429", f"annotation '{name}' of 'b' begins at {time} s, before its audio")
        for name, time in (
            ("chord", -0.012),
            ("beat", -1),
            ("f0", -100),
            ("when", -0.5),
        )
    ]
    assert str(early_annotations(recordings)[0]) == (
        "annotation 'chord' of 'b' begins at -0.012 s, before its audio\n"
        "  b  'beat' begins at -1 s\n"
        "  b  'f0' begins at -100 s\n"
        "  b  'when' begins at -0.5 s\n"
        "  help: times are in seconds from the start of the audio; import again with --clip, or correct the "
        "annotation     [E429]"
    )
    assert early_annotations(recordings[:1]) == []
    problems = check_corpus("one").problems
    assert [error.code for error in problems] == ["E429"] * 4
