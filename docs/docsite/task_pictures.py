"""A small picture per task for its card: each computed from sounds and features, none drawn by hand."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

import mirbricks as mb

SIZE = (3.2, 1.6)
Array = Any
COLOURS = ("#1b7837", "#d95f02", "#7b3294", "#2b7bba", "#c49a00", "#b5485d")


def pictures(samples: Array, sr_hz: int) -> Iterator[tuple[str, bytes]]:
    """The name of each task and its picture as PNG."""
    chroma = features("chroma", samples, sr_hz)
    mel = features("logmel", samples, sr_hz)
    cqt = features("cqt", samples, sr_hz)
    yield "multi_pitch", drawn(lambda axes: image(axes, cqt[24:200], "magma"))
    yield "f0", drawn(lambda axes: loudest(axes, cqt[24:200]))
    yield "tagging", drawn(lambda axes: image(axes, mel, "viridis"))
    yield "chords", drawn(lambda axes: image(axes, chroma, "cividis"))
    yield "covers", drawn(lambda axes: image(axes, likeness(chroma), "magma"))
    yield "self_supervised", drawn(lambda axes: scatter(axes, mel))
    yield "separation", drawn(lambda axes: two_parts(axes, cqt[24:200]))
    yield "generation", drawn(noise_to_sound(mel))


def features(name: str, samples: Array, sr_hz: int) -> Array:
    """One feature of the clip, (bins, frames)."""
    with torch.no_grad():
        found = mb.feature(name, sr_hz=sr_hz)(torch.from_numpy(samples))
    return found.reshape(-1, found.shape[-2], found.shape[-1])[0].numpy()


def drawn(draw: Callable[[Any], None]) -> bytes:
    """Axes that fill a small picture, as PNG."""
    figure = Figure(figsize=SIZE)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.axis("off")
    draw(axes)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=150, transparent=True, metadata={"Software": None})
    return stream.getvalue()


def image(axes: Any, values: Array, colours: str) -> None:
    """Values as a picture, low rows at the foot."""
    low, high = np.percentile(values, (20, 99.8))
    axes.imshow(
        values, origin="lower", aspect="auto", cmap=colours, vmin=low, vmax=high
    )


def loudest(axes: Any, values: Array) -> None:
    """One bin per frame over the whole picture: the loudest, as a line."""
    image(axes, values, "gray")
    axes.plot(values.argmax(axis=0), color=COLOURS[1], linewidth=1.5)


def likeness(chroma: Array) -> Array:
    """How like each moment of the clip is to each moment of the same a fifth higher."""
    unit = chroma / (np.linalg.norm(chroma, axis=0) + 1e-6)
    moved = np.roll(unit, 7, axis=0)
    return np.asarray(unit.T @ moved)


def scatter(axes: Any, mel: Array) -> None:
    """Moments of the clip on their first two principal axes, coloured by when they are."""
    centred = mel - mel.mean(axis=1, keepdims=True)
    axis, _, _ = np.linalg.svd(centred, full_matrices=False)
    x, y = axis[:, :2].T @ centred
    part = np.arange(len(x)) * len(COLOURS) // len(x)
    axes.scatter(x, y, s=16, c=[COLOURS[i] for i in part], alpha=0.75, linewidths=0)


def two_parts(axes: Any, cqt: Array) -> None:
    """The low voices and the high ones of the clip in two colours."""
    low, high = np.percentile(cqt, (35, 99.8))
    level = np.clip((cqt - low) / (high - low), 0.0, 1.0)
    rows = np.linspace(-6.0, 6.0, len(level))[:, None]
    share = 1.0 / (1.0 + np.exp(-rows))
    orange = np.array((0.96, 0.55, 0.15))
    blue = np.array((0.25, 0.60, 0.95))
    colour = share[..., None] * orange + (1.0 - share[..., None]) * blue
    axes.imshow(level[..., None] * colour, origin="lower", aspect="auto")


def noise_to_sound(mel: Array) -> Callable[[Any], None]:
    """A picture that goes from noise on the left to the clip on the right, as a flow does."""
    low, high = np.percentile(mel, (5, 99.8))
    level = (mel - low) / (high - low)
    noise = np.random.default_rng(0).random(level.shape)
    share = np.clip(np.linspace(-0.3, 1.3, level.shape[1]), 0.0, 1.0)
    return lambda axes: image(axes, share * level + (1.0 - share) * noise, "plasma")
