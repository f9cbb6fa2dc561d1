"""BSSEval v4: how far an estimated source is distorted, spread, mixed with others and spoilt, as museval measures it.

An estimate is split by least squares into parts that filtered references explain (Vincent, Gribonval and Févotte,
"Performance Measurement in Blind Audio Source Separation", IEEE TASLP 2006): filters of 512 taps, estimated once over
the whole track (Stöter, Liutkus and Ito, "The 2018 Signal Separation Evaluation Campaign", LVA/ICA 2018).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.linalg import toeplitz

FILTER_TAPS = 512
BLOCK_SAMPLES = 1 << 15  # of which correlations are summed at once

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BssFrames:
    """The four ratios of BSSEval in dB, (S, frames) each: a row per source, NaN where one of the sources is silent.

    Attributes
    ----------
    sdr_db : array of float64, (S, frames)
        Source to distortion: the reference against all that differs from it.
    isr_db : array of float64, (S, frames)
        Image to spatial distortion: the reference against what filtering changed in it.
    sir_db : array of float64, (S, frames)
        Source to interference: against what filters of the other references explain.
    sar_db : array of float64, (S, frames)
        Sources to artifacts: against what no reference explains.
    """

    sdr_db: Array
    isr_db: Array
    sir_db: Array
    sar_db: Array

    def medians(self) -> dict[str, Array]:
        """Name -> (S,) medians over the frames that have a ratio; NaN for a source without one."""
        found = {}
        for one in fields(self):
            ratios = getattr(self, one.name)
            known = ~np.isnan(ratios).all(axis=1)
            medians = np.full(len(ratios), np.nan)
            medians[known] = np.nanmedian(ratios[known], axis=1)
            found[one.name] = medians
        return found


def bss_eval(
    references: ArrayLike,
    estimates: ArrayLike,
    *,
    window: int,
    hop: int | None = None,
    filter_taps: int = FILTER_TAPS,
) -> BssFrames:
    """SDR, ISR, SIR and SAR of every source and frame, as museval 0.4 defines them (mode v4).

    A source whose reference or estimate is silent throughout has no ratios, and takes part in no other source's. A
    frame in which one of the remaining references or estimates is silent has none for any source, as in museval, which
    calls silent what sums to 0 over the channels.

    Parameters
    ----------
    references, estimates : array_like, (S, C, N) or (S, N)
        True and estimated sources in the same order.
    window : int
        Samples of a frame; a longer one than the track is the whole track. museval takes a second.
    hop : int or None
        Samples between frames; default: `window`.
    filter_taps : int
        Length of the distortion filters.

    Returns
    -------
    BssFrames
        In float64. Beside the signals, memory grows with `(S * C * filter_taps) ** 2` and the window, not with the
        length of the track.

    Raises
    ------
    ValueError
        For two shapes, other shapes, no source or sample, samples that are not finite, or a window, hop or filter
        below 1.

    References
    ----------
    Stöter, Liutkus and Ito, "The 2018 Signal Separation Evaluation Campaign", LVA/ICA 2018; museval 0.4.

    Examples
    --------
    >>> tone = np.random.default_rng(0).normal(size=(2, 1, 4000))
    >>> noise = np.random.default_rng(1).normal(size=(2, 1, 4000))
    >>> found = bss_eval(tone, tone + 0.1 * noise, window=2000, filter_taps=8)
    >>> found.sdr_db.round().tolist()
    [[20.0, 20.0], [20.0, 20.0]]
    """
    wanted, ours = _checked(references, estimates)
    hop = window if hop is None else hop
    if min(window, hop, filter_taps) < 1:
        raise ValueError(
            "expected window, hop and filter_taps of at least 1, "
            f"got {window}, {hop} and {filter_taps}"
        )
    starts = range(0, max(wanted.shape[2] - window, 0) + 1, hop)
    ratios = np.full((4, len(wanted), len(starts)), np.nan)

    # A silent signal leaves the least squares without a solution.
    sounding = np.flatnonzero(~(_is_silent(wanted) | _is_silent(ours)))
    if len(sounding):
        wanted = wanted[sounding]
        ours = ours[sounding]
        projection = _Projection(wanted, ours, filter_taps, window)
        for frame, start in enumerate(starts):
            part = slice(start, start + window)
            ratios[:, sounding, frame] = projection.ratios_db(
                wanted[..., part].astype(np.float64), ours[..., part].astype(np.float64)
            )
    return BssFrames(*ratios)


def _checked(references: ArrayLike, estimates: ArrayLike) -> tuple[Array, Array]:
    """Both as (S, C, N), not copied: blocks and frames of them are turned to float64 one by one."""
    wanted = np.asarray(references)
    ours = np.asarray(estimates)
    if wanted.shape != ours.shape:
        raise ValueError(
            f"references {wanted.shape} and estimates {ours.shape} differ in shape"
        )
    if wanted.ndim not in (2, 3) or not wanted.size:
        raise ValueError(
            "expected sources (S, C, N) or (S, N) of at least one sample, "
            f"got {wanted.shape}"
        )
    if not (np.isfinite(wanted).all() and np.isfinite(ours).all()):
        raise ValueError("a sample is not finite")
    n_sources = wanted.shape[0]
    n_samples = wanted.shape[-1]
    shape = (n_sources, wanted.size // (n_sources * n_samples), n_samples)
    return wanted.reshape(shape), ours.reshape(shape)


def _is_silent(sources: Array) -> NDArray[np.bool_]:
    """(S,) of (S, C, N): which sum to 0 over the channels everywhere, what museval calls silent."""
    silent: NDArray[np.bool_] = np.array(
        [not source.sum(axis=0).any() for source in sources]
    )
    return silent


class _Projection:
    """The filters of a track: of each source's own reference alone, and of all references together."""

    def __init__(self, wanted: Array, ours: Array, n_taps: int, window: int) -> None:
        n_sources, n_channels, n_samples = wanted.shape
        self.n_taps = n_taps
        rows = wanted.reshape(n_sources * n_channels, -1)
        columns = ours.reshape(n_sources * n_channels, -1)
        gram = _gram(_correlations(rows, rows, n_taps))
        # museval's own constant, which a singular system needs.
        gram.flat[:: len(gram) + 1] += np.finfo(np.float64).eps
        cross = _correlations(rows, columns, n_taps)

        # One factorisation serves all estimates, as they share the references.
        filters = _solved(gram, cross.transpose(0, 2, 1).reshape(len(gram), -1))
        of_all = filters.reshape(len(rows), n_taps, n_sources, n_channels)

        # With its own reference alone each source has a small system of its own.
        size = n_channels * n_taps
        of_own = np.empty((n_sources, n_channels, n_taps, n_channels))
        for source in range(n_sources):
            place = slice(source * size, (source + 1) * size)
            own = slice(source * n_channels, (source + 1) * n_channels)
            right = cross[own, own].transpose(0, 2, 1).reshape(size, n_channels)
            solution = _solved(gram[place, place], right)
            of_own[source] = solution.reshape(n_channels, n_taps, n_channels)

        # Filters are the same in every frame, so their spectra are made once.
        self.n_full = min(window, n_samples) + n_taps - 1
        self.n_fft = fft.next_fast_len(self.n_full, real=True)
        self.of_all = fft.rfft(of_all, self.n_fft, axis=1)
        self.of_own = fft.rfft(of_own, self.n_fft, axis=2)

    def ratios_db(self, wanted: Array, ours: Array) -> Array:
        """(4, S): the ratios of one frame (S, C, n) of references and estimates."""
        if _is_silent(wanted).any() or _is_silent(ours).any():
            return np.full((4, len(wanted)), np.nan)

        # Each frame is filtered by itself, and its tail of n_taps - 1 samples counts.
        tail = ((0, 0), (0, 0), (0, self.n_taps - 1))
        own, joint = self._projected(wanted)
        true = np.pad(wanted, tail)
        spatial = own - true
        interference = joint - own
        artifacts = np.pad(ours, tail) - joint
        return np.stack(
            [
                _ratio_db(true, spatial + interference + artifacts),
                _ratio_db(true, spatial),
                _ratio_db(own, interference),
                _ratio_db(joint, artifacts),
            ]
        )

    def _projected(self, wanted: Array) -> tuple[Array, Array]:
        """(S, C, n_full) twice: each estimate's part in the span of its own reference, and of all references."""
        spectra = fft.rfft(wanted, self.n_fft)
        own = np.einsum("sif,sifc->scf", spectra, self.of_own)
        rows = spectra.reshape(-1, spectra.shape[-1])
        joint = np.einsum("rf,rfsc->scf", rows, self.of_all)
        return (
            fft.irfft(own, self.n_fft)[..., : self.n_full],
            fft.irfft(joint, self.n_fft)[..., : self.n_full],
        )


def _correlations(rows: Array, columns: Array, n_lags: int) -> Array:
    """(R, K, n_lags): `sum over n of rows[r, n] columns[k, n + lag]`, summed block by block."""
    n_samples = rows.shape[1]
    block = min(max(BLOCK_SAMPLES, 4 * n_lags), n_samples)
    n_fft = fft.next_fast_len(block + n_lags - 1, real=True)
    total = np.zeros((n_fft // 2 + 1, len(rows), len(columns)), complex)
    for start in range(0, n_samples, block):
        stop = start + block
        # The block of the one meets all samples of the other that its lags reach.
        block_rows = rows[:, start:stop].astype(np.float64)
        block_columns = columns[:, start : stop + n_lags - 1].astype(np.float64)
        ours = fft.rfft(block_rows, n_fft)
        others = fft.rfft(block_columns, n_fft)
        total += ours.conj().T[:, :, None] * others.T[:, None, :]
    lags = fft.irfft(total, n_fft, axis=0)[:n_lags]
    found: Array = lags.transpose(1, 2, 0)
    return found


def _gram(correlations: Array) -> Array:
    """(R · n, R · n): inner products of all references, each delayed by 0 … n - 1 samples."""
    n_rows, _, n_taps = correlations.shape
    gram = np.empty((n_rows, n_taps, n_rows, n_taps))
    for first in range(n_rows):
        for second in range(n_rows):
            # Row r delayed by a, against row k delayed by b: their correlation at lag a - b.
            gram[first, :, second] = toeplitz(
                correlations[second, first], correlations[first, second]
            ).T
    return gram.reshape(n_rows * n_taps, n_rows * n_taps)


def _solved(gram: Array, right: Array) -> Array:
    """The least-squares filters; those of least norm where the system is singular, as museval does."""
    try:
        filters = np.linalg.solve(gram, right)
    except np.linalg.LinAlgError:
        filters = np.linalg.lstsq(gram, right)[0]
    return filters.astype(np.float64, copy=False)


def _ratio_db(signal: Array, distortion: Array) -> Array:
    """(S,): ratio of the energies of (S, C, n); infinite without distortion."""
    above = np.square(signal).sum(axis=(1, 2))
    below = np.square(distortion).sum(axis=(1, 2))
    ratios = np.full(len(above), np.inf)
    some = below != 0
    with np.errstate(divide="ignore"):
        ratios[some] = 10 * np.log10(above[some] / below[some])
    return ratios
