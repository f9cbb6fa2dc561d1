from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.polyphony import make_clip, synthesise_polyphony
from mirbricks.data.synth.score import RANGES, VOICES, compose
from mirbricks.data.synth.tone import FAMILIES, Performance, draw_timbre, render
from mirbricks.errors import DataError

SR_HZ = 22050


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return synthesise_polyphony(
        tmp_path_factory.mktemp("synth") / "new" / "folder",
        n_clips=2,
        seconds=6.0,
        seed=3,
    )


def test_layout(corpus: Corpus) -> None:
    assert (corpus.name, len(corpus)) == ("polyphony", 10)
    assert [item.key for item in corpus.items[:3]] == [
        "01.wav",
        "01-soprano.wav",
        "01-alto.wav",
    ]
    for mix in (corpus["01.wav"], corpus["02.wav"]):
        stems = [item for item in corpus.items if item.stem_of == mix.key]
        assert len(stems) == 4
        assert {item.group for item in (mix, *stems)} == {mix.key.removesuffix(".wav")}
        values, times_s = mix.entry.breakpoints("f0multi")
        np.testing.assert_allclose(times_s, np.arange(600) * 0.01)
        np.testing.assert_array_equal(
            values, np.concatenate([s.entry.breakpoints("f0")[0] for s in stems])
        )
        assert mix.duration_s == 6.0


def test_the_mix_is_the_sum_of_its_stems_bit_for_bit(corpus: Corpus) -> None:
    for mix in (corpus["01.wav"], corpus["02.wav"]):
        one, two, three, four = (
            item.read()[0] for item in corpus.items if item.stem_of == mix.key
        )
        np.testing.assert_array_equal(mix.read()[0], one + two + three + four)
        assert 0.3 < np.abs(mix.read()[0]).max() < 0.91


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    done: list[str] = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        synthesise_polyphony(
            tmp_path / name, n_clips=1, seconds=2.0, seed=seed, on_done=done.append
        )
    for file in ("polyphony_audio.hdf5", "polyphony.pyjama"):
        assert (tmp_path / "a" / file).read_bytes() == (
            tmp_path / "b" / file
        ).read_bytes()
        assert (tmp_path / "a" / file).read_bytes() != (
            tmp_path / "c" / file
        ).read_bytes()
    assert done == ["01.wav"] * 3
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "polyphony_audio.hdf5",
        "polyphony.pyjama",
    }


def test_more_clips_leave_the_first_ones_as_they_are(
    tmp_path: Path, corpus: Corpus
) -> None:
    one = synthesise_polyphony(tmp_path, n_clips=1, seconds=6.0, seed=3, stems=False)
    assert [item.key for item in one.items] == ["01.wav"]
    np.testing.assert_array_equal(one["01.wav"].read()[0], corpus["01.wav"].read()[0])


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as error:
        synthesise_polyphony(tmp_path / "file", n_clips=1, seconds=1.0)
    assert error.value.code == "E408"


def error_cents(
    audio: NDArray[np.float32], midi: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Heterodyne the fundamental with the stated f0: the phase that is left turns by the error of the statement."""
    times_s = np.arange(len(audio)) / SR_HZ
    grid_s = np.arange(len(midi)) * 0.01
    voiced = midi > 0
    f0_hz = 440 * 2 ** ((np.interp(times_s, grid_s[voiced], midi[voiced]) - 69) / 12)
    left = audio * np.exp(-2j * np.pi * np.cumsum(f0_hz / SR_HZ))
    window = np.hanning(1024)
    left = np.convolve(left, window / window.sum(), "same")
    turn_hz = np.angle(left[220:] * left[:-220].conj()) * SR_HZ / (2 * np.pi * 220)
    inside = np.interp(times_s[:-220], grid_s, voiced.astype(float)) > 0.999
    inside = np.convolve(~inside, np.ones(3000), "same") < 0.5
    return np.asarray(1200 * np.log2(1 + turn_hz / f0_hz[:-220])[inside])


def test_ground_truth_is_what_sounds(corpus: Corpus) -> None:
    for stem in (item for item in corpus.items if item.stem_of):
        audio = stem.read()[0]
        midi = stem.entry.breakpoints("f0")[0][0]
        cents = error_cents(audio, midi)
        assert len(cents) > SR_HZ
        assert np.median(np.abs(cents)) < 2.0, stem.key
        assert np.percentile(np.abs(cents), 90) < 6.0, stem.key
        shifted = np.where(midi > 0, midi + 0.1, 0)
        assert (
            abs(np.median(error_cents(audio, shifted)) + 10) < 2.0
        )  # the measure sees a tenth of a semitone


def test_zero_where_silent(corpus: Corpus) -> None:
    for stem in (item for item in corpus.items if item.stem_of):
        audio = stem.read()[0]
        voiced = stem.entry.breakpoints("f0")[0][0] > 0
        power = np.array(
            [np.mean(np.square(part)) for part in np.array_split(audio, len(voiced))]
        )
        assert 0.35 < voiced.mean() < 1.0
        assert not voiced[:5].any()
        assert not voiced[-5:].any()
        assert 10 * np.log10(power[voiced].mean() / power[~voiced].mean()) > 12, (
            stem.key
        )


def test_voices_keep_their_ranges_and_do_not_cross() -> None:
    for seed in range(5):
        voices = compose(np.random.default_rng(seed), 15.0)
        for notes, (low, high) in zip(voices, RANGES, strict=True):
            assert all(low <= note.midi <= high for note in notes)
            assert all(
                a.end_s <= b.onset_s + 1e-9 for a, b in itertools.pairwise(notes)
            )
            assert all(note.end_s > note.onset_s for note in notes)
            assert notes[-1].end_s < 15.0
            assert len(notes) > 8


def test_clips_vary_in_tuning_timbre_and_level() -> None:
    clips = [make_clip(np.random.default_rng((0, i)), 5.0, SR_HZ) for i in range(8)]
    cents = [
        float(np.median((c.f0_midi[c.f0_midi > 0] + 0.5) % 1 - 0.5)) * 100
        for c in clips
    ]
    assert max(cents) - min(cents) > 25
    assert all(abs(c) < 45 for c in cents)
    assert {name for clip in clips for name in clip.instruments} == set(FAMILIES)
    levels = np.array(
        [np.sqrt(np.mean(np.square(clip.stems), axis=1)) for clip in clips]
    )
    assert 20 * np.log10(levels.max() / levels.min()) > 6


def spectrum(family: str) -> NDArray[np.float64]:
    """Levels of the first eight partials of a long A3, dB under the strongest."""
    rng = np.random.default_rng(1)
    timbre = draw_timbre(rng, family)
    midi = np.array([57.0])
    still = Performance(
        np.array([0.1]),
        np.array([1.9]),
        midi,
        midi,
        np.array([False]),
        np.ones(1),
        np.zeros(1),
        np.zeros(1),
        0.0,
    )
    sound = render(rng, still, timbre, 2 * SR_HZ, SR_HZ)[
        6000 : 6000 + 16384
    ] * np.hanning(16384)
    bins = np.abs(np.fft.rfft(sound))
    partials = [
        bins[round(220 * h * 16384 / SR_HZ) + np.arange(-3, 4)].max()
        for h in range(1, 9)
    ]
    return np.asarray(20 * np.log10(np.array(partials) / max(partials)))


def test_timbres_differ_as_their_names_say() -> None:
    clarinet, brass = spectrum("clarinet"), spectrum("brass")
    assert clarinet[1::2].mean() < clarinet[0::2].mean() - 8
    assert brass[-1] < -15
    levels = np.stack([spectrum(family) for family in FAMILIES])
    apart = np.abs(levels[:, None] - levels[None]).mean(axis=-1)
    assert apart[~np.eye(len(FAMILIES), dtype=bool)].min() > 2


def test_voices_are_named_from_the_top() -> None:
    assert VOICES == ("soprano", "alto", "tenor", "bass")
