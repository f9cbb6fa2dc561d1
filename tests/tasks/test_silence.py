"""Recordings shorter than a patch are filled up with the feature's own silence, as if it had followed in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.features.base import features
from mirbricks.features.cache import FeatureCache
from mirbricks.features.kinds import feature_of
from mirbricks.features.logmel import LogMelFeature, LogMelFeatureConfig
from mirbricks.tasks.recordings import mean_over_patches
from mirbricks.tasks.self_supervised import SelfSupervised, SelfSupervisedConfig
from mirbricks.tasks.tagging import Tagging, TaggingConfig

# The corpora are small on purpose: one chunk per recording, one label each.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*no longer than a chunk"),
    pytest.mark.filterwarnings("ignore:every recording that trains"),
]


FEATURE = LogMelFeatureConfig(
    sr_hz=8000,
    n_fft=512,
    hop_length=256,
    n_mels=8,
    dtype="float32",
    scale="db",
    floor_db=-90,
)
SHORT, PATCH = 10, 16


@pytest.fixture
def short(tmp_path: Path) -> tuple[Corpus, FeatureCache]:
    """Four recordings of 10 frames."""
    rng, text = np.random.default_rng(0), Definition("global", "text")
    audio = [
        (f"{i}.wav", rng.standard_normal(SHORT * 256 - 1).astype(np.float32), 8000)
        for i in range(4)
    ]
    write_audio(tmp_path / "c_audio.hdf5", iter(audio))
    entries = [
        Entry({"filepath": (Atom(key),), "tag": (Atom("ab"[i % 2]),)})
        for i, (key, _, _) in enumerate(audio)
    ]
    Pyjama({"filepath": text, "tag": text}, entries).save(tmp_path / "c.pyjama")
    corpus, cache = Corpus.open(tmp_path), FeatureCache(tmp_path / "cache", FEATURE)
    assert cache.build(corpus.items) == []
    return corpus, cache


class Seen(nn.Module):
    """Keeps what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.x = torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.mean(-1)[:, :2] * self.scale


def of_batch(learner: Any) -> Tensor:
    x: Tensor = learner.batch(0).inputs[0]
    return x


def tagging(
    corpus: Corpus, cache: FeatureCache, **settings: Any
) -> tuple[Tagging, Any]:
    task = Tagging(
        TaggingConfig(**{"labels": "one", "patch_frames": PATCH, **settings}), FEATURE
    )
    task.check_shapes(("B", 8, "T"), ("B", 2))
    return task, task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)


def encoding(corpus: Corpus, cache: FeatureCache) -> tuple[SelfSupervised, Any]:
    task = SelfSupervised(SelfSupervisedConfig(patch_frames=PATCH), FEATURE)
    task.check_shapes(("B", 8, "T"), ("B", 2))
    return task, task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)


@pytest.mark.parametrize("make", [tagging, encoding])
def test_a_task_fills_up_with_silence(
    short: tuple[Corpus, FeatureCache],
    make: Callable[..., tuple[Any, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus, cache = short
    task, learner = make(corpus, cache)
    capsys.readouterr()
    assert ((of_batch(learner) == -90).all(1).sum(-1) == PATCH - SHORT).all()
    model = Seen()
    task.predict(
        model,
        cache.open("0.wav"),
        {"labels": [] if make is encoding else ["a", "b"], "thresholds": []},
    )
    assert (model.x[..., SHORT:] == -90).all()
    assert (model.x[..., :SHORT] > -90).all()


def test_remixes_fill_up_with_silence(short: tuple[Corpus, FeatureCache]) -> None:
    _, learner = tagging(*short, labels="several", remix=1.0)
    assert (of_batch(learner) < -80).all(1).any(-1).all()


def test_the_mean_over_patches_fills_up(short: tuple[Corpus, FeatureCache]) -> None:
    model = Seen()
    feature = short[1].open("0.wav")
    mean = mean_over_patches(
        model, feature, PATCH, lambda y: y, silence=FEATURE.silence
    )
    assert (model.x[..., SHORT:] == -90).all()
    # The model's output is the mean over the patch, of which all but the recording is silence.
    filled = torch.full((2, PATCH), FEATURE.silence)
    filled[:, :SHORT] = feature.read(0, SHORT)[:2]
    np.testing.assert_allclose(mean, filled.mean(dim=1), rtol=1e-5)


def test_silence_is_what_the_transform_gives_of_it() -> None:
    computed = [
        name
        for name in features()
        if name not in ("given", "fourier_2d", "hcqt", "cqt")
    ]
    for name in computed:
        config = features()[name].Config()
        found = feature_of(config)(torch.zeros(1, 3 * config.sr_hz))
        torch.testing.assert_close(
            found, torch.full_like(found, config.silence), atol=1e-6, rtol=0
        )
    assert float(LogMelFeature(FEATURE)(torch.zeros(1, 8000)).max()) == FEATURE.silence
