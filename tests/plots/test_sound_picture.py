"""Pictures of sounds: levels and frequencies are those of the sound, whatever its length, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mirbricks.plots.rainbow import (
    _constant_q,
    colours,
    phase_advance,
    rainbowgram,
)
from mirbricks.plots.sound import sound, spectrogram, waveform
from mirbricks.plots.spectrum import (
    MOST_COLUMNS,
    SILENCE_DB,
    levels_db,
    on_log_rows,
    window_length,
)
from mirbricks.plots.style import png_bytes

SR_HZ = 16000


def tone(hz: float, seconds: float = 1.0, gain: float = 1.0) -> Any:
    return gain * np.sin(2 * np.pi * hz * np.arange(int(seconds * SR_HZ)) / SR_HZ)


@pytest.mark.parametrize(("hz", "gain"), [(500.0, 1.0), (2000.0, 0.1), (6000.0, 0.01)])
def test_a_sine_has_its_level_at_its_frequency(hz: float, gain: float) -> None:
    levels, frequencies_hz, column_s = levels_db(tone(hz, gain=gain), SR_HZ)
    middle = levels[:, levels.shape[1] // 2]
    assert frequencies_hz[middle.argmax()] == hz
    assert middle.max() == pytest.approx(20 * np.log10(gain), abs=0.01)
    assert levels.shape[1] * column_s == pytest.approx(1.0, abs=2 * column_s)


def test_levels_equal_a_plain_loop_over_frames() -> None:
    noise = np.random.default_rng(0).standard_normal(3000)
    levels, _, _ = levels_db(noise, SR_HZ)
    n_fft = window_length(SR_HZ)
    padded = np.concatenate([np.zeros(n_fft // 2), noise, np.zeros(n_fft)])
    window = np.hanning(n_fft + 1)[:-1]
    for t in range(levels.shape[1]):
        frame = padded[t * n_fft // 4 :][:n_fft] * window
        expected = 20 * np.log10(2 * np.abs(np.fft.rfft(frame)) / window.sum())
        np.testing.assert_allclose(levels[:, t], expected, atol=1e-9)


def test_a_click_in_a_long_sound_is_not_between_two_columns() -> None:
    samples = np.zeros(200 * SR_HZ)
    click = 123 * SR_HZ + 77
    samples[click] = 1.0
    levels, _, column_s = levels_db(samples, SR_HZ)
    assert levels.shape[1] <= MOST_COLUMNS
    loud = np.flatnonzero(levels.max(axis=0) > SILENCE_DB)
    assert abs(loud[0] * column_s - click / SR_HZ) < 2 * column_s
    (axes,) = waveform(samples, SR_HZ).axes
    assert axes.collections[0].get_datalim(axes.transData).y1 == 1.0


def test_channels_that_cancel_each_other_are_still_seen() -> None:
    one = tone(500.0)
    levels, _, _ = levels_db(np.stack([one, -one]), SR_HZ)
    np.testing.assert_allclose(levels, levels_db(one, SR_HZ)[0], atol=1e-9)


@given(hz=st.floats(60.0, 7500.0))
@settings(max_examples=40, deadline=None)
def test_a_sine_is_in_the_row_of_its_frequency(hz: float) -> None:
    levels, frequencies_hz, _ = levels_db(tone(hz, 0.25), SR_HZ)
    rows = on_log_rows(levels, frequencies_hz, 40.0, 200)
    column = rows[:, rows.shape[1] // 2]
    edges_hz = np.geomspace(40.0, SR_HZ / 2, 201)
    found_hz = np.sqrt(edges_hz[:-1] * edges_hz[1:])[column.argmax()]
    # A row or a bin away, whichever is wider there.
    assert abs(found_hz - hz) <= max(frequencies_hz[1], 0.04 * hz)
    # The loudest is not lost between two rows.
    assert column.max() >= levels[:, levels.shape[1] // 2].max() - 6.0


@pytest.mark.parametrize("plot", [waveform, spectrogram, sound, rainbowgram])
@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(1),
        np.zeros(4000, dtype=np.float32),
        np.full(4000, np.nan),
        np.ones((2, 5000)) * 3.0,
        tone(300.0, 0.01),
    ],
    ids=["one sample", "silence", "NaN", "above full scale", "short"],
)
def test_odd_sounds_have_pictures(plot: Callable[..., Figure], samples: Any) -> None:
    figure = plot(samples, SR_HZ, "$name_ 100 %")
    assert png_bytes(figure, 30).startswith(b"\x89PNG")


@pytest.mark.parametrize("sr_hz", [8000, 22050, 44100, 48000])
def test_every_usual_rate(sr_hz: int) -> None:
    samples = np.random.default_rng(0).standard_normal(sr_hz // 4)
    for plot in (sound, rainbowgram):
        axes = plot(samples, sr_hz, "x").axes
        assert axes[0].get_xlim()[1] == pytest.approx(0.25, abs=0.02)


def test_axes_have_units() -> None:
    above, below, bar = sound(tone(440.0), SR_HZ, "a note").axes
    assert above.get_title(loc="left") == "a note"
    assert (above.get_ylabel(), below.get_ylabel()) == ("amplitude", "frequency (Hz)")
    assert below.get_xlabel() == "time (s)"
    assert "dB" in bar.get_ylabel()
    (linear, _) = spectrogram(tone(440.0), SR_HZ, scale="linear").axes
    assert linear.get_ylim() == (0.0, SR_HZ / 2)
    (note, ring) = rainbowgram(tone(440.0), SR_HZ).axes
    assert note.get_ylabel() == "frequency (Hz)"
    assert "turns" in ring.get_ylabel()


@pytest.mark.parametrize("hz", [220.0, 440.5, 1300.0])
def test_a_steady_partial_has_one_colour_its_instantaneous_frequency(hz: float) -> None:
    transform, frequencies_hz, hop_s = _constant_q(tone(hz, 1.0), SR_HZ)
    loudest = int(np.abs(transform).sum(axis=1).argmax())
    assert abs(np.log2(frequencies_hz[loudest] / hz)) <= 1 / 40
    advance = phase_advance(transform)[loudest, 15:-15]
    turns = hz * hop_s
    off = (advance - turns + 0.5) % 1.0 - 0.5
    assert np.abs(off).max() < 0.002
    hues = colours(transform)[loudest, 15:-15]
    assert hues.std(axis=0).max() < 0.05


def test_what_is_70_db_under_the_loudest_is_black() -> None:
    transform = np.array([[1.0 + 0j, 1.0], [1e-4, 1e-4]])
    painted = colours(transform)
    assert painted[0].max() == pytest.approx(1.0)
    assert painted[1].max() == 0.0
    assert colours(np.zeros((3, 4), dtype=complex)).max() == 0.0
