"""The latents that a model learns from: cropped to one number of frames, with mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from ...errors import TaskError
from ..conditions import Value, as_number
from ..encoded import Waveform, Waves
from ..takes import Crop, Take

SMALLEST = (
    0.05  # of the greatest deviation: channels that hold next to nothing stay small
)
LINE_FITS = 4  # of which the first is with all points
KEPT_VALUES = 1 << 25  # of recordings kept in memory, 128 MB

Rows = Sequence[Mapping[str, Value]]


class Stored(Protocol):
    """Latents by key: `Encoded`."""

    @property
    def silence(self) -> Tensor: ...
    def n_frames(self, key: str) -> int: ...
    def read(self, key: str, start: int = 0, stop: int | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of every channel of the training recordings' latents.

    Parameters
    ----------
    mean, deviation : Tensor
        (D,), float32.
    slope : Tensor, optional
        (D,): what the mean rises by with each unit of the condition that some latents follow.
    along : str
        The name of that condition.

    Examples
    --------
    >>> scale = Scale(torch.tensor([1.0]), torch.tensor([2.0]))
    >>> scale.normalized(torch.tensor([[[5.0]]]))
    tensor([[[2.]]])
    >>> scale.restored(torch.tensor([[[2.0]]]))
    tensor([[[5.]]])
    >>> octaves = Scale(torch.tensor([-5.75]), torch.tensor([0.5]), torch.tensor([1 / 12]), "pitchmidi")
    >>> octaves.restored(torch.tensor([[[0.0]]]), [{"pitchmidi": 81}])
    tensor([[[1.0000]]])
    """

    mean: Tensor
    deviation: Tensor
    slope: Tensor | None = None
    along: str = ""

    @classmethod
    def fit(
        cls,
        latents: Sequence[Tensor],
        emphasis: Sequence[float] = (),
        *,
        following: int = 0,
        along: str = "",
        rows: Rows = (),
    ) -> Scale:
        """Of latents (D, T) of training recordings: over all of their frames.

        `emphasis` is what the first channels' deviations become instead of 1. Errors of a channel count in proportion
        to its square, so that a small model learns first what is large. The first `following` channels are measured
        from a straight line through the condition `along`, which `rows` have for each recording.
        """
        slope = None
        values = [one.double() for one in latents]
        if following:
            slope, values = straightened(values, numbers_of(rows, along), following)

        # Two passes in float64: a sum of squares would lose what a mean far from 0 leaves.
        frames = sum(one.shape[-1] for one in values)
        total = torch.stack([one.sum(-1) for one in values]).sum(0)
        mean = total / frames
        squares = [(one - mean[:, None]).square().sum(-1) for one in values]
        deviation = (torch.stack(squares).sum(0) / frames).sqrt()
        floor = SMALLEST * float(deviation.max())
        # Latents that never change have no scale of their own; those that follow a line must be exact.
        least = torch.full_like(deviation, floor or 1.0)
        least[:following] = torch.finfo(torch.float32).eps
        deviation = torch.maximum(deviation, least)
        deviation[: len(emphasis)] /= torch.tensor(emphasis, dtype=torch.float64)
        rises = None if slope is None else slope.float()
        return cls(mean.float(), deviation.float(), rises, along)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Scale:
        """What `to_json` wrote."""
        slope = stored.get("slope")
        return cls(
            torch.tensor(stored["mean"]),
            torch.tensor(stored["deviation"]),
            None if slope is None else torch.tensor(slope),
            stored.get("along", ""),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a run's settings."""
        plain: dict[str, Any] = {
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
        }
        if self.slope is not None:
            plain |= {"slope": self.slope.tolist(), "along": self.along}
        return plain

    def normalized(self, latents: Tensor, rows: Rows = ()) -> Tensor:
        """(B, D, T) with mean 0 and deviation 1; `rows` are the conditions of each of them."""
        moved = latents - self._means(rows)
        if self.slope is not None:
            moved = near_the_line(moved, self.slope)
        return moved / self.deviation[:, None]

    def restored(self, values: Tensor, rows: Rows = ()) -> Tensor:
        """The latents (B, D, T) of normalized values; `rows` are the conditions of each of them."""
        means = self._means(rows).to(values)
        return values * self.deviation.to(values)[:, None] + means

    def _means(self, rows: Rows) -> Tensor:
        """(D, 1), or (B, D, 1) where they follow a condition."""
        if self.slope is None:
            return self.mean[:, None]
        numbers = numbers_of(rows, self.along)
        return (self.mean + numbers[:, None] * self.slope)[:, :, None]


def numbers_of(rows: Rows, name: str) -> Tensor:
    """(B,) the values of a condition. Raises TaskError E562 where one is not a number."""
    found = []
    for row in rows:
        number = as_number(row.get(name))
        if number is None:
            raise TaskError(
                f"latents follow '{name}', and its value '{row.get(name)}' is not a number",
                code="E562",
                help="set task.pitch to a condition that is a number, or task.pitch_latents to 0",
            )
        found.append(float(number))
    return torch.tensor(found)


def straightened(
    latents: Sequence[Tensor], numbers: Tensor, following: int
) -> tuple[Tensor, list[Tensor]]:
    """The slopes (D,) of the first latents along numbers (N,), and the latents (D, T) without what those explain."""
    means = torch.stack([one.mean(-1) for one in latents])
    slope = torch.zeros(means.shape[1], dtype=means.dtype)
    for channel in range(following):
        slope[channel] = slope_of(numbers.double(), means[:, channel])
    # The median is where the line lies, whatever was heard an octave too high.
    explained = slope * numbers.double()[:, None]
    centre = (means - explained).median(0).values
    found = []
    for one, part in zip(latents, explained, strict=True):
        off = near_the_line(one - (part + centre)[:, None], slope)
        found.append(off + centre[:, None])
    return slope, found


def near_the_line(off: Tensor, slope: Tensor) -> Tensor:
    """Differences (..., D, T) from the line: of latents that follow it none is more than one unit of the condition.

    A pitch that was found an octave off would else be learned, and asked for again.
    """
    limit = torch.where(slope == 0, torch.inf, slope.abs()).to(off)[:, None]
    return off.clamp(-limit, limit)


def slope_of(numbers: Tensor, values: Tensor) -> float:
    """The slope of a straight line through points (N,), whatever lies far from it: a pitch found an octave too high.

    Least squares, and again without the points that lie further off than three times the median distance.
    """
    kept = torch.ones_like(values, dtype=torch.bool)
    slope = torch.zeros((), dtype=values.dtype)
    for _ in range(LINE_FITS):
        x, y = numbers[kept], values[kept]
        spread = (x - x.mean()).square().sum().clamp_min(1e-12)
        slope = ((x - x.mean()) * (y - y.mean())).sum() / spread
        off = (values - y.mean() - slope * (numbers - x.mean())).abs()
        kept = off <= 3 * off.median()
    return float(slope)


class Lengthened:
    """A cache of waveforms (`FeatureCache`) in which each is at least so long, with silence behind its end.

    A codec sees what it is to make of the end of a sound, which frames of silence alone do not show.

    Parameters
    ----------
    cache : FeatureCache
        Of the waveforms as they are.
    samples : int
        The least length.
    cut : bool
        Whether longer ones are cut to that length.
    """

    def __init__(self, cache: Waves, samples: int, cut: bool) -> None:
        self.cache = cache
        self.samples = samples
        self.cut = cut

    @property
    def folder(self) -> Path:
        """That of the cache."""
        return self.cache.folder

    def open(self, key: str) -> _Lengthened:
        """The waveform of a recording."""
        return _Lengthened(self.cache.open(key), self.samples, self.cut)


@dataclass(frozen=True)
class _Lengthened:
    own: Waveform
    samples: int
    cut: bool

    @property
    def path(self) -> Path:
        """A name of its own: what is made of it differs from what is made of the recording as it is."""
        ending = "only" if self.cut else "least"
        return self.own.path.with_stem(f"{self.own.path.stem}-{ending}{self.samples}")

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        wave = self.own.read()
        if self.cut:
            wave = wave[..., : self.samples]
        missing = self.samples - wave.shape[-1]
        return functional.pad(wave, (0, max(missing, 0)))[..., start:stop]


class LatentSet:
    """Recordings as latents of `frames` frames; shorter ones end in silence.

    Parameters
    ----------
    takes : sequence of Take
        The recordings.
    stored : mapping of int to Encoded
        Where the latents are, by semitones.
    frames : int
        Frames of a row.
    crop : "beginning" or "anywhere"
        Where in its recording a row begins.
    """

    def __init__(
        self,
        takes: Sequence[Take],
        stored: Mapping[int, Stored],
        frames: int,
        crop: Crop,
    ) -> None:
        self.takes = takes
        self.stored = stored
        self.frames = frames
        self.crop = crop
        self._kept: dict[tuple[str, int], Tensor] = {}
        self._room = KEPT_VALUES

    def sounding(self, take: Take) -> Tensor:
        """The latents (D, T) of a recording that rows are taken from, without silence behind."""
        kept = self._kept.get((take.key, take.semitones))
        if kept is not None:
            return kept
        stop = self.frames if self.crop == "beginning" else None
        values = self.stored[take.semitones].read(take.key, 0, stop)
        # Reading a file for every row would take longer than a step of a small graph.
        if values.numel() <= self._room:
            self._kept[take.key, take.semitones] = values
            self._room -= values.numel()
        return values

    def row(self, take: Take, rng: Generator | None = None) -> Tensor:
        """(D, frames) of a recording: its first frames without `rng`, or where frames may be from anywhere."""
        values = self.sounding(take)
        start = 0
        if rng is not None and self.crop == "anywhere":
            start = int(rng.integers(max(values.shape[-1] - self.frames, 0) + 1))
        values = values[:, start : start + self.frames]
        # What a codec makes of silence is learned like any other sound.
        missing = self.frames - values.shape[-1]
        silence = self.stored[take.semitones].silence[:, None].expand(-1, missing)
        return torch.cat((values, silence), dim=-1)

    def drawn(self, count: int, rng: Generator) -> tuple[list[Take], Tensor]:
        """Random takes, each as likely as any other, and their rows (count, D, frames)."""
        places = rng.integers(len(self.takes), size=count)
        takes = [self.takes[place] for place in places]
        return takes, torch.stack([self.row(take, rng) for take in takes])

    def spread(self, count: int) -> list[Take]:
        """At most `count` takes, evenly spread over all."""
        places = np.linspace(0, len(self.takes) - 1, min(count, len(self.takes)))
        return [self.takes[place] for place in places.round().astype(int)]
