"""Losses of waveforms, sample by sample, and the cosine of two signals."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .base import register_loss
from .spectral import check_waves

NOISE_FLOOR = 1e-8  # of the estimate's energy: no ratio beyond 80 dB is rewarded
SNR_FLOOR = 1e-3  # of the signal's energy: no more than 30 dB are rewarded
SILENT_ENERGY = 1e-6  # of an item: noise under it does not count
SILENCE = (
    1e-20  # an energy so small that it only keeps divisions by 0 away, gradients too
)


@register_loss("waveform_l1")
def waveform_l1(estimate: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute difference of waveforms.

    Parameters
    ----------
    estimate, reference : Tensor
        Waveforms (B, C, N).

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        For two shapes, or tensors that are not (B, C, N).

    Examples
    --------
    >>> waveform_l1(torch.tensor([[[1.0, 2.0]]]), torch.zeros(1, 1, 2))
    tensor(1.5000)
    """
    check_waves(estimate, reference)
    return functional.l1_loss(estimate, reference)


def si_sdr_energies(
    estimate: Tensor, reference: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Energies (B, C) of the target's part in the estimate, of the rest, and of the reference, without their means."""
    check_waves(estimate, reference)
    ours = estimate - estimate.mean(dim=2, keepdim=True)
    wanted = reference - reference.mean(dim=2, keepdim=True)
    energy = wanted.square().sum(dim=2)
    # The gain that brings the reference nearest to the estimate; a silent one has none.
    gain = (ours * wanted).sum(dim=2) / energy.clamp_min(SILENCE)
    target = gain[..., None] * wanted
    rest = (ours - target).square().sum(dim=2)
    return target.square().sum(dim=2), rest, energy


@register_loss("si_sdr")
def si_sdr_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """Negative scale-invariant signal-to-distortion ratio in dB, mean over signals.

    With the means taken off and `s' = ⟨ŝ, s⟩ s / ‖s‖²`, it is `-10 log10(‖s'‖² / ‖ŝ - s'‖²)`.

    Parameters
    ----------
    estimate, reference : Tensor
        Waveforms (B, C, N).

    Returns
    -------
    Tensor
        A scalar in dB. Ratios are held within ±80 dB. A silent (constant) reference has no ratio: it counts as 0 and
        has no gradient.

    Raises
    ------
    ValueError
        For two shapes, or tensors that are not (B, C, N).

    References
    ----------
    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019.

    Examples
    --------
    >>> wave = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])
    >>> noise = torch.tensor([[[0.1, 0.1, -0.1, -0.1]]])
    >>> round(float(si_sdr_loss(3 * (wave + noise), wave)), 3)
    -20.0
    """
    target, rest, energy = si_sdr_energies(estimate, reference)
    # Relative to the estimate, so that the loss stays invariant to its scale.
    floor = NOISE_FLOOR * (target + rest) + SILENCE
    ratio_db = 10 * ((target + floor).log10() - (rest + floor).log10())
    return -torch.where(energy > SILENCE, ratio_db, torch.zeros_like(ratio_db)).mean()


def noise_to_signal_db(output: Tensor, wanted: Tensor) -> Tensor:
    """The energy of the error relative to the signal, in dB, of each item: (B, ...) -> (B,).

    Loud and soft items count alike, which a mean of squares would not do. It is held above -30 dB, and of silent items
    the error counts from an energy of 1e-6 on.
    """
    signal = wanted.square().flatten(1).sum(dim=1)
    noise = (output - wanted).square().flatten(1).sum(dim=1)
    floor = SNR_FLOOR * signal + SILENT_ENERGY
    return 10 * torch.log10((noise + floor) / (signal + SILENT_ENERGY))


@register_loss("snr")
def snr_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """Negative signal-to-noise ratio in dB, mean over the batch: unlike SI-SDR it holds the level too.

    Parameters
    ----------
    estimate, reference : Tensor
        Waveforms (B, C, N); the channels of an item are judged together.

    Returns
    -------
    Tensor
        A scalar in dB. No ratio above 30 dB is rewarded; of silent items the error counts from an energy of 1e-6 on.

    Raises
    ------
    ValueError
        For two shapes, or tensors that are not (B, C, N).

    Examples
    --------
    >>> wave = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])
    >>> round(float(snr_loss(0.5 * wave, wave)), 2)
    -6.0
    """
    check_waves(estimate, reference)
    return noise_to_signal_db(estimate, reference).mean()


@register_loss("cosine")
def cosine_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """1 - the cosine of the angle between each item and its reference, mean over the batch: 0 … 2, blind to scale.

    Parameters
    ----------
    estimate, reference : Tensor
        Of one shape (B, ...): all that follows the batch is one vector.

    Returns
    -------
    Tensor
        A scalar. The cosine with silence is 0.

    Raises
    ------
    ValueError
        For two shapes, or tensors without a batch.

    Examples
    --------
    >>> wave = torch.tensor([[[1.0, 2.0]]])
    >>> float(cosine_loss(-wave, wave))
    2.0
    """
    if estimate.shape != reference.shape or estimate.ndim < 2:
        raise ValueError(
            "expected an estimate and a reference of one shape (B, ...), "
            f"got {tuple(estimate.shape)} and {tuple(reference.shape)}"
        )
    cosine = functional.cosine_similarity(estimate.flatten(1), reference.flatten(1))
    return (1 - cosine).mean()
