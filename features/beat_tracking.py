"""Beats of a recording: how strong the onsets are, the tempo, and the beats that fit both best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Float = NDArray[np.float64]

SMOOTH_S = 0.4  # moving mean that is taken from the onset strength
OCTAVES = 1.0  # standard deviation of the prior of the tempo
# periods that are tried
SLOWEST_S = 2.0
FASTEST_S = 0.15
TIGHTNESS = 100.0


def onset_strength(db: Tensor, rate_hz: float) -> Float:
    """(T,) of a mel spectrogram (F, T) in decibels: mean rise over the bands, above its own moving mean, sd 1.

    Source: Ellis, "Beat Tracking by Dynamic Programming", Journal of New Music Research 36(1), 2007.
    """
    # Only rises count: energy that appears is an onset, energy that fades is not.
    rise = (
        db.diff(dim=-1, prepend=db[..., :1])
        .clamp_min(0)
        .mean(dim=0)
        .double()
        .cpu()
        .numpy()
    )

    # `| 1` makes the length of the mean odd, which centres it on its frame.
    n = min(len(rise), max(1, round(SMOOTH_S * rate_hz)) | 1)
    mean = np.convolve(np.pad(rise, n // 2, "edge"), np.ones(n) / n, "valid")[
        : len(rise)
    ]
    above: Float = np.maximum(rise - mean, 0)
    # Deviation 1, because TIGHTNESS weighs the steps
    # between beats against onsets of that size.
    spread = float(above.std())
    if spread <= 1e-9:
        return np.zeros_like(above)
    scaled: Float = above / spread
    return scaled


def beat_period(onsets: Float, rate_hz: float, prior_bpm: float) -> float:
    """Frames between beats: the highest autocorrelation times a log-normal prior. Source: Ellis 2007."""
    n_lags = min(int(SLOWEST_S * rate_hz) + 2, len(onsets))
    # The autocorrelation, by way of the power spectrum; twice the length, so that the end does not meet the beginning.
    spectrum = np.fft.rfft(onsets, 2 * len(onsets))
    together = np.fft.irfft(np.abs(spectrum) ** 2)[:n_lags]
    lags = np.arange(n_lags)
    first = max(1, int(FASTEST_S * rate_hz))
    prior_frames = 60 * rate_hz / prior_bpm
    # Too little to find a period in: the likeliest tempo it is.
    if n_lags <= first + 2 or not together[first:].max() > 0:
        return prior_frames
    # Half and double tempo have as high an autocorrelation; the prior decides between them.
    octaves = np.log2(np.maximum(lags, 1) / prior_frames)
    weighed = together * np.exp(-0.5 * (octaves / OCTAVES) ** 2)
    best = first + int(weighed[first:-1].argmax())
    # Between two lags a parabola through the highest three values shows where the top is.
    left, top, right = weighed[best - 1 : best + 2]
    bend = left - 2 * top + right
    return best + (
        0.5 * float(left - right) / float(bend)
        if left <= top >= right and bend < 0
        else 0.0
    )


def beat_frames(onsets: Float, period: float) -> NDArray[np.int64]:
    """Frames of the beats: many onsets, and steps near `period`, by dynamic programming. Source: Ellis 2007."""
    # An onset counts a little beside its frame too: players are not exact.
    reach = np.arange(-round(period), round(period) + 1)
    smooth = np.exp(-0.5 * (reach * 32 / period) ** 2)
    local = np.convolve(np.pad(onsets, len(reach) // 2), smooth, "valid")
    # Where the beat before may lie, and what it costs to differ from the period, in logarithms of the ratio.
    back = np.arange(-round(2 * period), -max(1, round(period / 2)) + 1)
    cost = -TIGHTNESS * np.log(-back / period) ** 2
    total = local.copy()
    link = np.full(len(local), -1)
    # The best sequence of beats that ends in each frame, from the best ones that ended before it.
    for t in range(len(local)):
        skip = max(0, -t - int(back[0]))
        if skip >= len(back):
            continue
        before = total[t + back[0] + skip : t + back[-1] + 1] + cost[skip:]
        best = int(before.argmax())
        if before[best] > 0:
            total[t], link[t] = local[t] + before[best], t + back[skip + best]
    return _followed(total, link)


def _followed(total: Float, link: NDArray[np.int64]) -> NDArray[np.int64]:
    """Back from the last peak that is at least half as high as peaks are."""
    # The last beat is a peak that is not much lower than others: music fades out, and so do the sums.
    inner = np.flatnonzero((total[1:-1] > total[:-2]) & (total[1:-1] >= total[2:])) + 1
    if not len(inner):
        return np.empty(0, np.int64)
    frames = [int(inner[total[inner] >= 0.5 * np.median(total[inner])][-1])]
    while link[frames[-1]] >= 0:
        frames.append(int(link[frames[-1]]))
    return np.array(frames[::-1], np.int64)


def track_beats(db: Tensor, rate_hz: float, prior_bpm: float = 120.0) -> Float:
    """Times in s of the beats of a mel spectrogram (F, T) in decibels, whose frame t is centred on t / rate_hz."""
    onsets = onset_strength(db, rate_hz)
    if not onsets.any():
        return np.empty(0)
    return beat_frames(onsets, beat_period(onsets, rate_hz, prior_bpm)) / rate_hz
