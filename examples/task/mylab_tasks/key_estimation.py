"""Key estimation, a whole task in one file: which of 24 keys a recording is in, from its chroma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import mir_eval
import numpy as np
import torch
from mirbricks.errors import TaskError, did_you_mean
from mirbricks.features.chroma import ChromaFeatureConfig
from mirbricks.tasks.base import Batch, Task, TaskConfig, register_task, unseen
from mirbricks.tasks.recordings import annotated, as_input, mean_over_patches, random_patch
from mirbricks.tasks.requirements import Needs
from pydantic import Field, PositiveInt
from torch.nn import functional

TONICS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
KEYS = [f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS]


class KeyConfig(TaskConfig):
    """The section `task: {type: key_estimation}`."""

    type: Literal["key_estimation"] = Field("key_estimation", description="name of the task")
    annotation: str = Field("key", description="the global annotation that holds the key, such as F# minor")
    patch_frames: PositiveInt = Field(256, description="frames of a patch")


@dataclass(frozen=True)
class Key:
    """What a model hears in a recording: `scores` are the probabilities of all KEYS."""

    name: str
    scores: np.ndarray

    def files(self):
        return {".key.txt": f"{self.name}\n".encode()}


@register_task("key_estimation")
class KeyEstimation(Task):
    """The key of a whole recording: patches (B, 12, T) -> logits (B, 24); a recording's scores are their means.

    Figures: mir_eval.key's weighted score, and how often the key is exactly right.
    """

    Config = KeyConfig
    title = "key estimation"
    headline = ("weighted_score", "accuracy")
    features = (ChromaFeatureConfig,)

    def needs(self):
        return Needs(
            inputs=(("B", 12, "T"), ("B", 1, 12, "T")),
            output=("B", len(KEYS)),
            reads="chroma of 12 pitch classes",
            gives="a score for each of 24 keys",
            help="end with `- Linear: {out_features: 24}`, after a mean over time",
            frames={"task.patch_frames": self.config.patch_frames},
        )

    def tracks(self, items):
        return annotated(items, self.config.annotation)

    def learner(self, train, valid, cache, *, seed, batch_size):
        return KeyLearner(self, self.tracks(train), self.tracks(valid), cache, seed, batch_size)

    def predict(self, model, feature, settings, on_share=unseen):
        scores = mean_over_patches(model, feature, self.config.patch_frames, lambda logits: logits.softmax(1))
        on_share(1.0)
        return Key(KEYS[int(scores.argmax())], scores)

    def truth(self, item):
        name = str(item.annotations[self.config.annotation][0].value)
        if name not in KEYS:
            near = did_you_mean(name, KEYS) or "keys are a tonic with sharps and a mode, such as F# minor"
            raise TaskError(f"'{item.key}' has the key '{name}', which is none of 24", code="E503", help=near)
        return name

    def judged(self, prediction, truth):
        score = mir_eval.key.weighted_score(truth, prediction.name)
        return {"weighted_score": float(score), "accuracy": float(prediction.name == truth)}


class KeyLearner:
    """Patches, each transposed at random with its key: a rotation of chroma is a transposition."""

    figure = "weighted_score"

    def __init__(self, task, train, valid, cache, seed, batch_size):
        self.task, self.valid, self.cache, self.seed, self.batch_size = task, valid, cache, seed, batch_size
        self.tracks = [(item.key, cache.open(item.key), KEYS.index(task.truth(item))) for item in train]

    def batch(self, step):
        rng = np.random.default_rng((self.seed, step))  # nothing else may decide what a batch holds
        names, patches, targets = [], [], []
        for row, up in rng.integers((len(self.tracks), 12), size=(self.batch_size, 2)).tolist():
            name, feature, key = self.tracks[row]
            patches.append(random_patch(feature, self.task.config.patch_frames, rng).roll(up, -2))
            targets.append(key // 12 * 12 + (key + up) % 12)
            names.append(name)
        inputs = as_input(torch.stack(patches), self.task.input_rank)
        return Batch((inputs.contiguous(),), torch.tensor(targets), tuple(names))

    def loss(self, outputs, batch):
        return functional.cross_entropy(outputs, batch.targets)

    def validate(self, model, on_track=unseen):
        return self.task.evaluate(model, self.valid, self.cache, {}, on_track).figures
