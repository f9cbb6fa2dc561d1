"""Losses of waveforms by their spectra, at several resolutions: one alone would trade time against frequency."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features.mel_scale import mel_points_hz, mel_triangles
from .base import register_loss

POWER_FLOOR = 1e-7  # of |X|², Parallel WaveGAN's: below it neither log nor root moves
MEL_FLOOR = 1e-5  # of mel magnitudes, Descript Audio Codec's: -100 dB


def check_waves(estimate: Tensor, reference: Tensor) -> None:
    """Refuse what would be broadcast, or has no samples.

    Raises
    ------
    ValueError
        For two shapes, for tensors that are not waveforms (B, C, N), and for waveforms of no samples.
    """
    if estimate.shape != reference.shape:
        raise ValueError(
            f"estimate {tuple(estimate.shape)} and reference {tuple(reference.shape)} differ in shape"
        )
    if estimate.ndim != 3 or not estimate.numel():
        raise ValueError(
            f"expected waveforms (B, C, N) of at least one sample, got {tuple(estimate.shape)}"
        )


def power_spectrum(wave: Tensor, n_fft: int, hop_length: int, window: Tensor) -> Tensor:
    """|STFT|² of waveforms (B, C, N), (B, C, F, T) with F = n_fft / 2 + 1 and T = 1 + N // hop_length.

    Frame t is centred on sample t · hop_length with silence outside, so that any number of samples will do. Half
    precision is computed in float32, whose transform is the narrowest that there is.
    """
    batch, channels, n_samples = wave.shape
    if wave.dtype != torch.float64:
        wave = wave.float()
    spectrum = torch.stft(
        wave.reshape(batch * channels, n_samples),
        n_fft,
        hop_length,
        len(window),
        window.to(wave.dtype),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    return power.reshape(batch, channels, *power.shape[1:])


def stft_terms(estimate: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Spectral convergence and log-magnitude distance of powers (B, C, F, T), each (B, C)."""
    ours = estimate.clamp_min(POWER_FLOOR).sqrt()
    wanted = reference.clamp_min(POWER_FLOOR).sqrt()
    # A relative error has no meaning for silence, which would divide by the floor.
    sounding = (reference > POWER_FLOOR).flatten(2).any(dim=2)
    error = torch.linalg.vector_norm(wanted - ours, dim=(2, 3))
    size = torch.linalg.vector_norm(wanted, dim=(2, 3))
    convergence = torch.where(sounding, error / size, torch.zeros_like(error))
    log_distance = (wanted.log() - ours.log()).abs().mean(dim=(2, 3))
    return convergence, log_distance


@register_loss("multi_resolution_stft")
class MultiResolutionSTFT(nn.Module):
    """Spectral convergence plus distance of log magnitudes, mean over resolutions and signals.

    For each resolution and each signal of magnitudes `S` (reference) and `Ŝ` (estimate) the loss is
    `‖S - Ŝ‖ / ‖S‖ + mean |log S - log Ŝ|`, with the Frobenius norm, the natural logarithm and powers not below 1e-7.

    Parameters
    ----------
    n_ffts, hop_lengths, win_lengths : sequence of int
        Size of the transform, hop and Hann window of each resolution, in samples; the defaults are the paper's.

    Raises
    ------
    ValueError
        For lists that differ in length or are empty, and for a window longer than its transform.

    Notes
    -----
    The authors' code takes the norms over the whole batch and reflects the signal at its ends. Here each signal has
    its own norms, as in the paper, so that a loss is a mean over signals; outside of a signal there is silence, so that
    signals shorter than a window work; and a silent reference has no spectral convergence (0).

    References
    ----------
    Yamamoto et al., "Parallel WaveGAN", ICASSP 2020 (multi-resolution STFT auxiliary loss).

    Examples
    --------
    >>> loss = MultiResolutionSTFT()
    >>> wave = torch.randn(2, 1, 4000)
    >>> float(loss(wave, wave))
    0.0
    """

    def __init__(
        self,
        n_ffts: Sequence[int] = (1024, 2048, 512),
        hop_lengths: Sequence[int] = (120, 240, 50),
        win_lengths: Sequence[int] = (600, 1200, 240),
    ) -> None:
        super().__init__()
        if not n_ffts or not len(n_ffts) == len(hop_lengths) == len(win_lengths):
            raise ValueError(
                "n_ffts, hop_lengths and win_lengths need one value for each resolution, "
                f"got {len(n_ffts)}, {len(hop_lengths)} and {len(win_lengths)}"
            )
        self.sizes = list(zip(n_ffts, hop_lengths, strict=True))
        for place, ((n_fft, _), length) in enumerate(
            zip(self.sizes, win_lengths, strict=True)
        ):
            if length > n_fft:
                raise ValueError(f"win_length {length} is larger than n_fft {n_fft}")
            # Not saved: a loss with constants only leaves nothing in a checkpoint.
            window = torch.hann_window(length)
            self.register_buffer(f"window{place}", window, persistent=False)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Loss of waveforms (B, C, N), a scalar."""
        convergence, log_distance = self.terms(estimate, reference)
        return convergence.mean() + log_distance.mean()

    def terms(self, estimate: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Spectral convergence and log-magnitude distance of each signal, (B, C) each, mean over resolutions."""
        check_waves(estimate, reference)
        convergences = []
        log_distances = []
        for place, (n_fft, hop_length) in enumerate(self.sizes):
            window = self.get_buffer(f"window{place}")
            ours, wanted = (
                power_spectrum(wave, n_fft, hop_length, window)
                for wave in (estimate, reference)
            )
            convergence, log_distance = stft_terms(ours, wanted)
            convergences.append(convergence)
            log_distances.append(log_distance)
        mean_convergence = torch.stack(convergences).mean(dim=0)
        mean_log_distance = torch.stack(log_distances).mean(dim=0)
        return mean_convergence, mean_log_distance


@register_loss("multi_scale_mel")
class MultiScaleMel(nn.Module):
    """Mean absolute distance of log10 mel magnitudes, mean over scales: a factor of 10 counts 1, that is 20 dB.

    Parameters
    ----------
    sr_hz : int
        Sampling rate of the waveforms.
    win_lengths : sequence of int
        Samples of the Hann window and of the transform of each scale; the hop is a quarter of them.
    n_mels : sequence of int
        Mel bands (Slaney's scale and areas) of each scale. Bands so narrow that no bin of the transform falls into
        them are left out.
    fmin_hz, fmax_hz : float
        Ends of the lowest and of the highest band; `fmax_hz` None: sr_hz / 2.

    Raises
    ------
    ValueError
        For lists that differ in length or are empty, windows under 4 samples, and bands outside 0 … sr_hz / 2.

    Notes
    -----
    The defaults are those of the reference. Small windows are the costly ones: on a slow machine leave out 32 to 128.
    Magnitudes are held at 1e-5 from below, so that silence has a logarithm.

    References
    ----------
    Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", NeurIPS 2023 (mel loss).
    Yamamoto et al., "Parallel WaveGAN", ICASSP 2020 (several resolutions).

    Examples
    --------
    >>> loss = MultiScaleMel(16000, win_lengths=(512, 1024), n_mels=(40, 80))
    >>> wave = torch.randn(2, 1, 4000)
    >>> round(float(loss(10 * wave, wave)), 4)
    1.0
    """

    def __init__(
        self,
        sr_hz: int,
        win_lengths: Sequence[int] = (32, 64, 128, 256, 512, 1024, 2048),
        n_mels: Sequence[int] = (5, 10, 20, 40, 80, 160, 320),
        fmin_hz: float = 0.0,
        fmax_hz: float | None = None,
    ) -> None:
        super().__init__()
        if not win_lengths or len(win_lengths) != len(n_mels):
            raise ValueError(
                "win_lengths and n_mels need one value for each scale, "
                f"got {len(win_lengths)} and {len(n_mels)}"
            )
        top_hz = sr_hz / 2 if fmax_hz is None else fmax_hz
        if not 0 <= fmin_hz < top_hz <= sr_hz / 2:
            raise ValueError(
                f"bands from {fmin_hz:g} to {top_hz:g} Hz do not lie between 0 and {sr_hz / 2:g} Hz, half of sr_hz"
            )
        self.win_lengths = list(win_lengths)
        for place, (length, bands) in enumerate(zip(win_lengths, n_mels, strict=True)):
            if length < 4:
                raise ValueError(f"a window of {length} samples has no hop")
            peaks_hz = mel_points_hz(fmin_hz, top_hz, bands + 2, "slaney")
            triangles = mel_triangles(peaks_hz, length // 2 + 1, sr_hz / length, True)
            reached = triangles[triangles.sum(dim=1) > 0]
            if not len(reached):
                raise ValueError(
                    f"no bin of a transform of {length} samples falls between {fmin_hz:g} and {top_hz:g} Hz"
                )
            window = torch.hann_window(length)
            self.register_buffer(f"window{place}", window, persistent=False)
            self.register_buffer(f"filters{place}", reached, persistent=False)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Loss of waveforms (B, C, N), a scalar."""
        return self.distances(estimate, reference).mean()

    def distances(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """The distance of each signal, (B, C), mean over scales."""
        check_waves(estimate, reference)
        scales = []
        for place in range(len(self.win_lengths)):
            ours, wanted = (
                self._log_mel(wave, place) for wave in (estimate, reference)
            )
            scales.append((ours - wanted).abs().mean(dim=(2, 3)))
        return torch.stack(scales).mean(dim=0)

    def _log_mel(self, wave: Tensor, place: int) -> Tensor:
        """(B, C, N) -> (B, C, bands, T)."""
        length = self.win_lengths[place]
        window = self.get_buffer(f"window{place}")
        power = power_spectrum(wave, length, length // 4, window)
        # The root has no gradient at 0; far under the floor of the bands it may as well end.
        magnitude = power.clamp_min(MEL_FLOOR**4).sqrt()
        mel = self.get_buffer(f"filters{place}").to(power.dtype) @ magnitude
        return mel.clamp_min(MEL_FLOOR).log10()


@register_loss("compressed_magnitude")
def compressed_magnitude(
    estimate: Tensor, reference: Tensor, exponent: float = 0.3, power: int = 1
) -> Tensor:
    """Mean of | |Ŝ|^c - |S|^c |^p over spectra of one shape: loud bins no longer hide soft ones.

    Parameters
    ----------
    estimate, reference : Tensor
        Spectra of any one shape, complex, or magnitudes (the sign of real values is dropped).
    exponent : float
        c, in ]0, 1]; 1 compares plain magnitudes.
    power : {1, 2}
        p: 1 for L1, 2 for L2.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        For two shapes, an exponent outside ]0, 1], or another power.

    References
    ----------
    Braun & Tashev, "A consolidated view of loss functions for supervised deep learning-based speech enhancement",
    TSP 2021 (c = 0.3).

    Examples
    --------
    >>> compressed_magnitude(torch.full((2, 3), 4.0), torch.ones(2, 3), exponent=0.5)
    tensor(1.)
    """
    if estimate.shape != reference.shape:
        raise ValueError(
            f"estimate {tuple(estimate.shape)} and reference {tuple(reference.shape)} differ in shape"
        )
    if not 0 < exponent <= 1:
        raise ValueError(f"expected an exponent above 0 and up to 1, got {exponent}")
    if power not in (1, 2):
        raise ValueError(f"expected power 1 (L1) or 2 (L2), got {power}")
    # x^c is infinitely steep at 0: below the floor nothing moves.
    ours, wanted = (
        spectrum.abs().clamp_min(POWER_FLOOR).pow(exponent)
        for spectrum in (estimate, reference)
    )
    if power == 1:
        return functional.l1_loss(ours, wanted)
    return functional.mse_loss(ours, wanted)
