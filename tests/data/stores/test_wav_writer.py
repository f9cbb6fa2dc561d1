"""Wav files written block by block: the bytes of a file written at once, whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data.stores import wav_writer
from mirbricks.data.stores.wav import float_wav_bytes
from mirbricks.data.stores.wav_writer import written_wav
from mirbricks.errors import DataError


@given(
    n_channels=st.integers(1, 3),
    lengths=st.lists(st.integers(0, 50), max_size=5),
    sr_hz=st.sampled_from([8000, 44_100]),
)
@settings(max_examples=30)
def test_equals_a_file_written_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    n_channels: int,
    lengths: list[int],
    sr_hz: int,
) -> None:
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    samples = np.random.default_rng(0).normal(size=(n_channels, sum(lengths)))
    samples = samples.astype(np.float32)
    with written_wav(path, sr_hz, n_channels) as writer:
        for block in np.split(samples, np.cumsum(lengths), axis=1):
            writer.write(block)
        assert not path.exists()
    assert path.read_bytes() == float_wav_bytes(samples, sr_hz)


def test_is_what_other_programs_read(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(size=(2, 999)).astype(np.float32)
    with written_wav(tmp_path / "a.wav", 22_050, 2) as writer:
        writer.write(samples[:, :500])
        writer.write(samples[:, 500:])
        assert writer.n_samples == 999
    found, sr_hz = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert sr_hz == 22_050
    np.testing.assert_array_equal(found.T, samples)


def write(path: Path, *blocks: np.ndarray, fail: bool = False) -> None:
    with written_wav(path, 8000, 2) as writer:
        for block in blocks:
            writer.write(block.astype(np.float32))
        if fail:
            raise RuntimeError


def test_nothing_stays_of_a_file_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write(path, np.zeros((2, 100)), fail=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
    assert path.read_bytes() == b"old"


def test_what_a_wav_file_cannot_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wav_writer, "MOST_BYTES", 58 + 4 * 2 * 10)
    write(tmp_path / "a.wav", np.zeros((2, 10)))
    with pytest.raises(DataError, match="too long for a wav file") as caught:
        write(tmp_path / "b.wav", np.zeros((2, 10)), np.zeros((2, 1)))
    assert caught.value.code == "E408"
    with pytest.raises(ValueError, match="blocks of 2 channels"):
        write(tmp_path / "c.wav", np.zeros((1, 10)))
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
