"""Examples put together from solo recordings, and the mixes of stems in the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mirbricks.data.corpus import Corpus
from mirbricks.errors import TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.tagging import Tagging, TaggingConfig
from mirbricks.tasks.tagging.remix import Remix

Tones = Callable[..., Corpus]
FEATURE = LogMelFeatureConfig(
    sr_hz=8000, n_fft=512, hop_length=256, n_mels=16, dtype="float32"
)
REMIX = TaggingConfig(patch_frames=16, remix=1.0, remix_gain_db=0.0)
LABELS = {"0.wav": ["low"], "1.wav": ["high"], "2.wav": ["low", "high"], "3.wav": []}
TRUTH = np.array([[0, 1], [1, 0], [1, 1], [0, 0]], bool)  # high, low


def features_of(
    corpus: Corpus, folder: Path, feature: LogMelFeatureConfig | WaveformFeatureConfig
) -> list[object]:
    cache = FeatureCache(folder / "cache", feature)
    assert cache.build(corpus.items, n_jobs=1) == []
    return [cache.open(item.key) for item in corpus.items]


def test_energies_of_solos_add_up(tones: Tones, tmp_path: Path) -> None:
    features = features_of(
        tones(LABELS, seconds=16 * 256 / 8000 - 0.03), tmp_path, FEATURE
    )  # one patch: no choice
    remix = Remix(["a"] * 4, features, TRUTH, REMIX, FEATURE)
    own = [FEATURE.energies(feature.read(0, 16)) for feature in features[:2]]
    for seed in range(4):
        found = remix.patch(2, np.random.default_rng(seed))
        torch.testing.assert_close(
            found, FEATURE.compressed(own[0] + own[1]), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("feature", [FEATURE, WaveformFeatureConfig(sr_hz=8000)])
def test_gains_are_in_decibels(
    tones: Tones, tmp_path: Path, feature: LogMelFeatureConfig | WaveformFeatureConfig
) -> None:
    features = features_of(tones(LABELS, seconds=0.5), tmp_path, feature)
    config = REMIX.model_copy(
        update={"remix_gain_db": 12.0, "patch_frames": features[0].n_frames}
    )
    logmel = feature if isinstance(feature, LogMelFeatureConfig) else None
    remix = Remix(["a"] * 4, features, TRUTH, config, logmel)
    own = features[0].read(0, features[0].n_frames)
    loudest = own.flatten().abs().argmax()
    gains_db = []
    for seed in range(40):
        found = remix.patch(0, np.random.default_rng(seed))
        if logmel is None:
            ratio = found.flatten()[loudest] / own.flatten()[loudest]
            gains_db.append(20 * float(torch.log10(ratio)))
        else:
            ratio = (
                logmel.energies(found).flatten()[loudest]
                / logmel.energies(own).flatten()[loudest]
            )
            gains_db.append(10 * float(torch.log10(ratio)))
    assert -12.01 < min(gains_db) < -6
    assert 6 < max(gains_db) < 12.01


def test_half_of_the_examples_keep_to_the_piece(tones: Tones, tmp_path: Path) -> None:
    labels = {"0.wav": ["low"], "1.wav": ["low"], "2.wav": ["low"], "3.wav": ["high"]}
    features = features_of(tones(labels, seconds=0.49), tmp_path, FEATURE)
    truth = np.array([[0, 1], [0, 1], [0, 1], [1, 0]], bool)
    remix = Remix(["a", "b", "c", "d"], features, truth, REMIX, FEATURE)
    own = features[0].read(0, 16)
    same = [
        torch.allclose(remix.patch(0, np.random.default_rng(seed)), own, atol=1e-3)
        for seed in range(300)
    ]
    assert 0.58 < np.mean(same) < 0.75  # one half, and of the other a third by chance


def test_labels_that_nobody_has_alone_are_not_put_together(
    tones: Tones, tmp_path: Path
) -> None:
    features = features_of(tones(LABELS, seconds=0.5), tmp_path, FEATURE)
    rng = np.random.default_rng(0)
    assert Remix(["a"] * 4, features, TRUTH, REMIX, FEATURE).patch(3, rng) is None
    only_mixed = np.array([[0, 1], [0, 1], [1, 1], [0, 0]], bool)
    assert Remix(["a"] * 4, features, only_mixed, REMIX, FEATURE).patch(2, rng) is None


def test_a_batch_with_remixes_is_a_function_of_seed_and_step(
    tones: Tones, tmp_path: Path
) -> None:
    corpus = tones(LABELS)
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    assert cache.build(corpus.items, n_jobs=1) == []
    task = Tagging(
        REMIX.model_copy(update={"remix": 0.5, "remix_gain_db": 6.0}), FEATURE
    )
    task.check_shapes(("B", 16, "T"), ("B", 2))
    one, again = (
        task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=12).batch(3)
        for _ in range(2)
    )
    assert torch.equal(one.inputs[0], again.inputs[0])
    rows = {item.key: truth for item, truth in zip(corpus.items, TRUTH, strict=True)}
    np.testing.assert_array_equal(
        one.targets.numpy(), [rows[name] for name in one.items]
    )


def test_values_that_cannot_be_added() -> None:
    task = Tagging(REMIX, HCQTFeatureConfig())
    with pytest.raises(TaskError) as error:
        task.check_shapes(("B", 6, 360, "T"), ("B", 2))
    assert str(error.value) == (
        "task.remix adds sounds, and values of the feature 'hcqt' cannot be added\n"
        "  help: take the feature logmel or waveform, or leave task.remix out     [E501]"
    )


@pytest.mark.parametrize("setting", [{"mix_stems": True}, {"remix": 0.5}])
def test_one_label_and_mixes(setting: dict[str, float]) -> None:
    name = next(iter(setting))
    with pytest.raises(
        ValueError,
        match=f"'{name}' makes recordings with several labels, and 'labels' is one",
    ):
        TaggingConfig(patch_frames=16, labels="one", **setting)


def test_the_task_hears_mixes_only_where_it_is_told_to(bach10: Path) -> None:
    items = Corpus.open(bach10).items
    told = TaggingConfig(annotation="instrument", patch_frames=16, mix_stems=True)
    assert len(Tagging(told, FEATURE).recordings(items)) == 150
    alone = told.model_copy(update={"mix_stems": False})
    assert list(Tagging(alone, FEATURE).recordings(items)) == list(items)
