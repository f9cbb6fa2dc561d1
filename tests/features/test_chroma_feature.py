"""The feature `chroma` against librosa, in tune and out of tune; chroma per beat."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from mirbricks.errors import DataError
from mirbricks.features.beats import beat_synchronous
from mirbricks.features.chroma import ChromaFeature, ChromaFeatureConfig
from mirbricks.features.folding import pitch_classes

ORDERS = {"max": np.inf, "l1": 1, "l2": 2, None: None}


def chords(
    semitones_off: float = 0.0, duration_s: float = 2.0, seed: int = 0
) -> NDArray[np.float32]:
    """C, F, G and a minor with harmonics and a little noise, out of tune by so many semitones."""
    t = np.arange(int(duration_s * 22050)) / 22050
    wave = 0.005 * np.random.default_rng(seed).standard_normal(len(t))
    for i, midis in enumerate(([48, 64, 67], [53, 69, 72], [43, 62, 71], [57, 60, 64])):
        on = (t >= i * duration_s / 4) & (t < (i + 1) * duration_s / 4)
        for midi in midis:
            hz = 440 * 2 ** ((midi + semitones_off - 69) / 12)
            wave += on * sum(
                0.1 / k * np.sin(2 * np.pi * hz * k * t + k) for k in range(1, 7)
            )
    return wave.astype(np.float32)


def librosa_chroma(
    wave: NDArray[np.float32], config: ChromaFeatureConfig, tuning: float | None
) -> NDArray[np.float32]:
    chroma: NDArray[np.float32] = librosa.feature.chroma_cqt(
        y=wave, sr=config.sr_hz, hop_length=config.hop_length, fmin=config.fmin_hz, n_octaves=config.n_octaves,
        bins_per_octave=config.bins_per_octave, n_chroma=config.n_chroma, norm=ORDERS[config.norm], tuning=tuning,
        threshold=None,
    )  # fmt: skip
    return chroma


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize("norm", list(ORDERS))
@pytest.mark.parametrize(
    ("fmin", "bins_per_octave"), [("C1", 36), ("A1", 24), ("F#2", 12), ("C2", 60)]
)
def test_as_librosa_does_in_tune(norm: Any, fmin: str, bins_per_octave: int) -> None:
    fmin_hz = float(librosa.note_to_hz(fmin))
    config = ChromaFeatureConfig(
        n_octaves=5,
        bins_per_octave=bins_per_octave,
        fmin_hz=fmin_hz,
        norm=norm,
        tuning_semitones=0.0,
    )
    wave = chords()
    found = ChromaFeature(config)(torch.from_numpy(wave)[None])[0].numpy()
    np.testing.assert_allclose(
        found, librosa_chroma(wave, config, 0.0), rtol=0.01, atol=0.003
    )


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize("semitones_off", [-0.45, -0.3, -0.1, 0.0, 0.05, 0.25, 0.4])
def test_the_tuning_is_found_and_taken_away(semitones_off: float) -> None:
    transform, config = ChromaFeature(ChromaFeatureConfig()), ChromaFeatureConfig()
    wave = torch.from_numpy(chords(semitones_off))[None]
    assert float(transform.tuning_semitones(wave)) == pytest.approx(
        semitones_off, abs=0.02
    )
    found = transform(wave)[0].numpy()
    expected = librosa_chroma(wave[0].numpy(), config, 3 * semitones_off)  # in bins
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98
    in_tune = transform(torch.from_numpy(chords())[None])[0].numpy()
    assert np.corrcoef(found.ravel(), in_tune.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("semitones_off", [-0.2, 0.0, 0.15, 0.35])
def test_the_tuning_is_librosas(semitones_off: float) -> None:
    wave = chords(semitones_off, 3.0)
    theirs = librosa.estimate_tuning(y=wave, sr=22050)
    ours = float(
        ChromaFeature(ChromaFeatureConfig()).tuning_semitones(
            torch.from_numpy(wave)[None]
        )
    )
    assert ours == pytest.approx(theirs, abs=0.03)


def test_every_item_of_a_batch_has_its_own_tuning() -> None:
    transform = ChromaFeature(ChromaFeatureConfig(n_octaves=5))
    waves = torch.from_numpy(np.stack([chords(-0.3), chords(0.2), 0 * chords()]))
    tuning = transform.tuning_semitones(waves)
    torch.testing.assert_close(
        tuning, torch.tensor([-0.3, 0.2, 0.0], dtype=torch.float64), rtol=0, atol=0.02
    )
    for wave, one in zip(waves, transform(waves), strict=True):
        torch.testing.assert_close(transform(wave[None])[0], one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_chroma", [12, 24])
@pytest.mark.parametrize("fmin_hz", [32.7, 36.71, 55.0, 57.0])
def test_bin_0_is_c_wherever_the_lowest_bin_is(n_chroma: int, fmin_hz: float) -> None:
    transform = ChromaFeature(
        ChromaFeatureConfig(
            fmin_hz=fmin_hz, n_octaves=5, bins_per_octave=72, n_chroma=n_chroma
        )
    )
    t = torch.arange(12_000) / 22050
    for pitch_class, hz in enumerate(261.626 * 2 ** (np.arange(12) / 12)):
        chroma = transform(torch.sin(2 * torch.pi * hz * t)[None])
        assert (chroma[0, :, 8:-8].argmax(0) == pitch_class * n_chroma // 12).all()


@pytest.mark.parametrize(
    ("bins_per_octave", "n_chroma"),
    [(12, 12), (24, 12), (36, 12), (60, 12), (72, 24), (36, 36)],
)
def test_every_bin_is_given_out_whole_and_moves_evenly(
    bins_per_octave: int, n_chroma: int
) -> None:
    shifts = torch.tensor([-0.5, -0.13, 0.0, 1e-9, 0.2, 0.5, 1.0])
    classes = pitch_classes(55.0, bins_per_octave, n_chroma, shifts)
    torch.testing.assert_close(
        classes.sum(dim=1), torch.ones(7, bins_per_octave, dtype=torch.float64)
    )
    share = bins_per_octave / n_chroma
    torch.testing.assert_close(
        classes.sum(dim=2), torch.full((7, n_chroma), share, dtype=torch.float64)
    )
    assert set(classes[2].unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(
        classes[6], classes[2].roll(n_chroma // 12, dims=0), rtol=0, atol=1e-4
    )


def test_a_fold_of_no_whole_bins_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        ChromaFeatureConfig(bins_per_octave=40)
    assert [error["msg"] for error in caught.value.errors()] == [
        "Value error, bins_per_octave 40 is not a multiple of n_chroma 12: "
        "a pitch class would have no whole number of bins"
    ]


@pytest.mark.parametrize("take", ["mean", "median"])
def test_per_beat_as_librosa_does(take: Any) -> None:
    values = torch.rand(2, 12, 100, generator=torch.Generator().manual_seed(0))
    times_s = torch.arange(100, dtype=torch.float64) * 0.02
    frames = [3, 20, 21, 50, 77]
    found = beat_synchronous(
        values, times_s, [frame * 0.02 - 1e-9 for frame in frames], take
    )
    expected = librosa.util.sync(
        values.numpy(), frames, aggregate=getattr(np, take), pad=False
    )
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_a_beat_between_two_frames_takes_the_nearest() -> None:
    values, times_s = torch.arange(10.0), torch.arange(10, dtype=torch.float64)
    assert beat_synchronous(values, times_s, [1.5, 3.5, 3.6, 3.9, 8.0]).tolist() == [
        2.5,
        4.0,
        4.0,
        5.5,
    ]
    assert beat_synchronous(values, times_s, [20.0, 30.0]).tolist() == [9.0]


@pytest.mark.parametrize(
    ("beats_s", "got"),
    [
        ([], "0"),
        ([1.0], "1"),
        ([1.0, 3.0, 2.5], "3 s and then 2.5 s"),
        ([1.0, 1.0], "1 s and then 1 s"),
        ([0.5, float("nan")], "0.5 s and then nan s"),
        ([0.5, float("inf")], "0.5 s and then inf s"),
        ([[1.0, 2.0]], "a tensor of shape (1, 2)"),
    ],
)
def test_beats_that_are_none_are_refused(beats_s: Any, got: str) -> None:
    with pytest.raises(DataError) as caught:
        beat_synchronous(torch.rand(12, 9), torch.arange(9.0), beats_s)
    assert str(caught.value) == (
        f"beats are two or more increasing times in seconds, got {got}\n"
        "  help: give the times of the beats as the annotation or the beat tracker has them, sorted     [E458]"
    )
