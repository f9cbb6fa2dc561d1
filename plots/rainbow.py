"""The rainbowgram of a note: how steady the phase of each partial is, as colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .spectrum import as_channels
from .style import INK, canvas, title_of

Float = NDArray[Any]

LOWEST_HZ = 32.7  # C1
BINS_PER_OCTAVE = 40  # as in the paper
MOST_OCTAVES = 8
HIGHEST = (
    0.4  # of the sample rate: the filters of the highest bins must end below half of it
)
HOP_S = 0.016  # 256 samples at 16 kHz, as in the paper
FEWEST_SAMPLES = 256
DYNAMIC_RANGE_DB = 70.0  # under the loudest, as in the paper
LONGEST_S = 10.0
OCTAVES_HZ = (55, 110, 220, 440, 880, 1760, 3520, 7040)


def rainbowgram(
    samples: Any, sr_hz: int, title: str = "", ax: Axes | None = None
) -> Figure:
    """The constant-Q transform of a note: the advance of the phase as colour, the magnitude as brightness.

    A steady partial has one colour all along; one that beats, bends or is noisy changes it.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        Channels are averaged; the first 10 s are drawn.
    sr_hz : int
        Their sample rate in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; by default a new figure is made.

    Returns
    -------
    Figure

    References
    ----------
    Engel et al., "Neural audio synthesis of musical notes with WaveNet autoencoders", ICML 2017 (arXiv:1704.01279),
    section 4.1. The paper draws the derivative of the unwrapped phase; here the same advance is wrapped to one turn
    per frame, and a cyclic map of colours shows it, so that no colour depends on where the unwrapping began.
    """
    transform, frequencies_hz, hop_s = _constant_q(samples, sr_hz)
    figure, axes = canvas(ax, 8.0, 3.6)
    bottom, top = np.log2(frequencies_hz[[0, -1]])
    n_frames = transform.shape[1]
    axes.imshow(
        colours(transform),
        aspect="auto",
        origin="lower",
        extent=(-hop_s / 2, (n_frames - 0.5) * hop_s, float(bottom), float(top)),
        interpolation="nearest",
    )
    ticks = [hz for hz in OCTAVES_HZ if bottom <= np.log2(hz) <= top]
    axes.set_yticks(np.log2(ticks), [str(hz) for hz in ticks])
    axes.set(xlim=(0.0, max((n_frames - 1) * hop_s, hop_s)))
    axes.set(xlabel="time (s)", ylabel="frequency (Hz)")
    _key(figure, axes)
    title_of(axes, title)
    return figure


def phase_advance(transform: Float) -> Float:
    """How far the phase of each bin moves in a frame, in turns from -1/2 to 1/2; 0 in the first frame.

    This is the instantaneous frequency times the time of a frame, less whole turns.
    """
    step = transform[:, 1:] * np.conj(transform[:, :-1])
    advance = np.zeros(transform.shape)
    advance[:, 1:] = np.angle(step) / (2 * np.pi)
    # The first frame has none before it: it takes the colour of the second.
    if transform.shape[1] > 1:
        advance[:, 0] = advance[:, 1]
    return advance


def colours(transform: Float) -> Float:
    """(F, T) complex -> (F, T, 3): hue is the advance of the phase, brightness the level in dB over a range of 70."""
    magnitude = np.abs(transform)
    loudest = max(float(magnitude.max()), 1e-12)
    floor = loudest * 10 ** (-DYNAMIC_RANGE_DB / 20)
    level_db = 20 * np.log10(np.maximum(magnitude, floor) / loudest)
    brightness = 1 + level_db / DYNAMIC_RANGE_DB
    # Digital silence is dark, not as bright as its own maximum.
    if magnitude.max() == 0:
        brightness[:] = 0.0
    hue = phase_advance(transform) % 1.0
    saturation = np.full(hue.shape, 0.85)
    return np.asarray(hsv_to_rgb(np.stack([hue, saturation, brightness], axis=-1)))


def _constant_q(samples: Any, sr_hz: int) -> tuple[Float, Float, float]:
    """The transform (F, T), its frequencies in Hz and the time of a frame in s."""
    import torch

    from ..features.cqt import CQTFeature, CQTFeatureConfig

    mono = as_channels(samples).mean(axis=0)[: int(LONGEST_S * sr_hz)]
    # A fraction of a frame is a picture too, with silence around it.
    mono = np.pad(mono, (0, max(0, FEWEST_SAMPLES - len(mono))))
    octaves = int(np.log2(HIGHEST * sr_hz / LOWEST_HZ))
    hop = int(2 ** round(np.log2(HOP_S * sr_hz)))
    config = CQTFeatureConfig(
        sr_hz=int(sr_hz),
        fmin_hz=LOWEST_HZ,
        n_octaves=max(1, min(MOST_OCTAVES, octaves)),
        bins_per_octave=BINS_PER_OCTAVE,
        hop_length=hop,
    )
    feature = CQTFeature(config)
    with torch.inference_mode():
        wave = torch.from_numpy(mono.astype(np.float32))
        transform = feature(wave[None])[0, 0].numpy()
    return transform, feature.frequencies_hz().numpy(), hop / sr_hz


def _key(figure: Figure, axes: Axes) -> None:
    """The circle of colours as a bar, with what it stands for."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    hues = np.linspace(-0.5, 0.5, 128) % 1.0
    full = np.ones_like(hues)
    ring = ListedColormap(hsv_to_rgb(np.stack([hues, 0.85 * full, full], axis=-1)))
    shown = ScalarMappable(Normalize(-0.5, 0.5), ring)
    bar = figure.colorbar(shown, ax=axes, pad=0.01, ticks=[-0.5, 0.0, 0.5])
    bar.set_label("advance of phase (turns per frame)", fontsize=8, color=INK)
