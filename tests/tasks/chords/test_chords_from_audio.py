"""Chords from a constant-Q transform: the task hears magnitudes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.streaming import stream_feature
from mirbricks.tasks.chords.config import ChordsConfig
from mirbricks.tasks.chords.patches import Patches, Track, level_in
from mirbricks.tasks.reading import magnitudes_of
from mirbricks.workflows.loading import load_experiment

CQT = CQTFeatureConfig(
    sr_hz=8000, fmin_hz=220, hop_length=160, n_octaves=3, bins_per_octave=12
)
GRAPH = """\
input: B C=1 F=36 T
layers:
  - Conv2d: {out_channels: 25, kernel_size: [36, 1]}
  - Squeeze: {dim: 2}
feature: {type: cqt, sr_hz: 8000, fmin_hz: 220, hop_length: 160, n_octaves: 3, bins_per_octave: 12}
task: {type: chords, compression: 10.0}
"""


def test_magnitudes_of_a_complex_transform_are_learned_from(tmp_path: Path) -> None:
    wave = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    feature = stream_feature(
        lambda: iter([(wave, 8000)]), tmp_path / "f", CQT, lambda _: None
    )
    torch.testing.assert_close(
        magnitudes_of(feature)(3, 9), feature.read(3, 9).abs(), rtol=1e-4, atol=1e-6
    )
    config = ChordsConfig(compression=10.0, transpose="bins", patch_frames=20)
    level = level_in(feature, config)
    assert level == pytest.approx(
        float(feature.magnitude().flatten(0, -2).norm(dim=0).quantile(0.9))
    )
    track = Track("a", feature, level, np.zeros(feature.n_frames, np.int64))
    batch = Patches([track], config, seed=0, batch_size=3, input_rank=4).batch(0)
    assert batch.inputs[0].shape == (3, 1, 36, 20)
    assert batch.inputs[0].dtype == torch.float32


def test_a_recording_is_predicted_from_its_transform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(GRAPH)
    experiment = load_experiment("g.yaml")
    wave = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    feature = stream_feature(
        lambda: iter([(wave, 8000)]), tmp_path / "f", CQT, lambda _: None
    )
    even = {"weight": 1.0, "first": [1 / 25] * 25, "step": [[1 / 25] * 25] * 25}
    found = experiment.task.predict(experiment.model, feature, even)
    assert found.probabilities.shape == (feature.n_frames, 25)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-4)
