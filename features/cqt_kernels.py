"""The numbers behind the HCQT: where each octave is computed, with which kernel, after which low-pass filter.

The transform is the one of Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010:
an octave is a short-time Fourier transform times a small kernel, and lower octaves use decimated audio. Lengths,
normalisation and sparsity follow librosa 0.11 (`librosa.cqt` with its defaults), so that the values agree with it.

A *level* is a number of decimations by 2. Octaves of different harmonics that are computed at the same level from
frames of the same length share their Fourier transforms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complex64]

# Rows of a kernel in one product: fewer rows skip more zeros, and make more calls.
ROWS_TOGETHER = 15
SPARSITY = 0.01  # share of a kernel row's summed magnitude that is dropped
HANN_BANDWIDTH = 1.50018310546875  # equivalent noise bandwidth of the Hann window, in bins, as librosa tabulates it


@dataclass(frozen=True)
class OctaveKernel:
    """One octave of one harmonic.

    level         decimations by 2 before the Fourier transform
    frame_samples length of the Fourier transform at that level
    first_bin     the Fourier bin of the kernel's first column
    rows          (bins of the octave, Fourier bins) complex; the response is rows @ spectrum
    """

    level: int
    frame_samples: int
    first_bin: int
    rows: Complex

    def parts(self) -> Iterator[tuple[int, int, Complex]]:
        """A few rows at a time, with the Fourier bins that they need: (first row, first Fourier bin, rows).

        Each row is 0 but for a narrow band, and the bands rise from row to row: most of an octave's product is by 0.
        """
        for row in range(0, len(self.rows), ROWS_TOGETHER):
            rows = self.rows[row : row + ROWS_TOGETHER]
            used = np.flatnonzero(rows.any(axis=0))
            first = int(used[0])
            last = int(used[-1])
            part = np.ascontiguousarray(rows[:, first : last + 1])
            yield row, self.first_bin + first, part


def quality_factor(bins_per_octave: int) -> float:
    """Centre frequency over bandwidth of every filter (librosa's `filter_scale=1`)."""
    step = float(2.0 ** (2.0 / bins_per_octave))
    return (step + 1.0) / (step - 1.0)


def cutoff_hz(top_hz: float, bins_per_octave: int, gamma_hz: float = 0.0) -> float:
    """The frequency that must stay below Nyquist for the filter centred at `top_hz`."""
    constant_q = 1.0 + 0.5 * HANN_BANDWIDTH / quality_factor(bins_per_octave)
    return top_hz * constant_q + 0.5 * gamma_hz


def filter_lengths(
    bins_hz: npt.NDArray[np.float64],
    sr_hz: float,
    bins_per_octave: int,
    gamma_hz: float,
) -> npt.NDArray[np.float64]:
    """Samples of every filter: Q periods of its own frequency, and fewer where gamma_hz widens its band.

    N_k = Q f_s / (f_k + Q gamma), Schörkhuber et al., "A Matlab toolbox for efficient perfect reconstruction
    time-frequency transforms with log-frequency resolution", AES 2014, section 3.2, in librosa's units.
    """
    q = quality_factor(bins_per_octave)
    return q * sr_hz / (bins_hz + q * gamma_hz)


def factors_of_two(hop_length: int) -> int:
    """How often the hop can be halved: the highest level there is."""
    return (hop_length & -hop_length).bit_length() - 1


def octave_kernels(
    sr_hz: float,
    fmin_hz: float,
    n_octaves: int,
    bins_per_octave: int,
    hop_length: int,
    gamma_hz: float = 0.0,
) -> Iterator[OctaveKernel]:
    """The octaves of one constant-Q transform, or of one of variable Q, lowest first."""
    n_bins = n_octaves * bins_per_octave
    bins_hz = fmin_hz * 2.0 ** (np.arange(n_bins) / bins_per_octave)
    highest = factors_of_two(hop_length)

    # librosa's early decimation: as often as the highest filter stays well below
    # Nyquist, and as the hop still allows in the lowest octave.
    highest_hz = cutoff_hz(bins_hz[-1], bins_per_octave, gamma_hz)
    room = math.ceil(math.log2(0.5 * sr_hz / highest_hz)) - 2
    top_level = max(0, min(room, highest - n_octaves + 1))
    for octave in range(n_octaves):
        # One octave lower is one decimation more, until the hop cannot be halved.
        level = min(top_level + n_octaves - 1 - octave, highest)
        octave_hz = bins_hz[octave * bins_per_octave : (octave + 1) * bins_per_octave]
        rows = _kernel(octave_hz, sr_hz, bins_per_octave, level, gamma_hz)
        # Rows are 0 outside their band: only its Fourier
        # bins are kept, and later multiplied.
        used = np.flatnonzero(rows.any(axis=0))
        first = int(used[0])
        last = int(used[-1])
        yield OctaveKernel(
            level,
            2 * (rows.shape[1] - 1),
            first,
            np.ascontiguousarray(rows[:, first : last + 1]),
        )


def _kernel(
    octave_hz: npt.NDArray[np.float64],
    sr_hz: float,
    bins_per_octave: int,
    level: int,
    gamma_hz: float,
) -> Complex:
    """Kernel rows over the Fourier bins 0 … Nyquist of a frame long enough for the octave's longest filter."""
    level_hz = sr_hz / 2**level
    lengths = filter_lengths(octave_hz, level_hz, bins_per_octave, gamma_hz)
    frame = 2 ** math.ceil(math.log2(lengths.max()))
    wavelets = np.zeros((len(octave_hz), frame), np.complex128)
    for row, hz, length in zip(wavelets, octave_hz, lengths, strict=True):
        start = math.floor(-length / 2)
        stop = math.floor(length / 2)
        n = stop - start
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)
        offset = (frame - n) // 2
        row[offset : offset + n] = (
            window
            / window.sum()
            * np.exp(2j * np.pi * hz / level_hz * np.arange(start, stop))
        )

    # By Parseval, a correlation with a wavelet is a product with its spectrum, which is
    # next to 0 at nearly all Fourier bins (Brown & Puckette, JASA 1992).
    rows = np.fft.fft(wavelets)[:, : frame // 2 + 1] / frame
    # librosa's scale=True: the response to a sine is its amplitude times the root of the filter length at sr_hz.
    own_lengths = filter_lengths(octave_hz, sr_hz, bins_per_octave, gamma_hz)
    rows *= np.sqrt(own_lengths)[:, None]
    return _sparse(rows).astype(np.complex64)


def _sparse(rows: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """Rows without their smallest entries, up to the share `SPARSITY` of the summed magnitude."""
    size = np.abs(rows)
    ordered = np.sort(size, axis=1)
    share = np.cumsum(ordered, axis=1) / ordered.sum(axis=1, keepdims=True)
    threshold = np.take_along_axis(
        ordered, np.argmin(share < SPARSITY, axis=1)[:, None], axis=1
    )
    return np.where(size >= threshold, rows, 0.0)


def half_band_filter() -> npt.NDArray[np.float64]:
    """Low-pass filter before a decimation by 2: odd length, linear phase, unit gain at 0 Hz.

    A Kaiser-windowed sinc with the pass band (to 0.913 of the new Nyquist frequency), the stop band (from 1.0) and the
    rejection (126 dB) of SoX's "high quality" resampler, which librosa uses; so the top bins of an octave, which lie
    in the transition band for some harmonics, droop as librosa's do. Length and shape: Kaiser's formulas (Oppenheim
    and Schafer, "Discrete-Time Signal Processing", 7.5).
    """
    rejection_db = 126.0
    pass_edge = 0.913
    stop_edge = 1.0

    # Kaiser: N - 1 = (A - 8) / (2.285 Δω) and β = 0.1102 (A - 8.7) for A > 50 dB.
    width = 0.5 * (stop_edge - pass_edge) * np.pi
    half = math.ceil((rejection_db - 8.0) / (2.285 * width) / 2.0)
    k = np.arange(-half, half + 1)
    taps = np.sinc(0.25 * (pass_edge + stop_edge) * k) * np.kaiser(
        2 * half + 1, 0.1102 * (rejection_db - 8.7)
    )
    return np.asarray(taps / taps.sum())
