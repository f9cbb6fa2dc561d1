"""A GAN of short clips, a task of two graphs in one file: noise to waveforms."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from mirbricks import tasks
from mirbricks.errors import TaskError
from mirbricks.features.waveform import WaveformFeatureConfig
from pydantic import Field, PositiveInt
from torch.nn import functional


class ClipGanConfig(tasks.TaskConfig):
    """The section `task: {type: clip_gan}`."""

    type: Literal["clip_gan"] = Field("clip_gan", description="the task")
    adversary: str = Field(description="the graph of the discriminator")
    clip_samples: PositiveInt = Field(2048, description="samples of a clip")
    noise: PositiveInt = Field(16, description="numbers that a clip is made from")


@tasks.register_task("clip_gan")
class ClipGan(tasks.Task):
    """Clips from noise: the graph makes (B, 1, N) of (B, D), its adversary scores them.

    Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.
    """

    Config = ClipGanConfig
    title = "clips from noise"
    headline = ("distance_db", "distance_real_db")
    features = (WaveformFeatureConfig,)
    parts = {"adversary": "graph"}  # the setting that names a graph to train beside
    logits = False
    generates = True

    def needs(self):
        return tasks.NeedsByName(
            inputs={"noise": ("B", self.config.noise)},
            outputs={"clip": ("B", 1, self.config.clip_samples)},
            reads=f"{self.config.noise} numbers of noise",
            gives=f"clips of {self.config.clip_samples} samples",
        )

    def check_graph(self, model):
        """Both graphs, before any data is read."""
        super().check_graph(model)
        # A packed model comes without its adversary.
        if "adversary" in self.models:
            critic = self.models["adversary"]
            tasks.NeedsByName(
                inputs={"clip": ("B", 1, self.config.clip_samples)},
                outputs={"score": ("B", 1)},
                reads="what the generator gives",
                gives="one score per clip",
            ).refuse_misfit(
                critic.input_shapes, critic.output_shapes, critic.graph.where_input()
            )

    def tracks(self, items):
        found = [item for item in items if item.stem_of is None]
        if not found:
            raise TaskError("there are no recordings", code="E503")
        return found

    def truth(self, item):
        return None

    def learner(self, train, valid, cache, *, seed, batch_size):
        features = [(item.key, cache.open(item.key)) for item in self.tracks(train)]
        clips = Clips(self, features, seed, batch_size)
        return ClipLearner(self, clips, self.tracks(valid), cache)

    def validation_learner(self, valid, cache, *, seed, batch_size):
        """No batches whose loss is logged: the score of an adversary is not one."""

    def made(self, model, n, seed):
        """Clips (n, N) from noise that depends on the seed alone."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(n, self.config.noise, generator=generator)
        with tasks.evaluating(model):
            clips = model(noise.to(next(model.parameters()).device))
        return clips[:, 0].float().cpu()

    def distance_db(self, clips, others):
        """How far the mean spectra of two sets of clips (n, N) lie apart."""
        levels = []
        for own in (clips, others):
            power = torch.fft.rfft(own.double()).abs().square().mean(dim=0)
            levels.append(10 * torch.log10(power + 1e-8))
        return float((levels[0] - levels[1]).abs().mean())

    def figures(self, model, items, cache):
        size = self.config.clip_samples
        real = [cut(cache.open(item.key), size) for item in items]
        real = torch.stack(real)[:, 0]
        found = {"distance_db": self.distance_db(self.made(model, 64, 0), real)}
        if len(real) > 1:
            found["distance_real_db"] = self.distance_db(real[::2], real[1::2])
        return found

    def evaluate(self, model, items, cache, settings, on_track=tasks.unseen):
        tracks = self.tracks(items)
        figures = self.figures(model, tracks, cache)
        for item in tracks:
            on_track(item.key)
        return tasks.Evaluation(figures, {item.key: {} for item in tracks})

    def predict(self, model, feature, settings, on_share=tasks.unseen):
        message = "this model makes clips and reads no recordings"
        raise TaskError(message, code="E514", help="use `mirbricks generate`")

    def generate(self, model, settings, *, n, conditions, seed, on_share=tasks.unseen):
        if conditions:
            raise TaskError("clips have no conditions", code="E560")
        clips = self.made(model, n, seed)
        on_share(1.0)
        return [tasks.Sound.of(clip, self.feature.sr_hz) for clip in clips]


def cut(feature, size, start=0):
    """(1, size) samples of a recording from `start` on, with silence behind its end."""
    clip = feature.read(start, min(start + size, feature.n_frames))
    return functional.pad(clip, (0, size - clip.shape[-1]))


class Clips(tasks.PatchBatches):
    """Real clips from anywhere in the recordings, and noise for the turns."""

    def __init__(self, task, features, seed, batch_size):
        super().__init__(seed=seed, batch_size=batch_size, input_rank=3)
        self.config = task.config
        self.features = features

    def draw(self, step, rng):
        clips, names = [], []
        for row in rng.integers(len(self.features), size=self.batch_size):
            name, feature = self.features[row]
            spare = max(feature.n_frames - self.config.clip_samples, 0)
            start = int(rng.integers(spare + 1))
            clips.append(cut(feature, self.config.clip_samples, start))
            names.append(f"{name} at sample {start}")
        shape = (self.batch_size, self.config.noise)
        noise = torch.from_numpy(rng.standard_normal(shape, np.float32))
        return tasks.Batch((torch.stack(clips),), {"noise": noise}, tuple(names))


class ClipLearner(tasks.PatchLearner):
    """Two turns per step: the adversary's, then the model's."""

    figure = "distance_db"
    smaller_is_better = True

    def turns(self, model):
        critic = self.task.models["adversary"]

        def judging(batch):
            # The loop lets each turn move its own graph only; this saves the gradient.
            with torch.no_grad():
                made = model(batch.targets["noise"])
            real = functional.softplus(-critic(batch.inputs[0])).mean()
            return {"real": real, "made": functional.softplus(critic(made)).mean()}

        def making(batch):
            return functional.softplus(-critic(model(batch.targets["noise"]))).mean()

        return [
            tasks.Turn("adversary", (critic,), judging),
            tasks.Turn("model", (model,), making),
        ]

    def validate(self, model, on_track=tasks.unseen):
        for item in self.valid:
            on_track(item.key)
        return self.task.figures(model, self.valid, self.cache)
