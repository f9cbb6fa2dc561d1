"""Change of the sample rate: between common rates by a bank of filters, between any others by interpolation.

Both are the same band-limited interpolation (Smith, "Digital Audio Resampling Home Page"): each output sample is a sum
of input samples, weighted by a sinc under a Kaiser window, 64 zero crossings to either side. Between rates with a
common divisor few different sets of weights are needed, and torchaudio holds them all; between 44,099 and 22,050 Hz
each output sample has weights of its own, which polynomials give.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DataError
from .torchaudio_import import import_torchaudio

# Rates of recordings; what an audio file or a corpus says beyond them is a mistake, and would cost memory and time.
SR_MIN_HZ = 1_000
SR_MAX_HZ = 1_000_000
MAX_FILTER_BANK = 1 << 22  # product of the reduced rates: the filter bank grows with it

# The published "kaiser_best" design.
ZERO_CROSSINGS = 64
ROLLOFF = 0.9475937167399596
KAISER_BETA = 14.769656459379492

N_POLYNOMIALS = 10  # of the weights between two samples: they are exact to about 1e-7
BLOCK_SAMPLES = 1 << 19  # input samples gathered at once


def resample(wave: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Audio at another sample rate, anti-aliased, on the same device and of the same type.

    Parameters
    ----------
    wave : Tensor, shape (..., N)
        Audio in floating point.
    from_hz, to_hz : int
        Its rate and the new one, in Hz.

    Returns
    -------
    Tensor, shape (..., ceil(N * to_hz / from_hz))
        Outside of the waveform there is silence.

    Raises
    ------
    DataError
        E439 for a rate below 1,000 or above 1,000,000 Hz, E450 for audio that is not in floating point.

    Examples
    --------
    >>> resample(torch.zeros(2, 44100), 44100, 22050).shape
    torch.Size([2, 22050])
    """
    _check_rates(from_hz, to_hz)
    if from_hz == to_hz:
        return wave
    if not wave.is_floating_point():
        raise DataError(
            f"audio is resampled in floating point, got {wave.dtype}",
            code="E450",
            help="divide whole numbers by their greatest: wave / 32768 for 16 bits",
        )
    old, new = _reduced(from_hz, to_hz)
    # Half precision has too few digits for the sums, so these are made in single precision.
    samples = wave.to(torch.promote_types(wave.dtype, torch.float32))
    if _has_filter_bank(old, new):
        return _filtered(samples, old, new).to(wave.dtype)
    n_resampled = -(-wave.shape[-1] * new // old)
    resampled = _interpolated(samples, old, new, range(n_resampled), 0)
    return resampled.to(wave.dtype)


def resample_stream(
    chunks: Iterable[Tensor], from_hz: int, to_hz: int
) -> Iterator[Tensor]:
    """`resample` of a waveform that comes in pieces, in memory that does not grow with its length.

    Parameters
    ----------
    chunks : iterable of Tensor, shape (..., n)
        The waveform; pieces may be of any length.
    from_hz, to_hz : int
        Its rate and the new one, in Hz.

    Yields
    ------
    Tensor, shape (..., m)
        Pieces that together equal `resample` of the whole, but for rounding.

    Raises
    ------
    DataError
        E439 for a rate below 1,000 or above 1,000,000 Hz.
    """
    resampling = Resampling(from_hz, to_hz)
    for chunk in chunks:
        piece = resampling.push(chunk)
        if piece.shape[-1]:
            yield piece
    last = resampling.flush()
    if last is not None:
        yield last


class Resampling:
    """`resample` of a waveform that comes in pieces: what can be computed of it so far is there at once.

    Parameters
    ----------
    from_hz, to_hz : int
        Its rate and the new one, in Hz.

    Raises
    ------
    DataError
        E439 for a rate below 1,000 or above 1,000,000 Hz.

    Examples
    --------
    >>> resampling = Resampling(44100, 22050)
    >>> first = resampling.push(torch.zeros(1, 1000))
    >>> last = resampling.flush()
    >>> first.shape[1] + last.shape[1]
    500
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        _check_rates(from_hz, to_hz)
        self._old, self._new = _reduced(from_hz, to_hz)
        self._changes = from_hz != to_hz
        self._by_bank = _has_filter_bank(self._old, self._new)
        self._reach = _reach(self._old, self._new)
        self._begin()

    def _begin(self) -> None:
        self._held: Tensor | None = None
        self._start = 0  # input sample that `_held` begins with
        self._done = 0  # output samples that were given out

    def needed(self, n_outputs: int) -> int:
        """Input samples after which the first so many output samples are there."""
        if not self._changes:
            return n_outputs
        # Output n lies at input n · old / new, and needs `reach` samples behind that.
        return self._reach - (-n_outputs * self._old // self._new)

    def push(self, chunk: Tensor) -> Tensor:
        """The output samples (..., m) that a piece (..., n) completes, possibly none."""
        if not self._changes:
            return chunk
        self._held = _joined(self._held, chunk)
        stop = self._start + self._held.shape[-1]
        ready = max(self._done, (stop - self._reach) * self._new // self._old)
        piece = self._outputs(self._held, ready)
        # What the next output still reaches stays; a filter bank begins with a period.
        drop = max(0, ready * self._old // self._new - self._reach - self._start)
        if self._by_bank:
            drop -= drop % self._old
        self._held = self._held[..., drop:]
        self._start += drop
        return piece

    def flush(self) -> Tensor | None:
        """The rest, after which there is silence; None where nothing is held. Ready for another waveform."""
        if self._held is None:
            return None
        n_samples = self._start + self._held.shape[-1]
        last = self._outputs(self._held, -(-n_samples * self._new // self._old))
        self._begin()
        return last

    def _outputs(self, held: Tensor, stop: int) -> Tensor:
        """The output samples up to `stop` that were not given out yet."""
        first = self._done
        self._done = stop
        if stop <= first:
            return held[..., :0]
        if not self._by_bank:
            outputs = range(first, stop)
            return _interpolated(held, self._old, self._new, outputs, self._start)
        before = self._start // self._old * self._new
        resampled = _filtered(held, self._old, self._new)
        return resampled[..., first - before : stop - before]


def _check_rates(from_hz: int, to_hz: int) -> None:
    for rate_hz in (from_hz, to_hz):
        if not SR_MIN_HZ <= rate_hz <= SR_MAX_HZ:
            raise DataError(
                f"audio cannot be resampled from {from_hz:,} to {to_hz:,} Hz",
                code="E439",
                facts=[("rates", f"{SR_MIN_HZ:,} to {SR_MAX_HZ:,} Hz")],
                help="check the sample rate in the header of the file, or 'sr_hz'",
            )


def _reduced(from_hz: int, to_hz: int) -> tuple[int, int]:
    """The rates without their common divisor: `old` input samples become `new` output samples."""
    divisor = math.gcd(from_hz, to_hz)
    return from_hz // divisor, to_hz // divisor


def _has_filter_bank(old: int, new: int) -> bool:
    return old * new <= MAX_FILTER_BANK


@functools.lru_cache(maxsize=8)
def _filter_bank(old: int, new: int, dtype: torch.dtype) -> Any:
    """torchaudio's Resample; making its filter bank costs more than using it."""
    # Without a type torchaudio computes the filters in double and keeps them in single precision.
    return import_torchaudio().transforms.Resample(
        old,
        new,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=ZERO_CROSSINGS,
        rolloff=ROLLOFF,
        beta=KAISER_BETA,
        dtype=None if dtype == torch.float32 else dtype,
    )


def _filtered(wave: Tensor, old: int, new: int) -> Tensor:
    bank = _filter_bank(old, new, wave.dtype).to(wave.device)
    resampled: Tensor = bank(wave)
    return resampled


def _joined(held: Tensor | None, chunk: Tensor) -> Tensor:
    if held is None:
        return chunk
    return torch.cat([held, chunk], dim=-1)


def _reach(old: int, new: int) -> int:
    """Input samples on either side of an output sample that its weights reach."""
    return math.ceil(ZERO_CROSSINGS * old / (ROLLOFF * min(old, new))) + 1


def _interpolated(
    wave: Tensor, old: int, new: int, outputs: range, start: int
) -> Tensor:
    """Output samples, by their numbers, of a waveform (..., N) whose first sample has the number `start`."""
    reach = _reach(old, new)
    weights = _weights(old, new, wave.dtype).to(wave.device)
    flat = F.pad(wave.reshape(-1, wave.shape[-1]), (reach, reach + 1))
    windows = flat.unfold(1, weights.shape[1], 1)
    block = max(1, BLOCK_SAMPLES // weights.shape[1])
    parts = [flat[:, :0]]
    for first in range(outputs.start, outputs.stop, block):
        stop = min(first + block, outputs.stop)
        # Places in whole numbers, so that no rounding adds up however long the recording is.
        place = torch.arange(first, stop, device=wave.device) * old
        # Row by row: only there does torch copy the samples that are asked for and no others.
        samples = place // new - start
        near = torch.stack([row.index_select(0, samples) for row in windows])
        between = (place % new).double() / new
        polynomials = _chebyshev(between).to(wave.dtype)
        parts.append(((weights @ near.mT) * polynomials).sum(dim=1))
    return torch.cat(parts, dim=1).reshape(*wave.shape[:-1], -1)


@functools.lru_cache(maxsize=8)
def _weights(old: int, new: int, dtype: torch.dtype) -> Tensor:
    """(N_POLYNOMIALS, 2 reach + 1) of the input samples around an output sample: their weights are polynomials of its
    place between two of them (the structure of Farrow, ISCAS 1988), here through the exact ones at Chebyshev's nodes.
    """
    nodes = (torch.arange(N_POLYNOMIALS, dtype=torch.float64) + 0.5) / N_POLYNOMIALS
    between = (1 + torch.cos(math.pi * nodes)) / 2
    reach = _reach(old, new)
    samples = torch.arange(-reach, reach + 1, dtype=torch.float64)

    # The lower of the two rates decides where the band ends.
    cutoff = ROLLOFF * min(1.0, new / old)
    crossings = cutoff * (samples - between[:, None])
    # Kaiser's window, I0(β √(1 - x²)) / I0(β), which ends with the sinc's 64th zero.
    inside = (1 - (crossings / ZERO_CROSSINGS).square()).clamp_min(0)
    window = torch.special.i0(KAISER_BETA * inside.sqrt())
    window = window / torch.special.i0(torch.tensor(KAISER_BETA).double())
    exact = cutoff * torch.sinc(crossings) * window
    # At the nodes the polynomials are orthogonal, so that their coefficients are sums of products.
    coefficients = _chebyshev(between) @ exact * (2 / N_POLYNOMIALS)
    coefficients[0] /= 2
    weights: Tensor = coefficients.to(dtype)
    return weights


def _chebyshev(between: Tensor) -> Tensor:
    """(n,) places in 0 … 1 -> (N_POLYNOMIALS, n): the polynomials of Chebyshev there."""
    order = torch.arange(N_POLYNOMIALS, dtype=between.dtype, device=between.device)
    return torch.cos(torch.arccos(2 * between - 1) * order[:, None])
