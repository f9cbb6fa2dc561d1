"""From a mel spectrogram back to sound: a spectrum that has those mel bands, then phases that fit it."""

from __future__ import annotations

import torch
from torch import Tensor

from .logmel import LogMelFeature, LogMelFeatureConfig

N_ITERATIONS = 60  # of Griffin-Lim; more of them change little
N_UPDATES = 40  # of the magnitudes; by then the bands agree to some hundredths of a dB
MOMENTUM = 0.99  # Perraudin et al. find the fastest descent just below 1
SMALLEST = 1e-12  # what counts as zero beside 1


def wave_of_logmel(
    config: LogMelFeatureConfig,
    logmel: Tensor,
    *,
    seed: int = 0,
    n_iterations: int = N_ITERATIONS,
) -> Tensor:
    """Waveforms whose log-mel spectrogram is near to the one given.

    A mel band is a sum over many bins of the Fourier transform, and the phases are lost: the waveform is one of many.
    The magnitudes are those whose bands differ least from the given ones as ratios (the Itakura-Saito divergence), so
    that quiet partials count like loud ones; the phases come from fast Griffin-Lim, which starts at random ones.

    Parameters
    ----------
    config : LogMelFeatureConfig
        The settings that the spectrogram was computed with.
    logmel : Tensor
        What `LogMelFeature` gives, (B, n_mels, T).
    seed : int
        Of the phases at the start; the same seed gives the same waveform.
    n_iterations : int
        Of Griffin-Lim.

    Returns
    -------
    Tensor
        Waveforms (B, (T - 1) · hop_length) at config.sr_hz.

    Examples
    --------
    >>> import torch
    >>> from mirbricks.features.logmel import LogMelFeature, LogMelFeatureConfig
    >>> config = LogMelFeatureConfig(sr_hz=8000, n_fft=512, hop_length=128, n_mels=40)
    >>> tone = torch.sin(torch.arange(4096) * 0.3)[None]
    >>> heard = wave_of_logmel(config, LogMelFeature(config)(tone))
    >>> heard.shape
    torch.Size([1, 4096])

    References
    ----------
    Févotte & Idier, "Algorithms for Nonnegative Matrix Factorization with the β-Divergence", Neural Computation 2011,
    table 1 (β = 0: the exponent 1/2 makes every step a descent).
    Griffin & Lim, "Signal Estimation from Modified Short-Time Fourier Transform", IEEE ASSP 1984.
    Perraudin, Balazs & Søndergaard, "A Fast Griffin-Lim Algorithm", WASPAA 2013, algorithm 2.
    """
    feature = LogMelFeature(config).to(logmel.device)
    with torch.no_grad():
        magnitude = _magnitude(feature, logmel)
        # The phases are drawn on the CPU, so that every device starts at the same ones.
        generator = torch.Generator().manual_seed(seed)
        turns = torch.rand(magnitude.shape, generator=generator).to(magnitude)
        return _griffin_lim(magnitude, turns, feature, n_iterations)


def _magnitude(feature: LogMelFeature, logmel: Tensor) -> Tensor:
    """(B, n_mels, T) -> magnitudes (B, n_fft // 2 + 1, T)."""
    config = feature.config
    energies = config.energies(logmel)

    # Loud and quiet frames are solved at one scale, so that one smallest energy suits both;
    # bands in which there is nothing get it.
    scale = energies.amax(dim=1, keepdim=True).clamp_min(SMALLEST)
    bands = (energies / scale).clamp_min(SMALLEST)

    # Multiplicative steps keep every bin positive; those that no band sees stay at 0.
    filters = feature.filters.T
    bins = filters.T @ bands
    for _ in range(N_UPDATES):
        explained = (filters @ bins).clamp_min(SMALLEST)
        ratio = filters.T @ (bands / explained.square())
        weight = (filters.T @ explained.reciprocal()).clamp_min(SMALLEST)
        bins = bins * (ratio / weight).sqrt()

    return (bins * scale).pow(1 / config.power)


def _griffin_lim(
    magnitude: Tensor, turns: Tensor, feature: LogMelFeature, n_iterations: int
) -> Tensor:
    """Fast Griffin-Lim from phases of `turns` times 2π; returns (B, (T - 1) · hop)."""
    phases = torch.polar(torch.ones_like(turns), 2 * torch.pi * turns)
    before = torch.zeros_like(phases)
    for _ in range(n_iterations):
        # P_C2: the nearest spectrum with these magnitudes; P_C1: of a waveform.
        consistent = _spectrum(_wave(magnitude * phases, feature), feature)
        # The step is carried on beyond where it leads, which is what makes it fast.
        ahead = consistent + MOMENTUM * (consistent - before)
        phases = ahead / ahead.abs().clamp_min(SMALLEST)
        before = consistent
    return _wave(magnitude * phases, feature)


def _spectrum(wave: Tensor, feature: LogMelFeature) -> Tensor:
    config = feature.config
    return torch.stft(
        wave,
        config.n_fft,
        config.hop_length,
        window=feature.window,
        pad_mode="constant",
        return_complex=True,
    )


def _wave(spectrum: Tensor, feature: LogMelFeature) -> Tensor:
    config = feature.config
    return torch.istft(spectrum, config.n_fft, config.hop_length, window=feature.window)
