"""What is done to estimates beyond the model: they are made to sum to the mix, or Wiener filters are made of them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

# Wiener filters are made of so many frames at once, by default: sources move little in a few seconds.
WIENER_N_FFT = 4096
WIENER_HOP_LENGTH = 1024

Weighting = Literal["equal", "energy"]


def sum_to_mix(
    estimates: Tensor, mix: Tensor, weighting: Weighting = "equal"
) -> Tensor:
    """Mixture consistency: what the estimates lack of the mix is shared out among them.

    It is the projection of the estimates onto those that sum to the mix.

    Parameters
    ----------
    estimates : Tensor, (S, C, N)
        Of all sources of the mix.
    mix : Tensor, (C, N)
    weighting : "equal" or "energy"
        Each source gets an equal share, which treats every sample by itself, or one in proportion to its energy, so
        that a silent source stays silent. Energies are those of the N samples given.

    Returns
    -------
    Tensor, (S, C, N)

    Raises
    ------
    ValueError
        For shapes that do not belong together, or an unknown weighting.

    References
    ----------
    Wisdom et al., "Differentiable Consistency Constraints for Improved Deep Speech Enhancement", ICASSP 2019, eq. 6
    and 7.

    Examples
    --------
    >>> sum_to_mix(torch.tensor([[[1.0]], [[2.0]]]), torch.tensor([[5.0]])).flatten()
    tensor([2., 3.])
    """
    _refuse_shapes(estimates, mix)
    residual = mix - estimates.sum(dim=0)
    if weighting == "equal":
        shares = torch.full_like(estimates[:, :1, :1], 1 / len(estimates))
    elif weighting == "energy":
        shares = _energy_shares(estimates)
    else:
        raise ValueError(
            f"expected a weighting of 'equal' or 'energy', got {weighting!r}"
        )
    return estimates + shares * residual


def _energy_shares(estimates: Tensor) -> Tensor:
    """(S, 1, 1) that sum to 1; equal ones where all estimates are silent."""
    energies = estimates.square().sum(dim=(1, 2), keepdim=True)
    total = energies.sum()
    if total == 0:
        return torch.full_like(energies, 1 / len(estimates))
    return energies / total


def with_rest(estimates: Tensor, mix: Tensor) -> Tensor:
    """Add what no estimate has of the mix, as one more source.

    Parameters
    ----------
    estimates : Tensor, (S, C, N)
    mix : Tensor, (C, N)

    Returns
    -------
    Tensor, (S + 1, C, N)
        The rest comes last.

    Raises
    ------
    ValueError
        For shapes that do not belong together.

    Examples
    --------
    >>> with_rest(torch.tensor([[[1.0]]]), torch.tensor([[5.0]])).flatten()
    tensor([1., 4.])
    """
    _refuse_shapes(estimates, mix)
    return torch.cat([estimates, (mix - estimates.sum(dim=0))[None]])


def wiener(
    estimates: Tensor,
    mix: Tensor,
    *,
    n_fft: int = WIENER_N_FFT,
    hop_length: int = WIENER_HOP_LENGTH,
    iterations: int = 1,
) -> Tensor:
    """A multichannel Wiener filter of the mix, made of the estimates.

    The magnitudes of the estimates' spectra and the phase of the mix begin; `wiener_spectra` does the rest.

    Parameters
    ----------
    estimates : Tensor, (S, C, N)
        Of all sources of the mix (`with_rest` adds what is missing).
    mix : Tensor, (C, N)
    n_fft, hop_length : int
        Samples of the Hann window, and its hop, at most half a window.
    iterations : int
        How often filters are made of what the last ones gave; 0 leaves the magnitudes with the phase of the mix.

    Returns
    -------
    Tensor, (S, C, N)

    Raises
    ------
    ValueError
        For shapes that do not belong together, a hop that does not fit the window, or iterations below 0.

    References
    ----------
    Nugraha, Liutkus and Vincent, "Multichannel Audio Source Separation with Deep Neural Networks", IEEE/ACM TASLP
    2016; Stöter et al., "Open-Unmix", JOSS 2019.

    Examples
    --------
    >>> mix = torch.sin(torch.arange(4000.0))[None]
    >>> found = wiener(torch.stack([mix, 0.1 * mix]), mix, n_fft=512, hop_length=128)
    >>> round(float((found[0] / mix).median()), 2)
    0.99
    """
    _refuse_shapes(estimates, mix)
    if not 1 <= hop_length <= n_fft // 2:
        raise ValueError(
            f"expected a hop of 1 to {n_fft // 2} samples for windows of {n_fft}, got {hop_length}"
        )
    window = torch.hann_window(n_fft, dtype=mix.dtype, device=mix.device)
    spectrum = _stft(mix, window, hop_length)
    magnitudes = torch.stack(
        [_stft(estimate, window, hop_length).abs() for estimate in estimates]
    )
    initial = magnitudes * torch.exp(1j * spectrum.angle())
    found = wiener_spectra(initial, spectrum, iterations)
    waves = [
        torch.istft(source, n_fft, hop_length, window=window, length=mix.shape[-1])
        for source in found
    ]
    return torch.stack(waves)


def _stft(wave: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """(C, N) -> (C, F, T), with silence outside."""
    return torch.stft(
        wave,
        len(window),
        hop_length,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )


def wiener_spectra(initial: Tensor, mix: Tensor, iterations: int = 1) -> Tensor:
    """Expectation-maximisation of a local Gaussian model, in the simplified form that is usual for music.

    A source has a power per bin and frame and a spatial covariance per bin. Both are read from the last estimates;
    the filter of least square error that they make gives the next ones. In mono the powers alone decide.

    Parameters
    ----------
    initial : Tensor, (S, C, F, T)
        Complex spectra of the sources to begin with.
    mix : Tensor, (C, F, T)
        Complex spectrum of the mix.
    iterations : int
        How often.

    Returns
    -------
    Tensor, (S, C, F, T)
        Computed in double precision, given in that of the mix.

    Raises
    ------
    ValueError
        For shapes that do not belong together, or iterations below 0.

    References
    ----------
    Duong, Vincent and Gribonval, "Under-Determined Reverberant Audio Source Separation Using a Full-Rank Spatial
    Covariance Model", IEEE TASLP 2010; Nugraha, Liutkus and Vincent, IEEE/ACM TASLP 2016; the package norbert 0.2.
    """
    if initial.shape[1:] != mix.shape or initial.ndim != 4 or iterations < 0:
        raise ValueError(
            "expected spectra (S, C, F, T), a mix (C, F, T) and iterations of at least 0, "
            f"got {tuple(initial.shape)}, {tuple(mix.shape)} and {iterations}"
        )
    x = mix.to(torch.complex128)
    y = initial.to(torch.complex128)
    # Scaled so that the small constants that keep matrices invertible mean the same for every mix.
    level = max(1.0, float(x.abs().max()) / 10) if x.numel() else 1.0
    x = x / level
    y = y / level
    for _ in range(iterations):
        y = _filtered(y, x)
    return (y * level).to(mix.dtype)


def _filtered(y: Tensor, x: Tensor) -> Tensor:
    """One step: the model of each source from y (S, C, F, T), and its filter on the mix x (C, F, T)."""
    eps = torch.finfo(torch.float64).eps
    # v: power of each source, (S, F, T); R: its spatial covariance, weighted by power, (S, F, C, C).
    v = y.abs().square().mean(dim=1)
    outer = torch.einsum("scft,sdft->sfcd", y, y.conj())
    covariance = outer / (eps + v.sum(dim=2))[..., None, None]

    # The covariance of the mix in every bin and frame, (F, T, C, C), is the sum over the sources.
    n_channels = x.shape[0]
    eye = torch.eye(n_channels, dtype=x.dtype, device=x.device)
    total = torch.einsum("sft,sfcd->ftcd", v.to(x.dtype), covariance) + eps**0.5 * eye
    whitened = torch.linalg.solve(total, x.permute(1, 2, 0)[..., None])[..., 0]
    return torch.einsum("sfcd,ftd->scft", covariance, whitened) * v[:, None]


def _refuse_shapes(estimates: Tensor, mix: Tensor) -> None:
    if estimates.ndim != 3 or mix.ndim != 2 or estimates.shape[1:] != mix.shape:
        raise ValueError(
            "expected estimates (S, C, N) and a mix (C, N), "
            f"got {tuple(estimates.shape)} and {tuple(mix.shape)}"
        )
