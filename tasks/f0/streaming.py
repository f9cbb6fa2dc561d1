"""The pitch of a voice while it sounds: samples are pushed, and frames come out a fixed time later."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ...errors import TaskError
from ...features.hcqt import HCQTFeature, to_scale
from ..modes import evaluating
from ..patches import input_shape_of
from ..reading import InMemory
from .decoding import decode, levels_of, offset_in, reach_of

Float64 = NDArray[np.float64]

LEAST_PEAK = (
    1e-3  # -60 dB of a full-scale sine: what is softer is not made louder than this
)


class F0Frames(NamedTuple):
    """Some frames: times in seconds, pitches in Hz, voicing in 0 … 1, and whether it reaches the threshold."""

    times_s: Float64
    hz: Float64
    voicing: Float64
    voiced: NDArray[np.bool_]


class F0Stream:
    """A trained model of the task f0 that hears a voice as it comes.

    Parameters
    ----------
    model : Model
        As `mirbricks.load` gives it. Its graph sees a limited number of frames: no recurrence, no attention.
    peak : float, optional
        The largest magnitude of the feature, which levels are relative to: with that of the whole recording
        (`model.predict` uses it) the answers are those of `predict`. Default: the largest that has come so far.

    Attributes
    ----------
    latency_s : float
        So long after a frame's time its answer is there: what the transform must hear after it, the frames after
        it that the graph looks at, and one frame.

    Raises
    ------
    TaskError
        E541 for a model of another task, or one whose graph sees the whole recording.

    Examples
    --------
    >>> import mirbricks as mb
    >>> from mirbricks.tasks.f0 import F0Stream
    >>> stream = F0Stream(mb.load("zoo:f0_notes"))                                # doctest: +SKIP
    >>> for block in blocks:                                                      # doctest: +SKIP
    ...     print(stream.push(block).hz)
    >>> last = stream.flush()                                                     # doctest: +SKIP
    """

    def __init__(self, model: Any, peak: float | None = None) -> None:
        from .task import F0Estimation  # that module imports this folder's face

        if not isinstance(model.task, F0Estimation):
            raise TaskError(
                f"a model of the task '{model.task.name}' does not follow one pitch",
                code="E541",
                help="take a model of the task f0",
            )
        self.task = model.task
        self.module: nn.Module = model.module
        self.tuned = model.settings.tuned
        self.feature = self.task.feature
        self.transform = HCQTFeature(self.feature)
        self._device = next(self.module.parameters()).device
        self._behind, self._ahead = self._reach()
        self._fixed = peak
        self._begin()

    def _begin(self) -> None:
        """Forget what has been heard."""
        self._peak = LEAST_PEAK
        # Samples that later frames can see, and the frame on which the first of them is centred.
        self._held = torch.zeros(0)
        self._first = 0
        # Frames as the model sees them, from `_seen_first` on, which later answers depend on.
        self._seen = torch.zeros(*self.feature.shape, 0)
        self._seen_first = 0
        self._answered = 0

    @property
    def latency_s(self) -> float:
        hop = self.feature.hop_length
        samples = self.transform.context_samples + (1 + self._ahead) * hop
        return samples / self.feature.sr_hz

    def push(self, samples: ArrayLike) -> F0Frames:
        """The frames that these samples complete, possibly none.

        Parameters
        ----------
        samples : array of float, (N,)
            What comes next, one channel at the rate of the model's feature, `model.feature.sr_hz`; any number.

        Returns
        -------
        F0Frames

        Raises
        ------
        TaskError
            E542 for samples of another shape, or not finite.
        """
        wave = torch.as_tensor(np.asarray(samples, np.float32))
        if wave.ndim != 1 or not bool(torch.isfinite(wave).all()):
            raise TaskError(
                f"expected finite samples (N,), got {tuple(wave.shape)}",
                code="E542",
                help="push one channel, such as the mean of two",
            )
        self._held = torch.cat([self._held, wave])
        reach = self.transform.context_samples
        # A frame of the transform is complete once all that can change it is there.
        complete = (len(self._held) - reach) // self.feature.hop_length
        self._hear(self._first + complete)
        return self._answer(self._seen_first + self._seen.shape[-1] - self._ahead)

    def flush(self) -> F0Frames:
        """The frames up to the end, after which there is silence; the stream is ready for another recording."""
        if len(self._held) or self._first:
            self._hear(self._first + self.transform.n_frames(len(self._held)))
        found = self._answer(self._seen_first + self._seen.shape[-1])
        self._begin()
        return found

    def _hear(self, stop: int) -> None:
        """Transform the samples that are held up to a frame, and give up those that no later frame can see."""
        done = self._seen_first + self._seen.shape[-1]
        if stop <= done:
            return
        own = slice(done - self._first, stop - self._first)
        magnitude = self.transform(self._held[None])[0][..., own].abs()
        self._seen = torch.cat([self._seen, self._scaled(magnitude)], dim=-1)
        hop = self.feature.hop_length
        drop = max(0, stop - self._first - self.transform.context_samples // hop)
        self._held = self._held[drop * hop :]
        self._first += drop

    def _answer(self, stop: int) -> F0Frames:
        """The frames from those answered to `stop`, and give up frames that no later answer depends on."""
        if stop <= self._answered:
            empty = np.zeros(0)
            return F0Frames(empty, empty, empty, np.zeros(0, bool))
        with evaluating(self.module):
            scores = self.module(self._seen[None].to(self._device)).float().cpu()
        own = slice(self._answered - self._seen_first, stop - self._seen_first)
        levels = None
        if self.task.config.equivariant:
            levels = levels_of(InMemory(self._seen[..., own]))
        heard = decode(
            scores[0, 0, :, own],
            levels,
            self.task.config,
            self.feature,
            offset_in(self.tuned),
        )
        times_s = heard.times_s + self._answered * self.feature.hop_s
        self._answered = stop
        drop = max(0, stop - self._behind - self._seen_first)
        self._seen = self._seen[..., drop:]
        self._seen_first += drop
        voiced = heard.voicing >= self.tuned["threshold"]
        return F0Frames(times_s, heard.hz, heard.voicing, voiced)

    def _scaled(self, magnitude: Tensor) -> Tensor:
        if self._fixed is not None:
            return to_scale(magnitude, self.feature.scale, self._fixed)
        # Frame by frame: how samples are cut into pushes must not change an answer.
        so_far = magnitude.flatten(0, 1).amax(0).cummax(0).values
        peaks = so_far.clamp_min(self._peak)
        self._peak = float(peaks[-1])
        return to_scale(magnitude, self.feature.scale, peaks)

    def _reach(self) -> tuple[int, int]:
        """Frames before and after its own that an answer depends on. Raises TaskError E541 for one without a limit."""
        own = input_shape_of(self.module)
        reach = reach_of(self.module)
        if reach is None or not isinstance(own[-1], str):
            raise TaskError(
                "the graph sees the whole recording, or patches of one size, and cannot follow a pitch as it comes",
                code="E541",
                help="take a graph of convolutions over a free T, such as f0_small; `predict` reads whole recordings",
            )
        return reach
