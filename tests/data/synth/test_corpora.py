"""Synthetic corpora on disk: the same bytes for the same seed, annotations that hold for the audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.corpora import (
    KINDS,
    make_covers,
    make_piano,
    make_tagged,
    synthesise,
)
from mirbricks.errors import DataError


@pytest.mark.parametrize("kind", ["piano", "grand", "notes", "tagged"])
def test_the_same_bytes_whatever_the_number_of_processes(
    kind: str, tmp_path: Path
) -> None:
    for folder, jobs in (("one", 1), ("two", 2)):
        synthesise(kind, tmp_path / folder, 3, 2.0, seed=5, n_jobs=jobs)
    one, two = (Corpus.open(tmp_path / folder) for folder in ("one", "two"))
    assert (tmp_path / "one" / f"{kind}.pyjama").read_bytes() == (
        tmp_path / "two" / f"{kind}.pyjama"
    ).read_bytes()
    for item in one.items:
        np.testing.assert_array_equal(item.read()[0], two[item.key].read()[0])
    longer = synthesise(kind, tmp_path / "longer", 4, 2.0, seed=5)
    np.testing.assert_array_equal(
        longer[one.items[0].key].read()[0], one.items[0].read()[0]
    )
    other = synthesise(kind, tmp_path / "other", 3, 2.0, seed=6)
    assert not np.array_equal(other.items[0].read()[0], one.items[0].read()[0])


def test_a_mix_is_the_sum_of_its_stems(tmp_path: Path) -> None:
    corpus = synthesise("stems", tmp_path, 1)
    mix, *stems = corpus.items
    assert [item.entry.first("instrument") for item in stems] == [
        "vocals",
        "drums",
        "bass",
        "other",
    ]
    assert all(item.stem_of == mix.key and item.group == mix.group for item in stems)
    total = sum(item.read()[0] for item in stems)
    np.testing.assert_array_equal(mix.read()[0], total)
    assert all(np.abs(item.read()[0]).max() > 1e-3 for item in stems)
    assert 0.35 < np.abs(mix.read()[0]).max() < 0.95


def chroma(audio: NDArray[np.float32], sr_hz: int) -> NDArray[np.float64]:
    """Energy of the twelve pitch classes over four octaves, by one Fourier transform."""
    power = np.square(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))))
    hz = np.arange(len(power)) * sr_hz / len(audio)
    kept = (hz > 65) & (hz < 1000)
    classes = np.round(12 * np.log2(hz[kept] / 440) + 69).astype(int) % 12
    return np.bincount(classes, power[kept], 12)


def test_chords_are_heard_where_they_are_annotated(tmp_path: Path) -> None:
    corpus = synthesise("chords", tmp_path, 1, seed=1)
    shares = []
    for item in corpus.items:
        audio, sr_hz = item.read()
        names, onsets_s, durations_s = item.entry.segments("chord")
        assert set(names) - {"N", "X"}
        for name, onset_s, duration_s in zip(names, onsets_s, durations_s, strict=True):
            if name in ("N", "X"):
                continue
            root = [
                "C",
                "C#",
                "D",
                "D#",
                "E",
                "F",
                "F#",
                "G",
                "G#",
                "A",
                "A#",
                "B",
            ].index(name.split(":")[0])
            tones = [
                (root + step) % 12
                for step in ((0, 4, 7) if name.endswith("maj") else (0, 3, 7))
            ]
            energy = chroma(
                audio[int(onset_s * sr_hz) : int((onset_s + duration_s) * sr_hz)], sr_hz
            )
            shares.append(energy[tones].sum() / energy.sum())
    assert np.median(shares) > 0.6  # three of twelve classes by chance: .25


def test_versions_of_a_work_differ() -> None:
    versions = make_covers(0, 1, 2)
    assert len({v.annotations["work-id"][0].value for v in versions}) == 1
    for what in ("performance-id", "key", "tempo_bpm"):
        assert len({v.annotations[what][0].value for v in versions}) == 2
    assert len({len(v.audio) for v in versions}) == 2


def test_piano_notes_begin_where_the_sound_grows() -> None:
    (recording,) = make_piano(0, 3, 20.0)
    audio = recording.audio.astype(np.float64)
    onsets_s = sorted({atom.time for atom in recording.annotations["pitchmidi"]})
    firsts = [
        t
        for t, before in zip(onsets_s[1:], onsets_s, strict=False)
        if t - before > 0.15
    ]
    assert len(firsts) > 5
    jumps = []
    for t in firsts:
        at = int(t * 22050)
        high = np.diff(audio[max(0, at - 1300) : at + 900])
        before, after = np.square(high[:1100]).mean(), np.square(high[1300:]).mean()
        jumps.append(after / before)
    assert np.median(jumps) > 2


def test_tags_of_a_clip() -> None:
    tags = {
        atom.value
        for number in range(12)
        for atom in make_tagged(0, number, 2.0)[0].annotations["tag"]
    }
    assert {"major", "drums", "bass", "melody"} <= tags
    assert tags & {"slow", "medium tempo", "fast"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_is(kind: str) -> None:
    assert KINDS[kind].text
    assert "filepath" in KINDS[kind].definitions


def test_stems_between_left_and_right(tmp_path: Path) -> None:
    """Each stem is the mono one at a place of its own, and their sum is the mix, which is not louder."""
    corpus = synthesise("stems", tmp_path / "wide", 1, channels=2)
    mono = synthesise("stems", tmp_path / "mono", 1)
    assert {item.n_channels for item in corpus.items} == {2}
    mix, *stems = corpus.items
    total = sum(stem.read_channels()[0] for stem in stems)
    np.testing.assert_allclose(total, mix.read_channels()[0], atol=1e-6)
    loudest = np.abs(mix.read_channels()[0]).max()
    assert 0 < loudest <= np.abs(mono[mix.key].read()[0]).max() + 1e-6
    places = []
    powers = []
    for stem in stems:
        own = mono[stem.key].read()[0].astype(np.float64)
        left, right = (
            channel @ own / (own @ own) for channel in stem.read_channels()[0]
        )
        np.testing.assert_allclose(
            stem.read_channels()[0], np.outer((left, right), own), atol=1e-6
        )
        places.append(np.arctan2(right, left))
        powers.append(left**2 + right**2)
    assert len({round(place, 3) for place in places}) == len(stems)
    np.testing.assert_allclose(powers, powers[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "channels"), [("piano", 2), ("stems", 3), ("stems", 0)]
)
def test_channels_that_a_kind_does_not_have(
    tmp_path: Path, kind: str, channels: int
) -> None:
    with pytest.raises(DataError) as caught:
        synthesise(kind, tmp_path, 1, channels=channels)
    assert str(caught.value) == (
        f"channels: {kind} cannot be made with {channels}\n"
        "  help: stems have 1 or 2 channels, the other kinds have 1     [E470]"
    )
    assert not list(tmp_path.iterdir())
