"""Sound played faster, and so higher, or slower: band-limited, by its Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor

SEMITONES = 12  # of an octave
STEPS = (
    256  # of a patch: lengths are rounded to them, so that their transforms are fast
)


def read_length(n_frames: int, semitones: float) -> tuple[int, int]:
    """How many samples before its place, and how many in all, a patch is made of that is transposed."""
    if not semitones:
        return 0, n_frames
    step = max(n_frames // STEPS, 1)
    ratio = 2 ** (semitones / SEMITONES)
    # More samples than the patch has make it shorter, and so higher; a margin on both sides is cut off again.
    length = step * round((n_frames + 2 * step) * ratio / step)
    return round(step * ratio), length


def transposed(wave: Tensor, n_frames: int, semitones: float) -> Tensor:
    """(..., T) from a wave of the length that `read_length` gives."""
    if not semitones:
        return wave
    margin = max(n_frames // STEPS, 1)
    whole = n_frames + 2 * margin
    n_samples = wave.shape[-1]
    # As many bins of the spectrum as the new length has: none beyond its half rate, so that nothing is folded back.
    spectrum = torch.fft.rfft(wave)[..., : whole // 2 + 1]
    played: Tensor = torch.fft.irfft(spectrum, n=whole) * (whole / n_samples)
    # The transform takes a wave for a period: what rings where its ends meet lies in the margins.
    return played[..., margin : margin + n_frames]
