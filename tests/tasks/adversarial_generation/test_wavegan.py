"""WaveGAN to the parameter trains as any GAN does: the waveform as the feature, no conditions, WGAN-GP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mirbricks.data.corpus import Corpus
from mirbricks.features.cache import FeatureCache
from mirbricks.runs.folder import RunFolder
from mirbricks.training.loop import TrainConfig, fit
from mirbricks.workflows.loading import load_experiment

EXPERIMENT = """\
extends: wavegan_generator
feature: {type: waveform, sr_hz: 8000}
dataset: {split: annotation}
task:
  type: adversarial_generation
  adversary: wavegan_discriminator
  patch_frames: 16384
  loss: wgan_gp
train: {steps: 2, batch_size: 2, lr: 1.0e-4, optimizer: adam, betas: [0.5, 0.9], weight_decay: 0.0}
"""


@pytest.mark.slow
def test_two_steps_of_wavegan(notes: Corpus, tmp_path: Path) -> None:
    (tmp_path / "wavegan.yaml").write_text(EXPERIMENT)
    experiment = load_experiment(tmp_path / "wavegan.yaml")
    task, model = experiment.task, experiment.model
    assert sum(weight.numel() for weight in model.parameters()) == 19_065_345

    cache = FeatureCache(tmp_path / "cache", experiment.feature)
    items = notes.items[:4]
    cache.build(items, n_jobs=1)
    task.check_recordings(items, items)
    learner = task.learner(items, items, cache, seed=0, batch_size=2)
    before = {
        name: model.get_parameter(name).detach().clone()
        for name in ("first.weight", "wave.weight")
    }
    critic = task.models["adversary"]
    score = critic.get_parameter("logit.weight").detach().clone()

    config = TrainConfig(**experiment.train.model_dump() | {"validate_every": 2})
    run = RunFolder(tmp_path / "run")
    fit(model, learner, config, run, beside=task.models, show=False)
    assert all(
        not torch.equal(model.get_parameter(name), own) for name, own in before.items()
    )
    assert not torch.equal(critic.get_parameter("logit.weight"), score)

    settings = task.tune(model, items, cache)
    assert settings["span"][0] == -settings["span"][1]
    (sound,) = task.generate(model, settings, n=1, conditions={}, seed=0)
    assert sound.samples.shape == (1, 16384)
    assert np.abs(sound.samples).max() <= settings["span"][1] + 1e-6
