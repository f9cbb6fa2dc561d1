"""Patches of recordings: drawn at random to learn from, one after another to be judged by.

Every task draws its batches in three steps. It draws places in recordings (`shares`, `random_start`, `random_patch`),
moves what sounds there (`transposed`, or augmentations of its own), and puts the examples together (`collated`).
`PatchBatches` gives each step a generator of its own, so that a batch is a pure function of seed and step.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from ..augment.base import Domain
from ..augment.chain import Chain
from ..data.batching.patches import patch_starts, take_patch
from ..data.batching.sampling import PartsDeck, positions_of
from ..features.base import FeatureConfig
from .base import Batch, OnTrack, unseen
from .modes import evaluating
from .reading import Read, Recorded, as_recorded

PATCHES_AT_ONCE = 32
PITCH_CLASSES = 12
MOST_RANKED = 1 << 24  # values whose quantile torch can take


@dataclass(frozen=True)
class Example:
    """One row of a batch: a patch, its target, and its name in messages."""

    patch: Tensor
    target: Any
    name: str


class PatchBatches(abc.ABC):
    """Training batches of patches, each a pure function of (seed, step).

    Parameters
    ----------
    seed : int
        The seed of the training.
    batch_size : int
        Rows of a batch.
    input_rank : int
        Axes of the graph's input; patches get an axis of one channel where it has one axis more.

    Examples
    --------
    >>> class Ones(PatchBatches):
    ...     def draw(self, step, rng):
    ...         targets = rng.integers(2, size=self.batch_size).tolist()
    ...         return self.collated([Example(torch.ones(3, 4), target, "a.wav") for target in targets])
    >>> Ones(seed=0, batch_size=2, input_rank=4).batch(7).inputs[0].shape
    torch.Size([2, 1, 3, 4])
    """

    stream: ClassVar[tuple[int, ...]] = ()  # sets the draws of a task apart from others

    def __init__(self, *, seed: int, batch_size: int, input_rank: int) -> None:
        self.seed = seed
        self.batch_size = batch_size
        self.input_rank = input_rank
        self.deck: PartsDeck | None = None

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        # A generator per step, without a state from one to the next: a resumed training
        # draws the same batches, and a thread may draw them ahead.
        rng = np.random.default_rng((self.seed, *self.stream, step))
        return self.draw(step, rng)

    def chosen(
        self,
        step: int,
        rng: Generator,
        count: int,
        share: NDArray[np.float64] | None = None,
    ) -> NDArray[np.int64]:
        """The numbers of the recordings of a batch.

        Parameters
        ----------
        step : int
            The number of the batch.
        rng : Generator
            The batch's own.
        count : int
            How many recordings there are.
        share : array of float, (count,), optional
            How often each is drawn; default: all alike. With a `deck` they come one after another instead.

        Returns
        -------
        array of int, (batch_size,)
        """
        if self.deck is not None:
            return self.deck.at(positions_of(step, self.batch_size))
        return rng.choice(count, self.batch_size, p=share)

    @abc.abstractmethod
    def draw(self, step: int, rng: Generator) -> Batch:
        """A batch; whatever is random in it comes from `rng`."""

    def collated(self, examples: Sequence[Example]) -> Batch:
        """Examples as one batch: inputs (B, ..., T), targets (B, ...)."""
        inputs = torch.stack([example.patch for example in examples])
        targets = torch.stack([torch.as_tensor(example.target) for example in examples])
        names = tuple(example.name for example in examples)
        return Batch((as_input(inputs, self.input_rank),), targets, names)


class PatchLearner:
    """A learner that trains on patches and validates as the task evaluates: the base of most tasks' learners.

    Parameters
    ----------
    task : Task
        The task.
    patches : PatchBatches
        Where its batches come from.
    valid : sequence of Item
        The recordings to validate on.
    cache : FeatureCache
        Where their features are.
    """

    def __init__(
        self, task: Any, patches: PatchBatches, valid: Sequence[Any], cache: Any
    ) -> None:
        self.task = task
        self.patches = patches
        self.valid = valid
        self.cache = cache

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return self.patches.batch(step)

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """Figures on the validation recordings; `on_track` is called with the key of each."""
        settings: Mapping[str, Any] = {}
        found = self.task.evaluate(model, self.valid, self.cache, settings, on_track)
        figures: dict[str, float] = found.figures
        return figures


def shares(features: Sequence[Recorded]) -> NDArray[np.float64]:
    """How often each recording is drawn so that each frame of the corpus is as likely as any other."""
    n_frames = np.array([feature.n_frames for feature in features], np.float64)
    return np.asarray(n_frames / n_frames.sum(), np.float64)


def random_start(n_frames: int, patch_frames: int, rng: Generator) -> int:
    """The first frame of a patch from anywhere in a recording; 0 in one that is shorter."""
    return int(rng.integers(max(n_frames - patch_frames, 0) + 1))


def random_patch(
    feature: Recorded, patch_frames: int, rng: Generator, silence: float = 0.0
) -> Tensor:
    """(..., patch_frames) of a feature from anywhere in it; a short recording lies anywhere in its patch."""
    # A negative start puts silence before a recording that is shorter than the patch.
    spare = feature.n_frames - patch_frames
    start = int(rng.integers(min(spare, 0), max(spare, 0) + 1))
    return take_patch(feature.read, start, patch_frames, feature.n_frames, silence)


def rotated(x: Tensor, semitones: int) -> Tensor:
    """Chroma (..., 12 n, T) of the same music so many semitones higher."""
    parts = x.reshape(*x.shape[:-2], -1, PITCH_CLASSES, x.shape[-1])
    return parts.roll(semitones, -2).reshape(x.shape)


def transposed(
    x: Tensor, semitones: int, how: str, bins_per_semitone: int = 1
) -> Tensor:
    """Features (..., D, T) of the same music so many semitones higher.

    how  "chroma": every 12 numbers rotate; "bins": a constant-Q transform moves up or down; else nothing moves
    """
    if how == "chroma":
        return rotated(x, semitones)
    bins = semitones * bins_per_semitone
    if how != "bins" or not bins:
        return x

    # What comes in at the edge is silence, not what went out at the other one.
    moved = x.roll(bins, -2)
    edge = slice(0, bins) if bins > 0 else slice(bins, None)
    moved[..., edge, :] = 0
    return moved


def level_of(read: Callable[[], Tensor]) -> float:
    """The 90th percentile of the norms of a recording's frames; what compression and noise are relative to."""
    # A percentile, since a single loud frame should not set the level of a recording.
    norms = read().flatten(0, -2).norm(dim=0)
    if norms.numel() < MOST_RANKED:
        level = float(norms.quantile(0.9))
    else:
        level = float(norms.max())
    # Others divide by it, also in a silent recording.
    return max(level, 1e-9)


def chain_of(steps: Sequence[Any], feature: FeatureConfig) -> Chain:
    """The augmentations of a task's patches."""
    domain: Domain = "waveform" if feature.type == "waveform" else "spectrum"
    return Chain(steps, domain, feature.sr_hz)


def as_input(patches: Tensor, rank: int) -> Tensor:
    """(B, ..., T), with an axis of one channel where the graph reads one axis more."""
    if patches.ndim + 1 == rank:
        patches = patches.unsqueeze(1)
    return patches.contiguous()


def every_patch(
    n_frames: int,
    read: Read,
    *,
    patch_frames: int,
    hop_frames: int,
    silence: float = 0.0,
    at_once: int = PATCHES_AT_ONCE,
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """The patches that cover a recording, some at a time.

    Parameters
    ----------
    n_frames : int
        Frames of the recording.
    read : callable
        Gives the frames [start, stop) as (..., T).
    patch_frames, hop_frames : int
        Frames of a patch, and from one patch to the next; the last patch ends with the recording.
    silence : float
        What fills the patch of a recording that is shorter.
    at_once : int
        Patches at a time, which bounds the memory.

    Yields
    ------
    (array of int, Tensor)
        The first frames of P patches, and the patches (P, ..., patch_frames).
    """
    starts = patch_starts(n_frames, patch_frames, hop_frames)
    for first in range(0, len(starts), at_once):
        some = starts[first : first + at_once]
        patches = [
            take_patch(read, int(start), patch_frames, n_frames, silence)
            for start in some
        ]
        yield some, torch.stack(patches)


def mean_over_patches(
    model: nn.Module,
    feature: Recorded | Tensor,
    patch_frames: int,
    of: Callable[[Tensor], Tensor],
    hop_frames: int | None = None,
    silence: float = 0.0,
) -> NDArray[np.float64]:
    """The mean of what a model gives for the patches that cover a recording.

    Parameters
    ----------
    model : nn.Module
        A compiled graph, or any model that reads patches as they are.
    feature : Recorded or Tensor
        The feature of the recording, cached or as (..., T).
    patch_frames : int
        Frames of a patch.
    of : callable
        What the mean is taken of, given the outputs (P, ...): such as probabilities of logits.
    hop_frames : int, optional
        Frames from one patch to the next; default: half a patch.
    silence : float
        What fills the patch of a recording that is shorter: `FeatureConfig.silence`.

    Returns
    -------
    array of float64
        The mean over the patches.

    Examples
    --------
    >>> class Loudness(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.gain = nn.Parameter(torch.ones(()))
    ...     def forward(self, x):
    ...         return self.gain * x.mean(dim=(1, 2))[:, None]
    >>> mean_over_patches(Loudness(), torch.ones(3, 10), 4, lambda outputs: outputs)
    array([1.])
    """
    recorded = as_recorded(feature)
    device = next(model.parameters()).device
    rank = rank_of(model)
    rows = []
    with evaluating(model):
        for _, patches in every_patch(
            recorded.n_frames,
            recorded.read,
            patch_frames=patch_frames,
            hop_frames=hop_frames or max(patch_frames // 2, 1),
            silence=silence,
        ):
            inputs = as_input(patches, rank or patches.ndim).to(device)
            rows.append(of(model(inputs).float()).cpu())
    return np.asarray(torch.cat(rows).double().mean(0).numpy(), np.float64)


def input_shape_of(model: nn.Module) -> tuple[int | str, ...]:
    """The input of a compiled graph; () for other models, which see patches as they are."""
    shapes = getattr(model, "input_shapes", None)
    if shapes:
        return tuple(next(iter(shapes.values())))
    return ()


def rank_of(model: nn.Module) -> int:
    """Axes of the input of a compiled graph; 0 for other models."""
    return len(input_shape_of(model))
