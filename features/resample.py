"""Change of the sample rate."""

from __future__ import annotations

import functools
from fractions import Fraction

from torch import Tensor, nn

from .torchaudio_import import import_torchaudio

MAX_DENOMINATOR = 4000  # of the ratio of the rates; bounds the size of the filter bank


def resample(wave: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """(..., N) at `from_hz` -> (..., ceil(N · to_hz / from_hz)) at `to_hz`, anti-aliased; float32 on the same device.

    torchaudio's polyphase Kaiser-windowed sinc (Smith, "Digital Audio Resampling Home Page"), 64 zero crossings wide.
    Rates with no small common ratio (44,099 to 22,050 Hz) use the nearest small one: off by less than 1 in 10⁷.
    """
    if from_hz == to_hz:
        return wave
    ratio = Fraction(to_hz, from_hz).limit_denominator(MAX_DENOMINATOR)
    resampled: Tensor = _resampler(ratio.denominator, ratio.numerator).to(wave.device)(wave)
    return resampled


@functools.lru_cache(maxsize=8)
def _resampler(from_hz: int, to_hz: int) -> nn.Module:
    """torchaudio's Resample; making its filter bank costs more than using it."""
    module: nn.Module = import_torchaudio().transforms.Resample(
        from_hz,
        to_hz,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,  # with beta: the published "kaiser_best" design
        beta=14.769656459379492,
    )
    return module
