"""The anchors of a MUSHRA test: the reference through a low-pass filter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

LOW_HZ, MID_HZ = 3500, 7000  # BS.1534-3: the low-range and the mid-range anchor
ATTENUATION_DB = 70.0  # from the end of the transition on; ripple in the pass band is then under .01 dB
TRANSITION = 1 / 7  # of the cutoff: 500 Hz above 3.5 kHz

Samples = NDArray[np.float32]


def anchor_name(cutoff_hz: int) -> str:
    """What the anchor is called in the results, such as "anchor 3.5 kHz"."""
    return f"anchor {cutoff_hz / 1000:g} kHz"


def refuse_narrow(cutoff_hz: int, sr_hz: int, item: str) -> None:
    """Raise DataError E642 where the band of a recording ends before the filter has taken anything away."""
    needed_hz = 2 * cutoff_hz * (1 + TRANSITION)
    if sr_hz < needed_hz:
        raise DataError(
            f"no anchor at {cutoff_hz} Hz can be made of the reference '{item}', whose sample rate is {sr_hz} Hz",
            code="E642",
            facts=[("expected", f"a sample rate of {needed_hz:.0f} Hz or more")],
            help="give a lower --anchor, such as a quarter of the sample rate",
        )


def low_pass(samples: Samples, sr_hz: int, cutoff_hz: int) -> Samples:
    """What is up to the cutoff of samples (C, N), at the same time and the same loudness.

    ITU-R BS.1534-3 asks of the 3.5 kHz anchor: a ripple of ± 0.1 dB below 3.5 kHz, 25 dB less at 4 kHz and 50 dB
    less at 4.5 kHz. A linear-phase filter with a Kaiser window keeps within it for any cutoff of that proportion.
    """
    from scipy.signal import fftconvolve, firwin, kaiserord  # takes a while to import

    width_hz = TRANSITION * cutoff_hz
    n_taps, beta = kaiserord(ATTENUATION_DB, width_hz / (sr_hz / 2))
    n_taps |= 1  # an odd number of taps delays by whole samples
    middle_hz = cutoff_hz + width_hz / 2
    taps = firwin(n_taps, middle_hz, window=("kaiser", beta), fs=sr_hz)
    filtered = fftconvolve(samples, taps[None], mode="full", axes=1)
    delay = n_taps // 2
    return np.asarray(filtered[:, delay : delay + samples.shape[1]], dtype=np.float32)
