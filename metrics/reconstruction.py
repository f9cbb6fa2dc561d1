"""How near a decoded sound is to its original: in the waveform, and in spectra. In float64, in blocks of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..features.mel_scale import mel_points_hz, mel_triangles
from ..losses.spectral import MEL_FLOOR, POWER_FLOOR
from ..losses.waveform import si_sdr_energies

BLOCK_FRAMES = 4096  # transformed at once
ROUNDING = 16 * np.finfo(np.float64).eps  # of a sample less its mean, per sample's size
LIMIT_DB = 120.0  # of SI-SDR: beyond it stands rounding


def _double(wave: ArrayLike | Tensor) -> Tensor:
    if isinstance(wave, Tensor):
        return wave.detach().cpu().double()
    # By way of NumPy: torch reads a list of numbers in single precision.
    return torch.from_numpy(np.array(wave, dtype=np.float64))


def _signals(
    estimate: ArrayLike | Tensor, reference: ArrayLike | Tensor
) -> tuple[Tensor, Tensor]:
    """Two waveforms (N,) or (C, N) as float64 (C, N) of equal shape."""
    ours = _double(estimate)
    wanted = _double(reference)
    if ours.shape != wanted.shape:
        raise ValueError(
            f"estimate {tuple(ours.shape)} and reference {tuple(wanted.shape)} differ in shape"
        )
    if ours.ndim not in (1, 2) or not ours.numel():
        raise ValueError(
            f"expected waveforms (N,) or (C, N) of at least one sample, got {tuple(ours.shape)}"
        )
    if not (ours.isfinite().all() and wanted.isfinite().all()):
        raise ValueError("a sample is not finite")
    n_samples = ours.shape[-1]
    return ours.reshape(-1, n_samples), wanted.reshape(-1, n_samples)


def si_sdr_db(
    estimate: ArrayLike | Tensor, reference: ArrayLike | Tensor
) -> float | None:
    """Scale-invariant signal-to-distortion ratio in dB; None for a silent reference, which has none.

    With the means taken off and `s' = ⟨ŝ, s⟩ s / ‖s‖²`, it is `10 log10(‖s'‖² / ‖ŝ - s'‖²)`.

    Parameters
    ----------
    estimate, reference : array_like or Tensor
        Waveforms (N,), or (C, N): the mean over the channels whose reference is not silent.

    Returns
    -------
    float or None
        Decibels, held within ±120: a perfect copy has 120, and silence for a sound that is not silent -120.

    Raises
    ------
    ValueError
        For two shapes, other shapes, no sample, or a sample that is not finite.

    References
    ----------
    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019.

    Examples
    --------
    >>> round(si_sdr_db([2.2, -1.8, 1.8, -2.2], [1.0, -1.0, 1.0, -1.0]), 6)
    20.0
    >>> si_sdr_db([0.1, -0.1], [0.0, 0.0]) is None
    True
    """
    ours, wanted = _signals(estimate, reference)
    target, rest, energy = (
        values[0].numpy() for values in si_sdr_energies(ours[None], wanted[None])
    )
    # What rounding leaves of a constant is silence too.
    rounding = ROUNDING * wanted.abs().amax(dim=1).numpy()
    sounding = energy > rounding**2 * wanted.shape[1]
    if not sounding.any():
        return None
    # A silent estimate has neither part: the worst there is.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio_db = 10 * np.log10(target / rest)
    ratio_db[(target == 0) & (rest == 0)] = -LIMIT_DB
    return float(ratio_db[sounding].clip(-LIMIT_DB, LIMIT_DB).mean())


def _power_blocks(
    wave: Tensor, n_fft: int, hop_length: int, win_length: int
) -> Iterator[Tensor]:
    """|STFT|² of (C, N) in blocks (C, F, some frames); frame t is centred on t · hop_length, with silence outside."""
    window = torch.zeros(n_fft, dtype=torch.float64)
    left = (n_fft - win_length) // 2
    window[left : left + win_length] = torch.hann_window(
        win_length, dtype=torch.float64
    )
    n_frames = 1 + wave.shape[1] // hop_length
    half = n_fft // 2
    for first in range(0, n_frames, BLOCK_FRAMES):
        count = min(BLOCK_FRAMES, n_frames - first)
        # The samples under these frames, some of which may lie outside of the signal.
        start = first * hop_length - half
        stop = start + (count - 1) * hop_length + n_fft
        inside = wave[:, max(0, start) : stop]
        after = stop - max(0, start) - inside.shape[1]
        samples = torch.nn.functional.pad(inside, (max(0, -start), after))
        frames = samples.unfold(1, n_fft, hop_length)
        spectrum = torch.fft.rfft(frames * window)
        yield (spectrum.real.square() + spectrum.imag.square()).mT


def stft_distance(
    estimate: ArrayLike | Tensor,
    reference: ArrayLike | Tensor,
    n_ffts: Sequence[int] = (1024, 2048, 512),
    hop_lengths: Sequence[int] = (120, 240, 50),
    win_lengths: Sequence[int] = (600, 1200, 240),
) -> float:
    """Multi-resolution STFT distance: `mirbricks.losses.MultiResolutionSTFT` of one sound; no unit, 0 for a copy.

    Parameters
    ----------
    estimate, reference : array_like or Tensor
        Waveforms (N,), or (C, N): the mean over channels.
    n_ffts, hop_lengths, win_lengths : sequence of int
        Size of the transform, hop and Hann window of each resolution, in samples. Figures compare only with the same
        ones and at the same sampling rate.

    Returns
    -------
    float
        Mean over resolutions of `‖S - Ŝ‖ / ‖S‖ + mean |log S - log Ŝ|` (natural logarithm, powers not below 1e-7);
        a silent reference has no first term.

    Raises
    ------
    ValueError
        For two shapes, other shapes, no sample, or a sample that is not finite.

    References
    ----------
    Yamamoto et al., "Parallel WaveGAN", ICASSP 2020 (multi-resolution STFT auxiliary loss).

    Examples
    --------
    >>> stft_distance([0.5, -0.5, 0.5], [0.5, -0.5, 0.5])
    0.0
    """
    ours, wanted = _signals(estimate, reference)
    distances = []
    for size in zip(n_ffts, hop_lengths, win_lengths, strict=True):
        pairs = zip(
            _power_blocks(ours, *size), _power_blocks(wanted, *size), strict=True
        )
        distances.append(_stft_distance(pairs))
    return float(np.mean(distances))


def _stft_distance(blocks: Iterator[tuple[Tensor, Tensor]]) -> float:
    """Of one resolution, from sums over the blocks of powers."""
    error = size = log_distance = torch.zeros(1, dtype=torch.float64)
    sounding = torch.zeros(1, dtype=torch.bool)
    n_values = 0
    for one, other in blocks:
        ours = one.clamp_min(POWER_FLOOR).sqrt()
        wanted = other.clamp_min(POWER_FLOOR).sqrt()
        error = error + (ours - wanted).square().sum(dim=(1, 2))
        size = size + wanted.square().sum(dim=(1, 2))
        log_distance = log_distance + (ours.log() - wanted.log()).abs().sum(dim=(1, 2))
        sounding = sounding | (other > POWER_FLOOR).flatten(1).any(dim=1)
        n_values += one[0].numel()
    convergence = torch.where(sounding, (error / size).sqrt(), torch.zeros_like(error))
    return float((convergence + log_distance / n_values).mean())


def log_mel_distance_db(
    estimate: ArrayLike | Tensor,
    reference: ArrayLike | Tensor,
    sr_hz: int,
    *,
    n_mels: int = 80,
    n_fft: int = 1024,
    hop_length: int = 256,
) -> float:
    """Mean absolute difference of two log-mel spectrograms, in dB.

    Parameters
    ----------
    estimate, reference : array_like or Tensor
        Waveforms (N,), or (C, N): the mean over channels.
    sr_hz : int
        Sampling rate of both.
    n_mels, n_fft, hop_length : int
        Bands from 0 to sr_hz / 2 (Slaney's scale and areas), samples of the Hann window, and hop. Figures compare
        only with the same ones.

    Returns
    -------
    float
        `mean |20 log10(M / M̂)|` over frames and bands; mel magnitudes are held at 1e-5 from below.

    Raises
    ------
    ValueError
        For two shapes, other shapes, no sample, or a sample that is not finite.

    References
    ----------
    Kong et al., "HiFi-GAN", NeurIPS 2020, and its code (the settings and the floor).

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.random.default_rng(0).normal(size=4000)
    >>> round(log_mel_distance_db(0.1 * wave, wave, sr_hz=16000), 6)
    20.0
    """
    ours, wanted = _signals(estimate, reference)
    peaks_hz = mel_points_hz(0.0, sr_hz / 2, n_mels + 2, "slaney")
    filters = mel_triangles(peaks_hz, n_fft // 2 + 1, sr_hz / n_fft, True).double()
    # A band between two bins is silent in every sound.
    filters = filters[filters.sum(dim=1) > 0]
    total = 0.0
    n_values = 0
    for pair in zip(
        _power_blocks(ours, n_fft, hop_length, n_fft),
        _power_blocks(wanted, n_fft, hop_length, n_fft),
        strict=True,
    ):
        one, other = (
            (filters @ power.sqrt()).clamp_min(MEL_FLOOR).log10() for power in pair
        )
        total += float((one - other).abs().sum())
        n_values += one.numel()
    return 20 * total / n_values


class ReconstructionFigures:
    """SI-SDR, log-mel and STFT distance of many sounds and their originals, one after another.

    Parameters
    ----------
    sr_hz : int
        Sampling rate of all.

    Examples
    --------
    >>> figures = ReconstructionFigures(sr_hz=16000)
    >>> figures.add([0.5, -0.5, 0.4], [0.5, -0.5, 0.5])["si_sdr_db"] > 20
    True
    >>> sorted(figures.figures())
    ['log_mel_distance_db', 'si_sdr_db', 'silent_references', 'stft_distance']
    """

    def __init__(self, sr_hz: int) -> None:
        self.sr_hz = sr_hz
        self.n_sounds = 0
        self.silent_references = 0
        self._sums = {
            "si_sdr_db": 0.0,
            "log_mel_distance_db": 0.0,
            "stft_distance": 0.0,
        }

    def add(
        self, estimate: ArrayLike | Tensor, reference: ArrayLike | Tensor
    ) -> dict[str, float]:
        """The figures of one sound, (N,) or (C, N); without `si_sdr_db` where the reference is silent."""
        ratio_db = si_sdr_db(estimate, reference)
        found = {
            "log_mel_distance_db": log_mel_distance_db(estimate, reference, self.sr_hz),
            "stft_distance": stft_distance(estimate, reference),
        }
        if ratio_db is None:
            self.silent_references += 1
        else:
            found["si_sdr_db"] = ratio_db
        self.n_sounds += 1
        for name, value in found.items():
            self._sums[name] += value
        return found

    def figures(self) -> dict[str, float]:
        """Means over the sounds, that of `si_sdr_db` over those that have one; `silent_references` counts the others.

        NaN where there is no sound to take a mean over.
        """
        counts = dict.fromkeys(self._sums, self.n_sounds)
        counts["si_sdr_db"] -= self.silent_references
        means = {
            name: total / counts[name] if counts[name] else float("nan")
            for name, total in self._sums.items()
        }
        return means | {"silent_references": float(self.silent_references)}
