"""The parts of chords, a task with three outputs in one file: root, bass, pitches.

After McFee & Bello, "Structured Training for Large-Vocabulary Chord Recognition",
ISMIR 2017, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import mir_eval
import numpy as np
import torch
from mirbricks import tasks
from mirbricks.errors import TaskError
from mirbricks.features.chroma import ChromaFeatureConfig
from pydantic import Field, PositiveInt
from torch.nn import functional

NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B", "N"]
NONE = 12  # of root and bass: no chord sounds
IGNORED = -100  # what torch's cross entropy leaves out: X, and what lies behind the end


class ChordPartsConfig(tasks.TaskConfig):
    """The section `task: {type: chord_parts}`."""

    type: Literal["chord_parts"] = Field("chord_parts", description="the task")
    annotation: str = Field("chord_full", description="what holds the chords")
    patch_frames: PositiveInt = Field(128, description="frames of a patch")


@dataclass(frozen=True, repr=False, eq=False)
class ChordParts(tasks.Prediction):
    """Root and bass (T,), 0 to 12; pitch classes (T, 12), 0 or 1; at times (T,)."""

    times_s: np.ndarray
    root: np.ndarray
    bass: np.ndarray
    pitches: np.ndarray

    def answer(self):
        most = np.bincount(self.root, minlength=len(NAMES)).argmax()
        return f"{len(self.root)} frames, most of them over {NAMES[most]}"

    def files(self):
        lines = ["time_s,root,bass,pitches\n"]
        rows = zip(self.times_s, self.root, self.bass, self.pitches)
        for time_s, root, bass, pitches in rows:
            sounding = " ".join(NAMES[k] for k in np.flatnonzero(pitches))
            lines.append(f"{time_s:.3f},{NAMES[root]},{NAMES[bass]},{sounding}\n")
        return {".chords.csv": "".join(lines).encode()}


def parts_of(label):
    """Root, bass and pitch classes of a chord; IGNORED where they are not known (X)."""
    root, bitmap, bass = mir_eval.chord.encode(label or "N")
    if bitmap.min() < 0:
        return IGNORED, IGNORED, np.full(12, IGNORED)
    if root < 0:
        return NONE, NONE, np.zeros(12, int)
    return root, (root + bass) % 12, np.roll(bitmap, root)


@tasks.register_task("chord_parts")
class ChordPartsTask(tasks.Task):
    """Root, bass and pitches of every frame: chroma (B, 12, T) -> three outputs."""

    Config = ChordPartsConfig
    title = "parts of chords"
    headline = ("root", "bass", "pitches")
    features = (ChromaFeatureConfig,)

    def needs(self):
        return tasks.NeedsByName(
            inputs={"chroma": ("B", 12, "T")},
            outputs={
                "root": ("B", len(NAMES), "T"),
                "bass": ("B", len(NAMES), "T"),
                "pitches": ("B", 12, "T"),
            },
            reads="chroma of 12 pitch classes",
            gives="root, bass and pitches by name, scores at every frame",
            help="write `outputs: [root, bass, pitches]`, each the name of a Conv1d",
            frames={"task.patch_frames": self.config.patch_frames},
        )

    def tracks(self, items):
        return tasks.annotated(items, self.config.annotation)

    def truth(self, item):
        """When each chord begins and ends, and its parts."""
        labels, onsets_s, durations_s = item.entry.segments(self.config.annotation)
        rows = []
        for label in labels:
            try:
                rows.append(parts_of(str(label)))
            except mir_eval.chord.InvalidChordException as error:
                message = f"'{item.key}' has the label '{label}', which is not a chord"
                help = "write chords as Harte does, such as A:min7/b3"
                raise TaskError(message, code="E503", help=help) from error
        return onsets_s, onsets_s + durations_s, rows

    def at_frames(self, truth, times_s):
        """The true parts at times: root (T,), bass (T,), pitches (T, 12)."""
        root = np.full(len(times_s), IGNORED)
        bass = root.copy()
        pitches = np.full((len(times_s), 12), IGNORED)
        for begin_s, end_s, own in zip(*truth):
            inside = (times_s >= begin_s) & (times_s < end_s)
            root[inside], bass[inside], pitches[inside] = own
        return root, bass, pitches

    def times_s(self, n_frames):
        return self.feature.t0_s + self.feature.hop_s * np.arange(n_frames)

    def learner(self, train, valid, cache, *, seed, batch_size):
        tracks = []
        for item in self.tracks(train):
            feature = cache.open(item.key)
            parts = self.at_frames(self.truth(item), self.times_s(feature.n_frames))
            tracks.append((item.key, feature, parts))
        patches = ChordPatches(self, tracks, seed, batch_size)
        return ChordLearner(self, patches, self.tracks(valid), cache)

    def predict(self, model, feature, settings, on_share=tasks.unseen):
        recorded = tasks.as_recorded(feature)
        chroma = recorded.read(0, recorded.n_frames)[None]
        with tasks.evaluating(model):
            outputs = model(chroma.to(next(model.parameters()).device))
        on_share(1.0)
        root, bass, pitches = (
            outputs[name][0].cpu() for name in ("root", "bass", "pitches")
        )
        return ChordParts(
            self.times_s(recorded.n_frames),
            root.argmax(0).numpy(),
            bass.argmax(0).numpy(),
            (pitches.T > 0).int().numpy(),
        )

    def judged(self, prediction, truth):
        """Shares of the frames whose chord is known in which each part is right."""
        root, bass, pitches = self.at_frames(truth, prediction.times_s)
        known = root != IGNORED
        if not known.any():
            return {}
        return {
            "root": float((prediction.root == root)[known].mean()),
            "bass": float((prediction.bass == bass)[known].mean()),
            "pitches": float((prediction.pitches == pitches)[known].mean()),
        }


class ChordPatches(tasks.PatchBatches):
    """Patches, each transposed at random with the parts of its chords."""

    def __init__(self, task, tracks, seed, batch_size):
        super().__init__(seed=seed, batch_size=batch_size, input_rank=3)
        self.size = task.config.patch_frames
        self.tracks = tracks

    def draw(self, step, rng):
        inputs, names = [], []
        targets = {"root": [], "bass": [], "pitches": []}
        for row in rng.integers(len(self.tracks), size=self.batch_size):
            name, feature, parts = self.tracks[row]
            start = int(rng.integers(max(feature.n_frames - self.size, 0) + 1))
            up = int(rng.integers(12))
            stop = min(start + self.size, feature.n_frames)
            patch = tasks.transposed(feature.read(start, stop), up, "chroma")
            rest = (0, self.size - patch.shape[-1])
            inputs.append(functional.pad(patch, rest))
            for own, part in zip(targets.values(), self.moved(parts, start, stop, up)):
                own.append(functional.pad(part, rest, value=IGNORED))
            names.append(f"{name} at frame {start}")
        stacked = {name: torch.stack(own) for name, own in targets.items()}
        return tasks.Batch((torch.stack(inputs),), stacked, tuple(names))

    def moved(self, parts, start, stop, up):
        """Root (T,), bass (T,) and pitches (12, T), so many semitones higher."""
        root, bass, pitches = (part[start:stop] for part in parts)
        for one in (root, bass):
            sounding = (one >= 0) & (one != NONE)
            yield torch.from_numpy(np.where(sounding, (one + up) % 12, one))
        yield torch.from_numpy(np.roll(pitches, up, axis=1).T.copy())


class ChordLearner(tasks.PatchLearner):
    """What the training loop runs: a loss per output, of which it minimises the sum."""

    figure = "root"

    def loss(self, outputs, batch):
        found = {}
        for name in ("root", "bass"):
            found[name] = functional.cross_entropy(
                outputs[name], batch.targets[name], ignore_index=IGNORED
            )
        pitches = batch.targets["pitches"]
        known = pitches != IGNORED
        found["pitches"] = functional.binary_cross_entropy_with_logits(
            outputs["pitches"][known], pitches[known].float()
        )
        return found
