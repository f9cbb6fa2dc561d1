"""Key estimation, a task in one file: which of 24 keys a recording is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import mir_eval
import numpy as np
from mirbricks import tasks
from mirbricks.errors import TaskError, did_you_mean
from mirbricks.features.chroma import ChromaFeatureConfig
from pydantic import Field, PositiveInt
from torch.nn import functional

TONICS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
KEYS = [f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS]


class KeyConfig(tasks.TaskConfig):
    """The section `task: {type: key_estimation}`."""

    type: Literal["key_estimation"] = Field(
        "key_estimation",
        description="the task",
    )
    annotation: str = Field("key", description="the key, such as F# minor")
    patch_frames: PositiveInt = Field(256, description="frames of a patch")


@dataclass(frozen=True, repr=False, eq=False)
class Key(tasks.Prediction):
    """The key of a recording; `scores` are the probabilities of all KEYS."""

    name: str
    scores: np.ndarray

    def answer(self):
        return f"{self.name} ({self.scores.max():.2f})"

    def files(self):
        return {".key.txt": f"{self.name}\n".encode()}


@tasks.register_task("key_estimation")
class KeyEstimation(tasks.Task):
    """The key of a recording: patches (B, 12, T) -> logits (B, 24), then their mean."""

    Config = KeyConfig
    title = "key estimation"
    headline = ("weighted_score", "accuracy")
    features = (ChromaFeatureConfig,)

    def needs(self):
        return tasks.Needs(
            inputs=(("B", 12, "T"), ("B", 1, 12, "T")),
            output=("B", len(KEYS)),
            reads="chroma of 12 pitch classes",
            gives="a score for each of 24 keys",
            help="end with `- Linear: {out_features: 24}`, after a mean over time",
            frames={"task.patch_frames": self.config.patch_frames},
        )

    def tracks(self, items):
        return tasks.annotated(items, self.config.annotation)

    def learner(self, train, valid, cache, *, seed, batch_size):
        keys = [(item, KEYS.index(self.truth(item))) for item in self.tracks(train)]
        tracks = [(item.key, cache.open(item.key), key) for item, key in keys]
        patches = KeyPatches(self, tracks, seed, batch_size)
        return KeyLearner(self, patches, self.tracks(valid), cache)

    def predict(self, model, feature, settings, on_share=tasks.unseen):
        size = self.config.patch_frames
        mean = tasks.mean_over_patches
        scores = mean(model, feature, size, lambda y: y.softmax(1))
        on_share(1.0)
        return Key(KEYS[int(scores.argmax())], scores)

    def truth(self, item):
        name = str(item.annotations[self.config.annotation][0].value)
        if name not in KEYS:
            near = did_you_mean(name, KEYS) or "write a key as F# minor"
            message = f"'{item.key}' has the key '{name}', which is not one of 24"
            raise TaskError(message, code="E503", help=near)
        return name

    def judged(self, prediction, truth):
        score = mir_eval.key.weighted_score(truth, prediction.name)
        right = prediction.name == truth
        return {"weighted_score": float(score), "accuracy": float(right)}


class KeyPatches(tasks.PatchBatches):
    """Patches, each transposed at random with its key: rotated chroma is transposed."""

    def __init__(self, task, tracks, seed, batch_size):
        super().__init__(seed=seed, batch_size=batch_size, input_rank=task.input_rank)
        self.size = task.config.patch_frames
        self.tracks = tracks

    def draw(self, step, rng):
        examples = []
        for row in rng.integers(len(self.tracks), size=self.batch_size):
            name, feature, key = self.tracks[row]
            up = int(rng.integers(12))
            patch = tasks.random_patch(feature, self.size, rng)
            patch = tasks.transposed(patch, up, "chroma")
            target = key // 12 * 12 + (key + up) % 12
            examples.append(tasks.Example(patch, target, name))
        return self.collated(examples)


class KeyLearner(tasks.PatchLearner):
    """What the training loop runs; it validates as the task evaluates."""

    figure = "weighted_score"

    def loss(self, outputs, batch):
        return functional.cross_entropy(outputs, batch.targets)
