"""Features as tasks read them: from the disk, from memory, and as models see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.hcqt import HCQTFeatureConfig, to_scale
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.streaming import stream_feature
from mirbricks.tasks.reading import (
    InMemory,
    Recorded,
    as_recorded,
    as_seen,
    magnitudes_of,
)

CQT = CQTFeatureConfig(
    sr_hz=8000, fmin_hz=220, hop_length=160, n_octaves=3, bins_per_octave=12
)
NOISE = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)


def recorded(folder: Path, config: HCQTFeatureConfig | LogMelFeatureConfig) -> Recorded:
    found = stream_feature(
        lambda: iter([(NOISE, 8000)]), folder / "f", config, lambda _: None
    )
    assert isinstance(found.n_frames, int)
    return found


@pytest.mark.parametrize("scale", ["db", "log", "linear"])
def test_a_transform_is_seen_in_its_scale(tmp_path: Path, scale: str) -> None:
    config = CQT.model_copy(update={"scale": scale})
    feature = recorded(tmp_path, config)
    seen = as_seen(feature, config)
    expected = to_scale(feature.read(5, 20).abs(), scale, feature.peak)
    torch.testing.assert_close(seen.read(5, 20), expected, rtol=1e-4, atol=1e-4)
    assert (seen.n_frames, seen.shape, seen.is_complex) == (101, (1, 36), False)
    assert torch.equal(seen.read()[..., 5:20], seen.read(5, 20))
    # Either a cached feature or the same values in a tensor.
    memory = as_seen(feature.read(), config)
    torch.testing.assert_close(memory.read(), seen.read(), rtol=1e-3, atol=1e-3)


def test_real_features_are_seen_as_they_are(tmp_path: Path) -> None:
    config = LogMelFeatureConfig(sr_hz=8000, n_fft=512, hop_length=256, n_mels=16)
    feature = recorded(tmp_path, config)
    assert as_seen(feature, config) is feature
    x = torch.randn(3, 10)
    assert torch.equal(as_seen(x, config).read(), x)
    assert torch.equal(magnitudes_of(InMemory(x))(2, 4), x[:, 2:4])


def test_a_tensor_is_read_as_a_feature_is() -> None:
    x = torch.complex(torch.randn(2, 3, 9), torch.randn(2, 3, 9))
    memory = as_recorded(x)
    assert (memory.n_frames, memory.shape, memory.is_complex) == (9, (2, 3), True)
    assert memory.peak == pytest.approx(float(x.abs().max()))
    assert torch.equal(memory.read(2, 5), x[..., 2:5])
    assert torch.equal(magnitudes_of(memory)(2, 5), x[..., 2:5].abs())
    assert as_recorded(memory) is memory
