"""Models that answer while a recording comes in: samples are pushed, and answers come out a fixed time later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ..compiler.module import GraphModule
from ..errors import TaskError
from ..features.hcqt import HCQTFeatureConfig
from .base import Task
from .following import Answers as Answers
from .following import Follower as Follower
from .following import Row as Row
from .incoming import IncomingFrames, checked_peak, checked_samples
from .modes import evaluating
from .reach import Reach, reach_of, sees_all
from .recordings import refuse_not_finite

# Two passes over the same frames, one of which begins later, may differ by rounding only.
PLACE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Plan:
    """A model that can be streamed: the task, its feature, its graph, what was chosen after training, and how far the
    graph sees.
    """

    task: Task
    feature: HCQTFeatureConfig
    model: nn.Module
    settings: Mapping[str, Any]
    reach: Reach

    @classmethod
    def of(cls, task: Task, model: nn.Module, settings: Mapping[str, Any]) -> Plan:
        """Raises TaskError E517 for a task or a graph that needs the whole recording."""
        task.follower(settings)
        feature = task.feature
        if not isinstance(feature, HCQTFeatureConfig):
            raise TaskError(
                f"the feature '{feature.type}' is not computed while a recording comes in",
                code="E517",
                help="take a model that reads a constant-Q transform, `type: hcqt` or `type: cqt`",
            )
        reach = reach_of(model)
        if reach is None or _frames_fixed(model) is not None:
            raise _unbounded(model)
        plan = cls(task, feature, model, settings, reach)
        if plan._moves_with_time():
            return plan
        raise TaskError(
            "the answers of the graph depend on where in the recording a frame stands, and it cannot be streamed",
            code="E517",
            help="take a graph without positions, such as one of convolutions; `predict` reads whole recordings",
        )

    def _moves_with_time(self) -> bool:
        """Whether the same frames, a period later, have the same answers: nothing else than a trial can show it."""
        behind, ahead, period = self.reach
        n_frames = -(-(behind + ahead + 2 * period + 1) // period) * period
        generator = torch.Generator().manual_seed(0)
        device = next(self.model.parameters()).device
        shape = (*self.feature.shape, n_frames)
        frames = torch.rand(shape, generator=generator).to(device)[None]
        follower = self.task.follower(self.settings)
        with evaluating(self.model):
            whole = follower.scores(self.model, frames)[..., period:]
            later = follower.scores(self.model, frames[..., period:])
        refuse_not_finite(whole.cpu().numpy())
        inside = slice(behind, later.shape[-1] - ahead)
        difference = (whole[..., inside] - later[..., inside]).abs().max()
        largest = whole[..., inside].abs().max().clamp_min(1.0)
        return bool(difference <= PLACE_TOLERANCE * largest)


def _frames_fixed(model: nn.Module) -> int | None:
    """The frames of a graph that reads patches of one size."""
    shapes = getattr(model, "input_shapes", None)
    size = next(iter(shapes.values()))[-1] if shapes else None
    if isinstance(size, int):
        return size
    return None


def _unbounded(model: nn.Module) -> TaskError:
    """TaskError E517: the node that sees all frames is named where it is known."""
    size = _frames_fixed(model)
    facts = []
    if size is not None:
        message = f"the graph reads patches of {size} frames, and cannot answer frame by frame"
    else:
        message = "an answer of the graph may depend on the whole recording, and cannot be given while it comes in"
    if size is None and isinstance(model, GraphModule):
        facts = [("sees all", node) for node in [sees_all(model)] if node]
    return TaskError(
        message,
        code="E517",
        facts=facts,
        help="take a graph of convolutions over a free T; `predict` reads whole recordings",
    )


class Stream:
    """A trained model that answers while a recording comes in; `Model.stream` makes one.

    Parameters
    ----------
    plan : Plan
        The model.
    sr_hz : int, optional
        The rate of the samples in Hz; default: that of the model's feature. Others are resampled as they come.
    peak : float, optional
        The largest magnitude of the feature, which levels are relative to: with that of the whole recording
        (`predict` uses it) the answers are those of `predict`. Default: the largest that has come so far.

    Attributes
    ----------
    latency_s : float
        So long after its time an answer is there, at most: what the transform must hear after it, and the frames after
        it that the graph looks at.
    hop_s : float
        Seconds from one frame to the next.
    """

    def __init__(
        self, plan: Plan, sr_hz: int | None = None, peak: float | None = None
    ) -> None:
        self.plan = plan
        self._frames = IncomingFrames(plan.feature, sr_hz, checked_peak(peak))
        self._device = next(plan.model.parameters()).device
        self._ended_peak = 0.0
        self._begin()

    def _begin(self) -> None:
        """Forget what has come."""
        self._frames.begin()
        self._follower = self.plan.task.follower(self.plan.settings)
        # Frames that later answers depend on, and the number of the first of them.
        self._seen = torch.zeros(*self.plan.feature.shape, 0)
        self._first = 0
        self._answered = 0

    @property
    def sr_hz(self) -> int:
        """The rate of the samples that are pushed."""
        return self._frames.sr_hz

    @property
    def hop_s(self) -> float:
        return self.plan.feature.hop_s

    @property
    def transform_s(self) -> float:
        """The part of the latency that is the transform's, with that of the resampling."""
        return self._frames.wait_s

    @property
    def graph_s(self) -> float:
        """The part of the latency that is the graph's, with what the task waits for."""
        _, ahead, period = self.plan.reach
        # A graph that pools frames is given whole periods of them.
        return (ahead + period - 1 + self._follower.wait_frames) * self.hop_s

    @property
    def latency_s(self) -> float:
        return self.transform_s + self.graph_s

    @property
    def peak(self) -> float:
        """The largest magnitude of the feature so far; after a flush that of the recording which has ended."""
        if self._frames.n_samples:
            return self._frames.largest
        return self._ended_peak

    @property
    def n_held(self) -> int:
        """Samples and frames that are held because later answers depend on them: it does not grow."""
        return self._frames.n_held + self._seen.shape[-1]

    def push(self, samples: ArrayLike) -> Any:
        """The answers that these samples complete, possibly none.

        Parameters
        ----------
        samples : array of float, (N,)
            What comes next, one channel; any number.

        Returns
        -------
        Answers
            Those of the task, such as `F0Frames` or `PitchFrames`.

        Raises
        ------
        TaskError
            E518 for samples of another shape, or not finite; the stream stays as it was.
        """
        wave = checked_samples(samples)
        found = []
        for frames in self._frames.push(wave):
            self._seen = torch.cat([self._seen, frames], dim=-1)
            period = self.plan.reach.period
            usable = self._seen.shape[-1] // period * period
            stop = self._first + usable - self.plan.reach.ahead
            found += self._scored(self._seen[..., :usable], stop)
        return self._answers(found)

    def flush(self) -> Any:
        """The answers up to the end, after which there is silence; the stream is ready for another recording."""
        frames = torch.cat([self._seen, self._frames.rest()], dim=-1)
        end = self._first + frames.shape[-1]
        found = self._scored(self._padded(frames), end)
        last = self._follower.ended(self._answers(found))
        self._ended_peak = self._frames.largest
        self._begin()
        return last

    def _padded(self, frames: Tensor) -> Tensor:
        """The last frames, with those of silence that the graph is to see after them."""
        _, ahead, period = self.plan.reach
        after = ahead if self._follower.silence_after else 0
        total = frames.shape[-1] + after
        after += -total % period
        return nn.functional.pad(frames, (0, after))

    def _scored(self, frames: Tensor, stop: int) -> list[tuple[Tensor, Tensor]]:
        """The scores of the frames from those answered to `stop`, if there are any, and these frames.

        `frames` begins with frame `_first`; frames that no later answer depends on are given up.
        """
        if stop <= self._answered:
            return []
        with evaluating(self.plan.model):
            scores = self._follower.scores(
                self.plan.model, frames[None].to(self._device)
            )
        own = slice(self._answered - self._first, stop - self._first)
        found = scores[..., own].cpu()
        refuse_not_finite(found.numpy())
        self._answered = stop
        # Whole periods, so that a graph that pools frames pools the same ones together.
        behind, _, period = self.plan.reach
        drop = max(0, stop - behind - self._first) // period * period
        self._seen = self._seen[..., drop:]
        self._first += drop
        return [(found, frames[..., own])]

    def _answers(self, found: list[tuple[Tensor, Tensor]]) -> Any:
        if not found:
            return self._follower.nothing()
        scores = torch.cat([scores for scores, _ in found], dim=-1)
        seen = torch.cat([frames for _, frames in found], dim=-1)
        return self._follower.answers(scores, seen, self._answered - scores.shape[-1])
