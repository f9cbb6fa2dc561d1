"""A constant-Q transform that can be inverted: a nonstationary Gabor frame whose windows are chosen in frequency.

Velasco, Holighaus, Dörfler & Grill, "Constructing an invertible constant-Q transform with non-stationary Gabor
frames", DAFx 2011: band k is the inverse Fourier transform of the spectrum times a window W_k. If each window is no
wider than its band has coefficients (the painless case), the frame operator is Σ |W_k|², and dividing by it inverts
the transform. Here Σ W_k² = 1, so that the synthesis takes the same windows and divides by nothing. All bands have
the same number of coefficients, as in Schörkhuber, Klapuri, Holighaus & Dörfler, "A Matlab toolbox for efficient
perfect reconstruction time-frequency transforms with log-frequency resolution", AES 2014, so that they make a matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class GaborFrame:
    """Bands and frames; between two centres the window of one falls as that of the next rises.

    Parameters
    ----------
    sr_hz : int
        Sample rate of the waveform.
    fmin_hz : float
        Centre of the lowest constant-Q bin.
    n_octaves, bins_per_octave : int
        The constant-Q bins are n_octaves * bins_per_octave.
    hop_length : int
        Samples from one frame to the next.
    """

    sr_hz: int
    fmin_hz: float
    n_octaves: int
    bins_per_octave: int
    hop_length: int

    def centres_hz(self) -> tuple[float, ...]:
        """The centre of each row: 0 Hz, the constant-Q bins, and rows at even steps up to half the sample rate."""
        return _centres_hz(self)

    @property
    def n_bins(self) -> int:
        """Rows of the matrix."""
        return len(self.centres_hz())

    def widest_hz(self) -> float:
        """The widest window, from the centre below to the centre above; it must not exceed sr_hz / hop_length.

        Rows above the constant-Q bins are as wide as that by design, and are left out.
        """
        n_bins = 1 + self.n_octaves * self.bins_per_octave
        centres = np.array(self.centres_hz()[:n_bins])
        steps = np.diff(centres)
        # The highest bin reaches as far up as its window falls; the row above may be nearer.
        upwards = centres[-1] * (2.0 ** (1 / self.bins_per_octave) - 1.0)
        pairs = steps + np.append(steps[1:], upwards)
        return float(max(pairs.max(), 2.0 * upwards, centres[1]))

    def analyse(self, wave: Tensor) -> Tensor:
        """(..., N) real -> (..., F, T) complex, T = ceil(N / hop_length); N is filled up with silence to whole hops."""
        n_frames = -(-wave.shape[-1] // self.hop_length)
        n_samples = n_frames * self.hop_length
        spectrum = torch.fft.rfft(wave, n=n_samples)
        places, windows = self._windows(n_frames, wave)
        bands: Tensor = torch.fft.ifft(spectrum[..., places] * windows)
        return bands

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """(..., F, T) complex -> (..., T hop_length) real: the inverse, or the nearest by least squares."""
        n_frames = coefficients.shape[-1]
        n_samples = n_frames * self.hop_length
        places, windows = self._windows(n_frames, coefficients.real)
        bands = (torch.fft.fft(coefficients) * windows).flatten(-2)
        # Every Fourier bin lies in two windows at most, and is the sum of what they have of it.
        spectrum = bands.new_zeros((*bands.shape[:-1], n_samples // 2 + 1))
        spectrum = spectrum.index_add(-1, places.flatten(), bands)
        wave: Tensor = torch.fft.irfft(spectrum, n=n_samples)
        return wave

    def _windows(self, n_frames: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """The Fourier bin of each of the (F, T) values before the inverse transform, and its window.

        A band takes T Fourier bins from the first one in its window on; each lies at its number modulo T, which
        keeps the phase of the coefficients that of the waveform.
        """
        device = like.device
        n_samples = n_frames * self.hop_length
        last = n_samples // 2
        centres = torch.tensor(self.centres_hz(), dtype=torch.float64, device=device)
        bin_hz = self.sr_hz / n_samples

        # The first window and the last have but one side that matters.
        below = functional.pad(centres[:-1], (1, 0), value=-1.0)
        above = functional.pad(centres[1:], (0, 1), value=float(self.sr_hz))
        first = torch.ceil(below / bin_hz).long().clamp_min(0)[:, None]
        column = torch.arange(n_frames, device=device)
        places = first + (column - first) % n_frames

        # W_k = cos(π/2 d), d the distance from the centre as a share of that to the next one: the squares of two
        # neighbours are a cosine's and a sine's.
        hz = places.double() * bin_hz
        rising = (centres[:, None] - hz) / (centres - below)[:, None]
        falling = (hz - centres[:, None]) / (above - centres)[:, None]
        distance = torch.maximum(rising, falling)
        windows = torch.cos(0.5 * math.pi * distance)
        outside = (distance >= 1.0) | (places > last)
        windows = windows.masked_fill(outside, 0.0)
        return places.clamp(max=last), windows.to(like.dtype)


@lru_cache(maxsize=64)
def _centres_hz(frame: GaborFrame) -> tuple[float, ...]:
    n_bins = frame.n_octaves * frame.bins_per_octave
    steps = np.arange(n_bins) / frame.bins_per_octave
    centres = [0.0, *(frame.fmin_hz * 2.0**steps).tolist()]
    # Above the highest bin rows are as wide as the frames allow, so that they are few.
    nyquist_hz = frame.sr_hz / 2
    while centres[-1] < nyquist_hz:
        centres.append(centres[-1] + frame.sr_hz / (2 * frame.hop_length))
    return tuple(centres)
