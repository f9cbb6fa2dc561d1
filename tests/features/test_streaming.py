"""Features of a recording read in blocks, against those of the whole."""

from __future__ import annotations

import weakref
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mirbricks.errors import DataError
from mirbricks.features import extract
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.features.streaming import stream_feature

SMALL = HCQTFeatureConfig(
    sr_hz=8000,
    harmonics=(1, 2),
    fmin_hz=110,
    n_octaves=3,
    bins_per_octave=12,
    hop_length=160,
)
AUDIO = np.random.default_rng(0).standard_normal(50_001).astype(np.float32)


class Recording:
    key = "a.wav"

    def __init__(self, sr_hz: int) -> None:
        self.sr_hz = sr_hz

    def read(self) -> tuple[NDArray[np.float32], int]:
        return AUDIO, self.sr_hz

    def blocks(self, size: int) -> Iterator[tuple[NDArray[np.float32], int]]:
        return ((AUDIO[i : i + size], self.sr_hz) for i in range(0, len(AUDIO), size))


@pytest.mark.parametrize("sr_hz", [8000, 16000, 11025])
@pytest.mark.parametrize("size", [3000, 1 << 20])
def test_blocks_give_what_the_whole_gives(
    tmp_path: Path, sr_hz: int, size: int
) -> None:
    recording = Recording(sr_hz)
    shares: list[float] = []
    found = stream_feature(
        lambda: recording.blocks(size), tmp_path / "x.safetensors", SMALL, shares.append
    )
    cache = FeatureCache(tmp_path / "cache", SMALL)
    assert cache.build([recording], n_jobs=1) == []
    expected = cache.open("a.wav")
    assert found.n_frames == expected.n_frames
    torch.testing.assert_close(
        found.magnitude(), expected.magnitude(), rtol=2e-3, atol=1e-3 * expected.peak
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_recording_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def blocks() -> Iterator[tuple[NDArray[np.float32], int]]:
        yield AUDIO, 8000
        raise DataError("broken", code="E430")

    with pytest.raises(DataError, match="broken"):
        stream_feature(blocks, tmp_path / "x.safetensors", SMALL, lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("storage", ["complex", "float32"])
def test_a_piece_is_gone_before_the_next_one_is_computed(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them would be the largest part of the memory of a prediction."""
    kept: list[weakref.ref[NDArray[np.generic]]] = []

    class Pieces:
        counted = True

        def stream(self, _: object) -> Iterator[torch.Tensor]:
            for _ in range(3):
                assert all(one() is None for one in kept)
                values = np.ones((1, 2, 3, 4), np.complex64)
                if storage != "complex":
                    values = values.real.copy()
                # The memory of the tensor, and of every view of it, is that of the array.
                kept.append(weakref.ref(values))
                piece = torch.from_numpy(values)
                del values
                yield piece
                del piece

        def n_frames(self, n_samples: int) -> int:
            return 3 * n_samples

    config = Namespace(storage=storage, shape=(2, 3))
    monkeypatch.setattr(extract, "_transform", lambda _: Pieces())
    extract.write_wave(tmp_path / "feature", [], 4, config, {})
    assert len(kept) == 3
