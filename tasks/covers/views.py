"""What a model sees of a recording: its feature compressed, and in training changed as covers change music."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from ..patches import MOST_RANKED, as_input, random_start, rotated, transposed
from ..reading import InMemory, Recorded
from .config import CoversConfig, ViewsConfig

FIFTH = 7


def held(feature: Recorded, most: int = MOST_RANKED) -> Recorded:
    """In memory where it has at most so many values: decompressing a file for each patch takes its time."""
    if feature.n_frames * math.prod(feature.shape) <= most:
        return InMemory(feature.read())
    return feature


def prepared(x: Tensor, level: float, config: CoversConfig) -> Tensor:
    """Compressed features (..., D, T), before any rotation."""
    return _compressed(_powered(x, config), level, config)


def _powered(x: Tensor, config: CoversConfig) -> Tensor:
    if config.power == 1.0:
        return x
    return x.clamp_min(0).pow(config.power)


def _compressed(x: Tensor, level: float, config: CoversConfig) -> Tensor:
    if config.compression is not None:
        # The values have been raised to the power already, so
        # the level must be too: log(1 + c (x / p)^power).
        x = torch.log1p(config.compression * x.clamp_min(0) / level**config.power)
    if config.unit_frames:
        return functional.normalize(x, dim=-2)
    return x


def for_graph(x: Tensor, config: CoversConfig, rank: int) -> Tensor:
    """(B, ..., D, T) for the graph: the octave repeated, an axis of one channel where it reads one axis more."""
    if config.repeat_octave:
        # Each of the n rotations is then a window of the 2 n - 1 rows, which a
        # convolution of n rows finds wherever it lies: Yesiler et al., ICASSP 2020.
        x = torch.cat([x, x[..., :-1, :]], dim=-2)
    return as_input(x, rank)


def restructured(x: Tensor, rng: Generator, max_sections: int) -> Tensor:
    """Frames (..., T) cut into 3 to `max_sections` sections, of which one is left out, repeated, or swaps places."""
    n_frames = x.shape[-1]
    count = min(int(rng.integers(3, max_sections + 1)), n_frames)
    if count < 3:
        return x
    # Cuts are distinct and lie inside, so that no section is empty.
    cuts = [
        0,
        *sorted((rng.choice(n_frames - 1, count - 1, replace=False) + 1).tolist()),
        n_frames,
    ]
    order = list(range(count))
    one, other = (int(k) for k in rng.choice(count, 2, replace=False))

    # What covers do to the structure: leave a section
    # out, play it twice, change the order.
    change = int(rng.integers(3))
    if change == 0:
        del order[one]
    elif change == 1:
        order.insert(one, one)
    else:
        order[one], order[other] = order[other], order[one]
    return torch.cat([x[..., cuts[k] : cuts[k + 1]] for k in order], dim=-1)


def at_tempo(x: Tensor, rate: float) -> Tensor:
    """Frames (..., T) played `rate` times as fast, linear between frames."""
    n_frames = max(1, round(x.shape[-1] / rate))
    flat = x.reshape(1, -1, x.shape[-1])
    return functional.interpolate(flat, size=n_frames, mode="linear").reshape(
        *x.shape[:-1], n_frames
    )


def fitted(x: Tensor, n_frames: int, start: int = 0) -> Tensor:
    """`n_frames` of x (..., T) from `start` on, zeros behind its end."""
    part = x[..., start : start + n_frames]
    return functional.pad(part, (0, n_frames - part.shape[-1]))


@dataclass(frozen=True)
class Moment:
    """A place in a recording, its middle in frames, and a key, which several views share."""

    middle: int
    semitones: int


def moment(feature: Recorded, config: CoversConfig, rng: Generator) -> Moment:
    """Any place of a recording, in any key of `config.views`."""
    start = random_start(feature.n_frames, config.patch_frames, rng)
    return Moment(start + config.patch_frames // 2, _semitones(config.views, rng))


def view(
    feature: Recorded,
    level: float,
    config: CoversConfig,
    rng: Generator,
    at: Moment | None = None,
) -> Tensor:
    """A patch (..., D, patch_frames) from anywhere in a recording or about a moment, changed as `config.views` says."""
    views = config.views
    n = config.patch_frames
    # Log-uniform: twice as fast is as likely as half as fast.
    rate = math.exp(float(rng.uniform(-1, 1)) * math.log(views.max_tempo))
    cut = rng.random() < views.structure
    # A faster view needs more frames, and one that may lose a section twice as many.
    wanted = min(feature.n_frames, math.ceil(n * rate) * (2 if cut else 1))
    last = feature.n_frames - wanted
    if at is None:
        start = int(rng.integers(last + 1))
    else:
        jitter = int(rng.integers(-views.jitter_frames, views.jitter_frames + 1))
        start = min(max(0, at.middle + jitter - wanted // 2), last)

    # Tempo, gains and noise come before the logarithm,
    # where values still scale as sound does.
    x = _powered(feature.read(start, start + wanted), config)
    if cut:
        x = restructured(x, rng, views.max_sections)
    if rate != 1.0:
        x = at_tempo(x, rate)
    # Sections and tempo have changed the length, so the patch is cut only now.
    x = fitted(x, n, random_start(x.shape[-1], n, rng))
    x = _disturbed(x, level**config.power, views, rng)
    if at is None:
        semitones = _semitones(views, rng)
    else:
        semitones = at.semitones
    return transposed(
        _compressed(x, level, config),
        semitones,
        views.transpose,
        views.bins_per_semitone,
    )


def _disturbed(x: Tensor, level: float, views: ViewsConfig, rng: Generator) -> Tensor:
    """Another level, timbre, noise, and stretches of nothing."""
    # Uniform in dB; 10^(dB / 20) is a factor of amplitude.
    x = x * 10 ** (float(rng.uniform(-1, 1)) * views.gain_db / 20)
    # Timbre: a log-normal gain per bin, the same in all frames.
    if views.colour:
        x = (
            x
            * torch.from_numpy(rng.normal(0, views.colour, (*x.shape[:-1], 1)))
            .float()
            .exp()
        )
    if views.noise:
        # The level is a norm over D bins: over √D it is the level of one bin.
        drawn = torch.from_numpy(rng.standard_normal(tuple(x.shape), "float32"))
        x = (x + views.noise * level / math.sqrt(x.shape[-2]) * drawn).clamp_min(0)
    # The third partial of a tone lies a fifth (and an octave)
    # above it; how strong it is depends on the instrument.
    if views.leak and rng.random() < 0.5:
        x = x + float(rng.uniform(0, views.leak)) * rotated(x, FIFTH)
    # In place, on the copy that the gain above has made.
    for _ in range(views.frame_masks):
        width = min(int(rng.integers(views.max_mask_frames + 1)), x.shape[-1])
        place = int(rng.integers(x.shape[-1] - width + 1))
        x[..., place : place + width] = 0
    return x


def _semitones(views: ViewsConfig, rng: Generator) -> int:
    if views.transpose != "none":
        most = views.max_semitones
    else:
        most = 0
    return int(rng.integers(-most, most + 1))
