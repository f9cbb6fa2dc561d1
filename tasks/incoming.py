"""From samples as they come to frames as models see them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import TaskError
from ..features.hcqt import HCQTFeature, HCQTFeatureConfig, to_scale
from ..features.resample import Resampling

LEAST_PEAK = 1e-3  # -60 dB of a full-scale sine: softer sound is not made louder
PIECE_SAMPLES = 1 << 17  # transformed at once: bounds the memory of a large push


class IncomingFrames:
    """Samples in, frames of a constant-Q transform out, in the scale of its settings.

    Parameters
    ----------
    feature : HCQTFeatureConfig
        The transform.
    sr_hz : int, optional
        The rate of the samples; default: that of the feature. Samples of another one are resampled as they come.
    peak : float, optional
        The largest magnitude, which levels are relative to; default: the largest that has come so far.

    Raises
    ------
    DataError
        E439 for a rate that cannot be resampled.
    """

    def __init__(
        self,
        feature: HCQTFeatureConfig,
        sr_hz: int | None = None,
        peak: float | None = None,
    ) -> None:
        self.feature = feature
        self.sr_hz = sr_hz or feature.sr_hz
        self._transform = HCQTFeature(feature)
        self._resampling = Resampling(self.sr_hz, feature.sr_hz)
        self._fixed = peak
        self.begin()

    def begin(self) -> None:
        """Forget what has come."""
        self.largest = 0.0
        self.n_samples = 0  # that have come, at their own rate
        # Samples that later frames can see, and the frame on which the first of them is centred.
        self._held = torch.zeros(1, 0)
        self._first = 0
        self._done = 0

    @property
    def wait_s(self) -> float:
        """So long after its time a frame is there, at most."""
        needed = self._transform.ahead_samples + 1
        wait_s = needed / self.feature.sr_hz
        if self.sr_hz == self.feature.sr_hz:
            return wait_s
        # A sample at the new rate lies up to one before the next at the old one.
        return wait_s + (self._resampling.needed(0) + 1) / self.sr_hz

    @property
    def n_held(self) -> int:
        """Samples that are held, at the rate of the feature."""
        return self._held.shape[1]

    def push(self, wave: Tensor) -> list[Tensor]:
        """The frames that samples (N,) complete, in pieces (H, F, t)."""
        self.n_samples += len(wave)
        found = []
        for piece in torch.split(wave, PIECE_SAMPLES):
            self._hold(self._resampling.push(piece[None]))
            # A frame is complete once the last sample that can change it is there.
            spare = self._held.shape[1] - 1 - self._transform.ahead_samples
            found.append(self._upto(self._first + 1 + spare // self.feature.hop_length))
        return found

    def rest(self) -> Tensor:
        """The frames up to the end, after which there is silence."""
        last = self._resampling.flush()
        if last is not None:
            self._hold(last)
        if not self.n_samples:
            return self._upto(0)
        return self._upto(self._first + self._transform.n_frames(self._held.shape[1]))

    def _hold(self, wave: Tensor) -> None:
        self._held = torch.cat([self._held, wave], dim=1)

    def _upto(self, stop: int) -> Tensor:
        """The frames up to `stop`; samples that no later frame can see are given up."""
        if stop <= self._done:
            return torch.zeros(*self.feature.shape, 0)
        own = slice(self._done - self._first, stop - self._first)
        with torch.inference_mode():
            magnitude = self._transform(self._held)[0][..., own].abs()
            scaled = self._scaled(magnitude)
        hop = self.feature.hop_length
        before = self._transform.context_samples // hop
        drop = max(0, stop - self._first - before)
        self._held = self._held[:, drop * hop :]
        self._first += drop
        self._done = stop
        return scaled

    def _scaled(self, magnitude: Tensor) -> Tensor:
        # Frame by frame: how samples are cut into pushes must not change an answer.
        so_far = magnitude.flatten(0, 1).amax(0).cummax(0).values
        so_far = so_far.clamp_min(self.largest)
        self.largest = float(so_far[-1])
        if self._fixed is not None:
            return to_scale(magnitude, self.feature.scale, self._fixed)
        return to_scale(magnitude, self.feature.scale, so_far.clamp_min(LEAST_PEAK))


def checked_samples(samples: Any) -> Tensor:
    """(N,) float32. Raises TaskError E518 for samples of another form, and for NaN and infinity."""
    values = samples.detach().cpu().numpy() if isinstance(samples, Tensor) else samples
    wave = np.asarray(values)
    if wave.ndim != 1:
        raise _refused(
            f"an array of shape {wave.shape}",
            "push one channel, such as the mean of two",
        )
    # An empty list has no numbers whose type could be wrong.
    if wave.size and wave.dtype.kind != "f":
        help = (
            "divide integers by their largest possible value: samples are within -1 … 1"
        )
        raise _refused(f"samples of type {wave.dtype}", help)
    wave = wave.astype(np.float32)
    finite = np.isfinite(wave)
    if not finite.all():
        place = int(finite.argmin())
        help = "push silence in place of what was lost"
        raise _refused(f"NaN or infinity at sample {place:,} of the push", help)
    return torch.from_numpy(wave)


def _refused(came: str, help: str) -> TaskError:
    message = f"expected finite floating-point samples (N,) of one channel, got {came}"
    return TaskError(message, code="E518", help=help)


def checked_peak(peak: Any) -> float | None:
    """A magnitude above 0, or None. Raises TaskError E518 for anything else."""
    if peak is None:
        return None
    number = isinstance(peak, int | float | np.number) and not isinstance(peak, bool)
    if number and math.isfinite(peak) and peak > 0:
        return float(peak)
    raise TaskError(
        f"expected a number above 0 as 'peak', got {peak!r}",
        code="E518",
        help="it is the largest magnitude of the feature; leave it out where it is not known",
    )
