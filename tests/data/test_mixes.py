"""Mixes of stems that no file holds."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.mixes import Mix, stem_mixes
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import DataError

TEXT = Definition("global", "text")
DEFINITIONS = {
    "filepath": TEXT,
    "instrument": TEXT,
    "composer": TEXT,
    "beat": Definition("marker", "numeric"),
}


def corpus_of(
    folder: Path, labels: dict[str, list[str]], rates: dict[str, int] | None = None
) -> Corpus:
    """Recordings of constant values 1, 2, 4, ... and as many samples more, with these instruments."""
    audio, entries = [], []
    for i, (key, values) in enumerate(labels.items()):
        audio.append(
            (
                key,
                np.full(800 + 10 * i, 2.0**i, np.float32),
                (rates or {}).get(key, 8000),
            )
        )
        annotations = {
            "filepath": (Atom(key),),
            "composer": (Atom("Bach"),),
            "beat": (Atom(1, time=0.01),),
        }
        if values:
            annotations["instrument"] = tuple(map(Atom, values))
        entries.append(Entry(annotations))
    write_audio(folder / "c_audio.hdf5", iter(audio))
    Pyjama(DEFINITIONS, entries).save(folder / "c.pyjama")
    return Corpus.open(folder)


def test_every_combination_of_three_stems(tmp_path: Path) -> None:
    stems = {
        "p-a.wav": ["violin"],
        "p-b.wav": ["flute"],
        "p-c.wav": ["horn"],
        "p.wav": [],
    }
    corpus = corpus_of(tmp_path, stems | {"solo.wav": ["oboe"]})
    found = stem_mixes(corpus.items, "instrument")
    assert [item.key for item in found] == [
        "p.wav#violin", "p.wav#flute", "p.wav#horn", "p.wav#violin+flute", "p.wav#violin+horn", "p.wav#flute+horn",
        "p.wav#violin+flute+horn", "solo.wav",
    ]  # fmt: skip
    assert [item.entry.values("instrument") for item in found[:4]] == [
        ["violin"], ["flute"], ["horn"], ["violin", "flute"],
    ]  # fmt: skip
    assert {item.group for item in found[:-1]} == {"p.wav"}
    assert all(item.stem_of is None for item in found)


def test_a_mix_is_the_sum_of_its_stems_to_the_end_of_the_longest(
    tmp_path: Path,
) -> None:
    corpus = corpus_of(
        tmp_path,
        {"p-a.wav": ["violin"], "p-b.wav": ["flute"], "p.wav": ["violin", "flute"]},
    )
    mix = stem_mixes(corpus.items, "instrument")[-1]
    audio, sr_hz = pickle.loads(pickle.dumps(mix)).read()
    assert (audio.dtype, sr_hz, mix.n_samples) == (np.float32, 8000, 810)
    np.testing.assert_array_equal(audio, [3.0] * 800 + [2.0] * 10)
    np.testing.assert_array_equal(mix.read(798, 803)[0], [3.0, 3.0, 2.0, 2.0, 2.0])
    np.testing.assert_array_equal(mix.read(805)[0], [2.0] * 5)
    assert mix.source == corpus["p.wav"].source


def test_a_mix_has_what_is_true_of_the_whole_piece(tmp_path: Path) -> None:
    corpus = corpus_of(
        tmp_path, {"p-a.wav": ["violin"], "p-b.wav": ["flute"], "p.wav": []}
    )
    mix = stem_mixes(corpus.items, "instrument")[0]
    assert mix.entry.first("composer") == "Bach"
    assert "beat" not in mix.annotations
    assert mix.entry.filepath == mix.key == "p.wav#violin"


def test_two_stems_of_one_instrument_are_told_apart(tmp_path: Path) -> None:
    corpus = corpus_of(
        tmp_path, {"p-a.wav": ["violin"], "p-b.wav": ["violin"], "p.wav": []}
    )
    found = stem_mixes(corpus.items, "instrument")
    assert [item.key for item in found] == [
        "p.wav#p-a.wav",
        "p.wav#p-b.wav",
        "p.wav#p-a.wav+p-b.wav",
    ]
    assert found[2].entry.values("instrument") == ["violin"]


@pytest.mark.parametrize(
    "labels",
    [
        {"p-a.wav": ["violin", "flute"], "p.wav": ["violin"]},
        {"p-a.wav": [], "p.wav": []},
    ],
)
def test_stems_without_one_label_each_stay_as_they_are(
    tmp_path: Path, labels: dict[str, list[str]]
) -> None:
    corpus = corpus_of(tmp_path, labels | {"other.wav": ["flute"]})
    found = stem_mixes(corpus.items, "instrument")
    assert found == list(corpus.items)
    assert not any(isinstance(item, Mix) for item in found)


def test_too_many_stems(tmp_path: Path) -> None:
    corpus = corpus_of(
        tmp_path, {f"p-{i}.wav": [f"i{i}"] for i in range(7)} | {"p.wav": []}
    )
    with pytest.raises(DataError) as caught:
        stem_mixes(corpus.items, "instrument")
    assert str(caught.value) == (
        "the stems of 'p.wav' cannot be mixed in every combination: expected at most 6 of one sampling rate, got 7 of "
        "8000 Hz\n"
        "  help: leave out stems of this mix, or bring them to one rate with `mirbricks data import`     [E418]"
    )


def test_stems_of_several_rates(tmp_path: Path) -> None:
    corpus = corpus_of(
        tmp_path, {"p-a.wav": ["a"], "p-b.wav": ["b"], "p.wav": []}, {"p-a.wav": 16000}
    )
    with pytest.raises(DataError) as caught:
        stem_mixes(corpus.items, "instrument")
    assert "got 2 of 8000 Hz, 16000 Hz" in str(caught.value)


def test_bach10_has_15_mixes_a_piece(bach10: Path) -> None:
    corpus = Corpus.open(bach10)
    found = stem_mixes(corpus.items, "instrument")
    assert len(found) == 150
    labels = {value for item in found for value in item.entry.values("instrument")}
    assert labels == {"violin", "clarinet", "saxophone", "bassoon"}
    whole = next(item for item in found if len(item.entry.values("instrument")) == 4)
    own, _ = corpus[whole.key.partition("#")[0]].read()
    summed, _ = whole.read()
    assert np.corrcoef(own, summed[: len(own)])[0, 1] > 0.99
