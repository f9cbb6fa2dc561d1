"""Chords change at even distances: where a change is likely, and how much likelier than elsewhere.

The change between two frames is Foote's novelty with a kernel of one frame on what the model gives; its local period is
the lag at which it is most like itself, and the mean with the neighbours at this distance tells changes that keep time
from others. Sources: Foote, "Automatic audio segmentation using a measure of audio novelty", ICME 2000; Papadopoulos &
Peeters, "Joint estimation of chords and downbeats from an audio signal", IEEE TASLP 2011, for changes that keep time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
BLUR_S = 0.075  # a model does not place a change better than to a frame or two
SHORTEST_S = 1.5  # between the changes that may keep time: a bar, or half of a slow one
LONGEST_S = 6.0
LOCAL_S = 4.0  # around a frame, whose mean change is taken off
SEEN_S = 30.0  # around a frame, from which its period is told
NEIGHBOURS = (-3, -2, -1, 1, 2, 3)  # periods away
NEARER = 0.8  # the weight of each neighbour to that of the one before it
FLOOR = 0.005  # of a change, below which differences mean nothing
MOST = 2.0  # of the logarithm, in either direction


def likelier(log_probability: Float64, hop_s: float) -> Float64:
    """How much likelier than on average the chord changes from each frame's predecessor to it: logarithms (T,).

    `log_probability` is (T, K); 0 stands for as likely as on average.
    """
    if len(log_probability) < 2:
        return np.zeros(len(log_probability))
    change = _changes(log_probability, hop_s)
    period = _periods(change, hop_s)

    # Each frame with those that are whole periods away, as far as the recording goes.
    frames = np.arange(len(change))
    total = change.copy()
    weight = np.ones(len(change))
    for number in NEIGHBOURS:
        place = frames + number * period
        inside = (place >= 0) & (place < len(change))
        share = NEARER ** abs(number)
        total[inside] += share * change[place[inside]]
        weight[inside] += share
    even: Float64 = total / weight

    ratio = np.log((even + FLOOR) / (even.mean() + FLOOR))
    return np.asarray(np.clip(ratio, -MOST, MOST), np.float64)


def _changes(log_probability: Float64, hop_s: float) -> Float64:
    """1 - Σ_k √(p_k q_k) of each frame and the one before it, blurred a little."""
    roots = np.exp(0.5 * log_probability)
    change = np.zeros(len(roots))
    change[1:] = 1 - np.einsum("tk,tk->t", roots[1:], roots[:-1])

    reach = int(np.ceil(2 * BLUR_S / hop_s))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * hop_s / BLUR_S) ** 2)
    return _summed(change, taps / taps.sum())


def _periods(change: Float64, hop_s: float) -> NDArray[np.int64]:
    """The lag in frames, for each frame, at which the changes around it are most like themselves."""
    n_frames = len(change)
    about = np.ones(round(LOCAL_S / hop_s) | 1)
    # Without the local mean a busy passage would favour every lag alike.
    mean = _summed(change, about) / _summed(np.ones(n_frames), about)
    centred = change - mean
    half = round(SEEN_S / hop_s / 2)
    frames = np.arange(n_frames)
    lags = np.arange(
        max(1, round(SHORTEST_S / hop_s)), max(1, round(LONGEST_S / hop_s)) + 1
    )

    alike = np.full(n_frames, -np.inf)
    period = np.full(n_frames, lags[0])
    for lag in lags[lags < n_frames]:
        sums = np.concatenate([[0.0], np.cumsum(centred[:-lag] * centred[lag:])])
        # Products of the frames from `half` before to `half` after: each lies between its two frames.
        begin = np.clip(frames - half - lag // 2, 0, len(sums) - 1)
        end = np.clip(frames + half - lag // 2, 0, len(sums) - 1)
        found = sums[end] - sums[begin]
        better = found > alike
        alike[better] = found[better]
        period[better] = lag
    return period


def _summed(values: Float64, window: Float64) -> Float64:
    """The sum of `values` around each under an odd window, zeros outside; as many as there were."""
    half = len(window) // 2
    found = np.convolve(values, window)[half : half + len(values)]
    return np.asarray(found, np.float64)
