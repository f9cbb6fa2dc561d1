"""What masks of the mix's spectrogram can reach at best: made from the true stems, or from their true pitches.

A model that multiplies the mix's spectrogram by a mask is bounded by these; they are printed beside its figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

N_FFT = 4096
HOP_LENGTH = 1024
BLOCK_SAMPLES = 1 << 19  # masked at once, so that memory does not grow with the track

MaskKind = Literal["ratio", "binary", "wiener"]
MaskMaker = Callable[[int, int, int], Tensor]


def ratio_mask(magnitudes: Tensor) -> Tensor:
    """Each source's share of the magnitudes: the ideal ratio mask.

    Parameters
    ----------
    magnitudes : Tensor, (S, ...)
        Magnitudes of the true sources' spectrograms.

    Returns
    -------
    Tensor, (S, ...)
        Masks that sum to 1 over the sources; equal ones where all are silent.

    References
    ----------
    Liutkus and Badeau, "Generalized Wiener filtering with fractional power spectrograms", ICASSP 2015 (α = 1).

    Examples
    --------
    >>> ratio_mask(torch.tensor([3.0, 1.0]))
    tensor([0.7500, 0.2500])
    """
    total = magnitudes.sum(dim=0)
    shares = magnitudes / torch.where(total > 0, total, torch.ones_like(total))
    return torch.where(total > 0, shares, torch.full_like(shares, 1 / len(shares)))


def wiener_mask(magnitudes: Tensor) -> Tensor:
    """Each source's share of the powers, the filter of least square error for Gaussian sources; as `ratio_mask`.

    Parameters
    ----------
    magnitudes : Tensor, (S, ...)
        Magnitudes of the true sources' spectrograms.

    Returns
    -------
    Tensor, (S, ...)
        Masks that sum to 1 over the sources; equal ones where all are silent.

    References
    ----------
    Liutkus and Badeau, "Generalized Wiener filtering with fractional power spectrograms", ICASSP 2015 (α = 2).

    Examples
    --------
    >>> wiener_mask(torch.tensor([3.0, 1.0]))
    tensor([0.9000, 0.1000])
    """
    return ratio_mask(magnitudes.square())


def binary_mask(magnitudes: Tensor) -> Tensor:
    """1 for the loudest source and 0 for the others: the ideal binary mask.

    Parameters
    ----------
    magnitudes : Tensor, (S, ...)
        Magnitudes of the true sources' spectrograms.

    Returns
    -------
    Tensor, (S, ...)
        Masks that sum to 1 over the sources; the first of equally loud ones has it.

    References
    ----------
    Wang, "On Ideal Binary Mask As the Computational Goal of Auditory Scene Analysis", 2005, between all sources.

    Examples
    --------
    >>> binary_mask(torch.tensor([3.0, 1.0]))
    tensor([1., 0.])
    """
    mask = torch.zeros_like(magnitudes)
    return mask.scatter_(0, magnitudes.argmax(dim=0, keepdim=True), 1.0)


MASKS: dict[MaskKind, Callable[[Tensor], Tensor]] = {
    "ratio": ratio_mask,
    "binary": binary_mask,
    "wiener": wiener_mask,
}


def oracle_estimates(
    mix: ArrayLike | Tensor,
    stems: ArrayLike | Tensor,
    kind: MaskKind = "ratio",
    *,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
) -> Tensor:
    """The mix under the ideal masks of its stems: a bound for what a mask can reach, not an estimate.

    Parameters
    ----------
    mix : array_like or Tensor, (N,) or (C, N)
        What is masked.
    stems : array_like or Tensor, (S, N) or (S, C, N)
        All that is in the mix; a part that no stem holds is shared out with them.
    kind : "ratio", "binary" or "wiener"
        How magnitudes become masks; each channel has its own.
    n_fft, hop_length : int
        Samples of the Hann window and its hop, at most half a window. Figures compare only with the same ones.

    Returns
    -------
    Tensor, (S, N) or (S, C, N)
        In the precision of the mix, computed in float64 block by block: beside the signals, memory does not grow with
        their length.

    Raises
    ------
    ValueError
        For shapes that do not belong together, an unknown kind, or a hop that does not fit the window.

    Examples
    --------
    >>> stems = torch.stack([torch.arange(4000.0).sin(), (3 * torch.arange(4000.0)).sin() / 2])
    >>> found = oracle_estimates(stems.sum(0), stems, n_fft=512, hop_length=128)
    >>> torch.allclose(found.sum(0), stems.sum(0), atol=1e-6)
    True
    """
    if kind not in MASKS:
        raise ValueError(f"expected a kind out of {', '.join(MASKS)}, got {kind!r}")
    whole = _floating(mix)
    parts = _floating(stems)
    if whole.ndim not in (1, 2) or parts.shape[1:] != whole.shape or not parts.numel():
        raise ValueError(
            "expected a mix (N,) or (C, N) and its stems (S, N) or (S, C, N), "
            f"got {tuple(whole.shape)} and {tuple(parts.shape)}"
        )

    def masks(start: int, stop: int, _: int) -> Tensor:
        piece = _cut(parts, start, stop)
        return MASKS[kind](_stft(piece, n_fft, hop_length).abs())

    return _masked(whole, masks, len(parts), n_fft, hop_length)


def comb_estimates(
    mix: ArrayLike | Tensor,
    f0_hz: ArrayLike | Tensor,
    sr_hz: int,
    *,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
    width_bins: float = 1.5,
    decay: float = 0.0,
) -> Tensor:
    """The mix under harmonic combs of known pitches: what knowing the notes, and nothing of the timbre, can reach.

    A source's weight in a bin is a Gaussian around its nearest harmonic, times `k ** -decay` for the k-th; its mask is
    its share of all weights. What is far from every harmonic of every source is left out.

    Parameters
    ----------
    mix : array_like or Tensor, (N,) or (C, N)
        What is masked.
    f0_hz : array_like or Tensor, (S, T)
        Fundamental frequency of each source at the frames' centres, `t * hop_length`; 0 where it is silent. Frames
        after the last are silent.
    sr_hz : int
        Sampling rate of the mix.
    n_fft, hop_length : int
        Samples of the Hann window and its hop, at most half a window.
    width_bins : float
        Standard deviation of the Gaussians, in bins of the transform.
    decay : float
        How fast harmonics are supposed to fall: 0 for equal ones.

    Returns
    -------
    Tensor, (S, N) or (S, C, N)
        In the precision of the mix, computed in float64.

    Raises
    ------
    ValueError
        For shapes that do not belong together, or a hop that does not fit the window.

    Examples
    --------
    >>> wave = (torch.arange(8000.0) * 2 * torch.pi * 440 / 8000).sin()
    >>> comb_estimates(wave, [[440.0] * 9, [0.0] * 9], 8000).shape
    torch.Size([2, 8000])
    """
    whole = _floating(mix)
    pitches = _floating(f0_hz).double()
    if whole.ndim not in (1, 2) or pitches.ndim != 2 or not whole.numel():
        raise ValueError(
            "expected a mix (N,) or (C, N) and frequencies (S, T), "
            f"got {tuple(whole.shape)} and {tuple(pitches.shape)}"
        )
    bins_hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None] * sr_hz / n_fft
    width_hz = width_bins * sr_hz / n_fft

    def masks(start: int, _: int, n_frames: int) -> Tensor:
        first = start // hop_length
        f0 = _cut(pitches, first, first + n_frames)[:, None]
        # (S, F, T): the harmonic that each bin is nearest to, at least the first.
        harmonic = (bins_hz / f0.clamp_min(1.0)).round().clamp_min(1.0)
        away = (bins_hz - harmonic * f0) / width_hz
        weights = torch.exp(-away.square() / 2) * harmonic**-decay * (f0 > 0)
        shares = weights / (weights.sum(dim=0) + COMB_FLOOR)
        return shares if whole.ndim == 1 else shares[:, None]

    return _masked(whole, masks, len(pitches), n_fft, hop_length)


COMB_FLOOR = 1e-3  # of a comb's weight: so far from all harmonics a bin is nobody's


def _floating(values: ArrayLike | Tensor) -> Tensor:
    """As a tensor on the CPU, not copied where it is one in floating point: blocks of it are turned to float64."""
    if isinstance(values, Tensor):
        found = values.detach().cpu()
    else:
        found = torch.from_numpy(np.asarray(values))
    return found if found.is_floating_point() else found.double()


def _masked(
    mix: Tensor, masks: MaskMaker, n_sources: int, n_fft: int, hop_length: int
) -> Tensor:
    """(S, ..., N): the mix (..., N) under `masks(start, stop, n_frames)`, block by block.

    Equal to one transform of all with silence around it: frames are centred on multiples of the hop in every block,
    and what is given out of a block lies so far inside that no frame there sees its ends.
    """
    if not 1 <= hop_length <= n_fft // 2:
        raise ValueError(
            f"expected a hop of 1 to {n_fft // 2} samples for windows of {n_fft}, got {hop_length}"
        )
    n_samples = mix.shape[-1]
    margin = -(-n_fft // hop_length) * hop_length
    block = max(BLOCK_SAMPLES // hop_length, 1) * hop_length
    found = torch.empty((n_sources, *mix.shape), dtype=mix.dtype)
    for first in range(0, n_samples, block):
        last = min(first + block, n_samples)
        start = first - margin
        stop = last + margin
        spectrum = _stft(_cut(mix, start, stop), n_fft, hop_length)
        masked = masks(start, stop, spectrum.shape[-1]) * spectrum
        flat = torch.istft(
            masked.reshape(-1, *masked.shape[-2:]),
            n_fft,
            hop_length,
            window=_window(n_fft),
            length=stop - start,
        )
        wave = flat[:, margin : margin + last - first]
        found[..., first:last] = wave.reshape(n_sources, *mix.shape[:-1], -1)
    return found


def _cut(values: Tensor, start: int, stop: int) -> Tensor:
    """Places [start, stop) along the last axis, in float64, with zeros outside of what there is."""
    size = values.shape[-1]
    inside = values[..., min(max(start, 0), size) : max(stop, 0)].double()
    before = min(max(-start, 0), stop - start)
    after = stop - start - before - inside.shape[-1]
    return torch.nn.functional.pad(inside, (before, after))


def _window(n_fft: int) -> Tensor:
    return torch.hann_window(n_fft, dtype=torch.float64)


def _stft(wave: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """(..., N) -> (..., F, T), complex; frame t is centred on t · hop, with silence outside."""
    spectrum = torch.stft(
        wave.reshape(-1, wave.shape[-1]),
        n_fft,
        hop_length,
        window=_window(n_fft),
        pad_mode="constant",
        return_complex=True,
    )
    return spectrum.reshape(*wave.shape[:-1], *spectrum.shape[-2:])
