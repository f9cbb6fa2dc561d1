"""Time stretching by a phase vocoder with identity phase locking, a rate for each example.

Source: Laroche & Dolson, "Improved Phase Vocoder Time-Scale Modification of Audio", IEEE Trans. Speech and Audio
Processing 7(3), 1999, section IV-B: the phase of a peak goes on from frame to frame, and the bins around it keep the
phases that they have relative to it. Without that, as in most libraries, partials lose up to half of their power.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

N_FFT = 2048
HOP_SAMPLES = 512
PEAK_BINS = 2  # a peak is greater than that many bins on either side


def stretched(x: Tensor, rates: Tensor, n_samples: int) -> Tensor:
    """x (B, C, N) played rates (B,) times as fast at the same pitch: (B, C, n_samples), silence after its end."""
    b, c, n = x.shape
    # The frames of the sound, with silence around it so that its ends are whole.
    window = torch.hann_window(N_FFT, device=x.device, dtype=x.dtype)
    padded = functional.pad(x.reshape(b * c, n), (N_FFT, N_FFT))
    spectrum = torch.stft(
        padded, N_FFT, HOP_SAMPLES, window=window, center=False, return_complex=True
    )
    each = rates.to(x.device, torch.float64).repeat_interleave(c)
    y = _overlapped(_stretched_frames(spectrum, each), window)
    # Where the stretched sound begins, and where it ends: around it there is silence.
    begin = (N_FFT / each + N_FFT / 2 * (1 - 1 / each)).round().long()
    place = begin[:, None] + torch.arange(n_samples, device=x.device)
    ends = begin + (n / each).round().long()
    inside = (place < ends[:, None]) & (place < y.shape[1])
    return torch.where(
        inside, y.gather(1, place.clamp_max(y.shape[1] - 1)), 0.0
    ).reshape(b, c, n_samples)


def _stretched_frames(spectrum: Tensor, rates: Tensor) -> Tensor:
    """Frames (R, K, M) read at 0, rate, 2 rate, ...: (R, K, M'), M' enough for the slowest row."""
    rows, bins, frames = spectrum.shape
    # Which peak each bin belongs to, and its phase relative to that peak.
    magnitude = spectrum.abs()
    phase = spectrum.angle()
    peak = _nearest_peak(magnitude)
    relative = phase - phase.gather(1, peak)
    # How fast the phase of each bin turns: its own frequency, plus what was measured beyond it.
    advance = torch.arange(bins, device=spectrum.device, dtype=phase.dtype)[:, None] * (
        2 * math.pi * HOP_SAMPLES / N_FFT
    )
    step = functional.pad(phase.diff(dim=2), (0, 1)) - advance
    step = step - 2 * math.pi * (step / (2 * math.pi)).round() + advance

    # The frames that are read, between two of those there are.
    place = (
        torch.arange(math.ceil(frames / float(rates.min())), device=spectrum.device)
        * rates[:, None]
    )
    whole = place.long().clamp_max(frames - 1)
    share = (place - whole).clamp(0, 1).to(phase.dtype)[:, None]
    share = torch.where((place < frames)[:, None], share, 1.0)

    def at(values: Tensor, number: Tensor) -> Tensor:
        return values.gather(2, number[:, None].expand(rows, bins, -1))

    loud = torch.lerp(
        at(magnitude, whole), at(functional.pad(magnitude, (0, 1)), whole + 1), share
    )
    peak = at(peak, whole)
    relative = at(relative, whole)
    step = at(step, whole)
    # Peaks go on at their speed from frame to frame; the bins around them keep their distance in phase.
    now = phase[..., 0]
    phases = [phase[..., 0]]
    for j in range(1, place.shape[1]):
        now = (now + step[..., j - 1]).gather(1, peak[..., j]) + relative[..., j]
        phases.append(now)
    return torch.polar(loud, torch.stack(phases, dim=2))


def _nearest_peak(magnitude: Tensor) -> Tensor:
    """The bin of the peak that each bin belongs to, (R, K, M); a bin belongs to itself where there is no peak."""
    number = torch.arange(magnitude.shape[1], device=magnitude.device)[
        :, None
    ].expand_as(magnitude)
    # Peaks are greater than their neighbours; all other bins go to the nearest one, below or above.
    around = functional.max_pool1d(
        magnitude.transpose(1, 2), 2 * PEAK_BINS + 1, 1, PEAK_BINS
    ).transpose(1, 2)
    is_peak = (magnitude == around) & (magnitude > 0)
    far = 2 * magnitude.shape[1]
    below = torch.where(is_peak, number, -far).cummax(dim=1).values
    above = torch.where(is_peak, number, far).flip(1).cummin(dim=1).values.flip(1)
    nearest = torch.where(number - below <= above - number, below, above)
    return torch.where((nearest >= 0) & (nearest < far), nearest, number)


def _overlapped(spectrum: Tensor, window: Tensor) -> Tensor:
    """The inverse of an uncentred STFT (R, K, M): (R, N). Edges that no full window covers fade out."""
    # Back to sound: windowed frames are added where they overlap, over the sum of the windows.
    frames = torch.fft.irfft(spectrum.transpose(1, 2), N_FFT) * window
    n = N_FFT + HOP_SAMPLES * (frames.shape[1] - 1)

    def fold(columns: Tensor) -> Tensor:
        return functional.fold(
            columns.transpose(1, 2), (1, n), (1, N_FFT), stride=(1, HOP_SAMPLES)
        )[:, 0, 0]

    weight = fold(window.square().expand(1, frames.shape[1], -1))
    return fold(frames) / weight.clamp_min(0.1)
