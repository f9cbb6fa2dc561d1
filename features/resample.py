"""Change of the sample rate."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .torchaudio_import import import_torchaudio

MAX_FILTER_BANK = 1 << 22  # product of the reduced rates: the filter bank grows with it


def resample(wave: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """(..., N) at `from_hz` -> (..., ceil(N · to_hz / from_hz)) at `to_hz`, anti-aliased, on the same device.

    torchaudio's polyphase Kaiser-windowed sinc (Smith, "Digital Audio Resampling Home Page"), 64 zero crossings wide.
    Rates with next to no common divisor (44,099 and 22,050 Hz), which would need a huge filter bank, go by way of the
    Fourier transform of the whole waveform.
    """
    if from_hz == to_hz:
        return wave
    divisor = math.gcd(from_hz, to_hz)
    old, new = from_hz // divisor, to_hz // divisor
    if old * new > MAX_FILTER_BANK:
        return _by_spectrum(wave, old, new)
    resampled: Tensor = _resampler(old, new).to(wave.device)(wave)
    return resampled


def _by_spectrum(wave: Tensor, old: int, new: int) -> Tensor:
    """Cut or pad the spectrum. Silence makes the length a multiple of `old`, so that the ratio is exact."""
    n = wave.shape[-1]
    periods = -(-n // old)
    spectrum = torch.fft.rfft(F.pad(wave, (0, periods * old - n)))[..., : periods * min(old, new) // 2]
    resampled: Tensor = torch.fft.irfft(spectrum, n=periods * new)[..., : -(-n * new // old)]
    return resampled * (new / old)


@functools.lru_cache(maxsize=8)
def _resampler(old: int, new: int) -> nn.Module:
    """torchaudio's Resample; making its filter bank costs more than using it."""
    module: nn.Module = import_torchaudio().transforms.Resample(
        old,
        new,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,  # with beta: the published "kaiser_best" design
        beta=14.769656459379492,
    )
    return module
