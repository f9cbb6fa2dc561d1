"""A wav file holds the samples themselves: libsndfile reads back what was written."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mirbricks.data.stores.wav import float_wav_bytes, wav_bytes


@given(
    samples=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(0, 50)),
        elements=st.floats(-2, 2, width=32),
    ),
    sr_hz=st.sampled_from([8000, 16000, 44100]),
)
def test_what_is_written_is_read(samples: np.ndarray, sr_hz: int) -> None:
    read, rate = soundfile.read(
        io.BytesIO(wav_bytes(samples, sr_hz)), dtype="int16", always_2d=True
    )
    assert rate == sr_hz
    clipped = np.clip(samples.astype(np.float64), -1, 1)
    np.testing.assert_array_equal(read.T, np.rint(clipped * 32767))


def test_one_channel_may_be_a_vector() -> None:
    samples = np.linspace(-1, 1, 9)
    assert wav_bytes(samples, 8000) == wav_bytes(samples[None], 8000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_silent_or_full_scale(bad: float) -> None:
    read, _ = soundfile.read(io.BytesIO(wav_bytes(np.array([bad]), 8000)))
    expected = 0.0 if np.isnan(bad) else np.sign(bad) * 32767 / 32768
    assert read[0] == expected


@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (1, 777), (2, 100), (5, 3)])
def test_floating_point_numbers_come_back_to_the_bit(shape: tuple[int, int]) -> None:
    samples = np.random.default_rng(0).normal(0, 2, shape).astype(np.float32)
    content = float_wav_bytes(samples, 22050)
    read, sr_hz = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    assert sr_hz == 22050
    assert np.array_equal(read.T, samples)
    # No time of day is in it, as it is in the files of libsndfile.
    assert b"PEAK" not in content
