"""A pitch followed as it comes is the pitch of the whole recording, a fixed time later."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import mirbricks as mb
from mirbricks.errors import TaskError
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.hcqt import HCQTFeature
from mirbricks.tasks.f0 import F0Config, F0Estimation, F0Frames, F0Stream
from mirbricks.tasks.tagging import Tagging, TaggingConfig

FEATURE = CQTFeatureConfig(
    n_octaves=8, bins_per_octave=36, hop_length=220, gamma_hz=10.5
)
TUNED = {"threshold": 0.5, "offset_bins": 0.25}


@pytest.fixture(scope="module", params=["f0_small", "f0_pesto"])
def model(request: pytest.FixtureRequest) -> Any:
    """A graph with weights as they are drawn, in the form that `mirbricks.load` gives."""
    torch.manual_seed(0)
    learning = "equivariant" if request.param == "f0_pesto" else "supervised"
    task = F0Estimation(F0Config(learning=learning), FEATURE)
    module = mb.compile_graph(request.param)
    return SimpleNamespace(
        task=task, module=module, settings=SimpleNamespace(tuned=TUNED)
    )


def recording(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    time_s = np.arange(round(seconds * FEATURE.sr_hz)) / FEATURE.sr_hz
    sound = sum(np.sin(2 * np.pi * 330 * k * time_s) / k for k in range(1, 5))
    swelling = np.minimum(time_s / seconds * 2, 1.0)
    noise = rng.normal(0, 0.001, len(time_s))
    return (0.2 * sound * swelling + noise).astype(np.float32)


def streamed(stream: F0Stream, wave: np.ndarray, sizes: list[int]) -> F0Frames:
    """All frames of a recording that comes in pieces of these sizes, over and over."""
    pieces = []
    start = number = 0
    while start < len(wave):
        stop = start + sizes[number % len(sizes)]
        pieces.append(stream.push(wave[start:stop]))
        start = stop
        number += 1
    pieces.append(stream.flush())
    return F0Frames(
        *map(np.concatenate, zip(*(piece[:4] for piece in pieces), strict=True))
    )


@pytest.mark.parametrize("sizes", [[100_000], [2048], [1, 4000, 0, 700]])
def test_a_stream_is_the_prediction(model: Any, sizes: list[int]) -> None:
    wave = recording(0.8)
    hcqt = HCQTFeature(FEATURE)(torch.from_numpy(wave)[None])[0]
    whole = model.task.predict(model.module, hcqt, TUNED)
    stream = F0Stream(model, peak=float(hcqt.abs().max()))
    # Twice: after a flush the stream is as new.
    for _ in range(2):
        found = streamed(stream, wave, sizes)
        np.testing.assert_allclose(found.times_s, whole.times_s)
        np.testing.assert_allclose(found.voicing, whole.voicing, atol=1e-4)
        loud = whole.voicing > 0.05
        np.testing.assert_allclose(found.hz[loud], whole.hz[loud], rtol=1e-4)
        assert (found.voiced == (found.voicing >= 0.5)).all()


def test_without_a_known_peak_the_pieces_do_not_matter(model: Any) -> None:
    wave = recording(0.6)
    one = streamed(F0Stream(model), wave, [100_000])
    other = streamed(F0Stream(model), wave, [1500, 41])
    np.testing.assert_allclose(one.voicing, other.voicing, atol=1e-4)
    np.testing.assert_allclose(one.times_s, other.times_s)


def test_frames_come_after_the_latency_and_not_later(model: Any) -> None:
    stream = F0Stream(model)
    assert 0.03 < stream.latency_s < 0.4
    wait = round(stream.latency_s * FEATURE.sr_hz)
    wave = recording(0.5)
    assert len(stream.push(wave[: wait - 1]).times_s) == 0
    assert stream.push(wave[wait - 1 : wait]).times_s.tolist() == [0.0]
    ten_later = wait + 10 * FEATURE.hop_length
    assert len(stream.push(wave[wait:ten_later]).times_s) == 10
    silent = F0Stream(model).flush()
    assert len(silent.times_s) == 0


def test_a_model_of_another_task_is_refused() -> None:
    tagging = SimpleNamespace(task=Tagging(TaggingConfig(patch_frames=8), FEATURE))
    with pytest.raises(TaskError) as caught:
        F0Stream(tagging)
    assert str(caught.value) == (
        "a model of the task 'tagging' does not follow one pitch\n  help: take a model of the task f0     [E517]"
    )


def test_blocks_of_a_prediction_are_one_pass(model: Any) -> None:
    hcqt = HCQTFeature(FEATURE)(torch.from_numpy(recording(1.2))[None])[0]
    whole = model.task.predict(model.module, hcqt, TUNED)
    config = model.task.config.model_copy(update={"predict_frames": 50})
    blocks = F0Estimation(config, FEATURE).predict(model.module, hcqt, TUNED)
    np.testing.assert_allclose(blocks.voicing, whole.voicing, atol=1e-4)
    loud = whole.voicing > 0.05
    np.testing.assert_allclose(blocks.hz[loud], whole.hz[loud], rtol=1e-4)
