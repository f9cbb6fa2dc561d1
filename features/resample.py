"""Change of the sample rate."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

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
    old, new = _reduced(from_hz, to_hz)
    if old * new > MAX_FILTER_BANK:
        return _by_spectrum(wave, old, new)
    resampled: Tensor = _resampler(old, new).to(wave.device)(wave)
    return resampled


def resample_stream(
    chunks: Iterable[Tensor], from_hz: int, to_hz: int
) -> Iterator[Tensor]:
    """`resample` of a waveform that comes in (..., n) chunks: pieces that together equal it, but for rounding.

    Memory grows with the largest chunk; with the waveform only at rates that go by way of its Fourier transform.
    """
    old, new = _reduced(from_hz, to_hz)
    if from_hz == to_hz:
        yield from chunks
        return
    if old * new > MAX_FILTER_BANK:
        yield resample(torch.cat(list(chunks), dim=-1), from_hz, to_hz)
        return
    context = -(
        -_resampler(old, new).width // old
    )  # periods of `old` samples that a filter reaches to either side
    # samples still needed; periods of them that were given out
    held = torch.zeros(0)
    done = 0
    for chunk in chunks:
        if held.numel():
            held = torch.cat([held, chunk], dim=-1)
        else:
            held = chunk
        n_periods = held.shape[-1] // old
        ready = n_periods - context
        if ready > done:
            yield resample(held[..., : n_periods * old], from_hz, to_hz)[
                ..., done * new : ready * new
            ]
            dropped = max(0, ready - context)
            held = held[..., dropped * old :]
            done = ready - dropped
    yield resample(held, from_hz, to_hz)[..., done * new :]


def _reduced(from_hz: int, to_hz: int) -> tuple[int, int]:
    divisor = math.gcd(from_hz, to_hz)
    return from_hz // divisor, to_hz // divisor


def _by_spectrum(wave: Tensor, old: int, new: int) -> Tensor:
    """Cut or pad the spectrum. Silence makes the length a multiple of `old`, so that the ratio is exact."""
    n = wave.shape[-1]
    periods = -(-n // old)
    spectrum = torch.fft.rfft(F.pad(wave, (0, periods * old - n)))[
        ..., : periods * min(old, new) // 2
    ]
    resampled: Tensor = torch.fft.irfft(spectrum, n=periods * new)[
        ..., : -(-n * new // old)
    ]
    return resampled * (new / old)


@functools.lru_cache(maxsize=8)
def _resampler(old: int, new: int) -> Any:
    """torchaudio's Resample; making its filter bank costs more than using it."""
    return import_torchaudio().transforms.Resample(
        old,
        new,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,  # with beta: the published "kaiser_best" design
        beta=14.769656459379492,
    )
