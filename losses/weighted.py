"""Several losses of sounds at once, each by its name with a weight."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from .spectral import (
    POWER_FLOOR,
    MultiResolutionSTFT,
    MultiScaleMel,
    compressed_magnitude,
    power_spectrum,
)
from .waveform import cosine_loss, noise_to_signal_db, si_sdr_loss

MEL_WINDOWS = (
    256,
    1024,
    2048,
)  # of the log-mel spectra; shorter ones are the costly ones
MEL_BANDS = (40, 80, 160)


class WeightedLosses(nn.Module):
    """The weighted parts of a loss that compares sounds with what they should be.

    Parameters
    ----------
    weights : mapping of str to float
        How much each part counts; what is left out is not computed. Parts are `l1` and `l2` of the samples, `snr` (the
        noise-to-signal ratio in dB), `si_sdr`, `cosine`, `magnitude` (compressed), `stft` and `mel`.
    sr_hz : int
        Sampling rate, which mel bands need.
    exponent : float
        Of the compressed magnitude, in ]0, 1].
    n_fft : int
        Samples of the Hann window of the compressed magnitude; its hop is a quarter of it.

    Examples
    --------
    >>> losses = WeightedLosses({"l1": 2.0, "l2": 1.0}, sr_hz=8000)
    >>> losses.parts(torch.ones(1, 1, 4), torch.zeros(1, 1, 4))
    {'l1': tensor(2.), 'l2': tensor(1.)}
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        sr_hz: int,
        *,
        exponent: float = 0.3,
        n_fft: int = 2048,
    ) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.exponent = exponent
        self.stft = MultiResolutionSTFT() if "stft" in weights else None
        self.mel = None
        if "mel" in weights:
            self.mel = MultiScaleMel(sr_hz, win_lengths=MEL_WINDOWS, n_mels=MEL_BANDS)
        self.window: Tensor
        # Not saved: a loss with constants only leaves nothing in a checkpoint.
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def parts(self, output: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """The weighted parts by name, of sounds (B, C, N); `l1` and `l2` of tensors of any one shape."""
        self.to(output.device)
        found = {}
        for name, weight in self.weights.items():
            found[name] = weight * self.part(name, output, wanted)
        return found

    def part(self, name: str, output: Tensor, wanted: Tensor) -> Tensor:
        """One part, without its weight."""
        if name == "l1":
            return functional.l1_loss(output, wanted)
        if name == "l2":
            return functional.mse_loss(output, wanted)
        if name == "snr":
            return noise_to_signal_db(output, wanted).mean()
        if name == "si_sdr":
            return si_sdr_loss(output, wanted)
        if name == "cosine":
            return cosine_loss(output, wanted)
        if name == "magnitude":
            return self._magnitude(output, wanted)
        measure = self.stft if name == "stft" else self.mel
        assert measure is not None  # it is made wherever it has a weight
        distance: Tensor = measure(output, wanted)
        return distance

    def _magnitude(self, output: Tensor, wanted: Tensor) -> Tensor:
        ours = self._spectrum(output)
        return compressed_magnitude(ours, self._spectrum(wanted), self.exponent)

    def _spectrum(self, wave: Tensor) -> Tensor:
        """Magnitudes (B, C, F, T)."""
        n_fft = len(self.window)
        power = power_spectrum(wave, n_fft, n_fft // 4, self.window)
        # The root has no gradient at 0; below the floor of the magnitudes it may as well end.
        return power.clamp_min(POWER_FLOOR**2).sqrt()
