"""The input frames that each frame of a tensor sees, exactly, layer by layer.

After an upsampling by s, s frames that follow one another see different frames of the input: frame t of a tensor with
a period of P frames sees the input's frames from first[t mod P] + a ⌊t / P⌋ to last[t mod P] + a ⌊t / P⌋, where a is
how far the input moves on in a period. What lies between the first and the last counts as seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Field:
    """`first` and `last` have a value per frame of a period, `advance` are the input frames from period to period."""

    first: Frames
    last: Frames
    advance: int = 1
    whole: bool = False  # whether all frames are seen

    @classmethod
    def start(cls) -> Field:
        """That of the input: each frame sees itself."""
        return cls(np.zeros(1, np.int64), np.zeros(1, np.int64))

    @property
    def frames(self) -> int | None:
        """Input frames that one frame sees, that which sees most of a period; None for all."""
        if self.whole:
            return None
        return int((self.last - self.first).max()) + 1

    @property
    def stride(self) -> Fraction:
        """Input frames between two frames."""
        return Fraction(self.advance, len(self.first))

    def all_frames(self) -> Field:
        """The same frames, each of which sees all of the input."""
        return replace(self, whole=True)

    def convolved(self, kernel: int, stride: int, dilation: int, padding: int) -> Field:
        """After a convolution or pooling: frame t is made of the frames t · stride - padding + j · dilation."""
        period = len(self.first) // math.gcd(len(self.first), stride)
        begin = np.arange(period) * stride - padding
        taps = _outer(kernel, len(self.first) // math.gcd(len(self.first), dilation))
        return self._made_of((begin + tap * dilation for tap in taps), period * stride)

    def transposed(
        self, kernel: int, stride: int, dilation: int, padding: int
    ) -> Field:
        """After a transposed convolution: frame i is added to the frames i · stride - padding + j · dilation."""
        period = len(self.first) * stride
        begin = np.arange(period) + padding
        first = np.full(period, _FAR)
        last = np.full(period, -_FAR)
        for tap in _outer(kernel, period // math.gcd(period, dilation)):
            source, rest = np.divmod(begin - tap * dilation, stride)
            low, high = self._at(source)
            first = np.where(rest == 0, np.minimum(first, low), first)
            last = np.where(rest == 0, np.maximum(last, high), last)
        # A kernel smaller than its stride leaves frames between its taps that are made of
        # nothing; they count as seeing what the frame before them sees.
        low, high = self._at(begin // stride)
        return replace(
            self,
            first=np.where(first == _FAR, low, first),
            last=np.where(last == -_FAR, high, last),
        )

    def interpolated(self, scale: Fraction, taps: int) -> Field:
        """After an upsampling: frame t is the one at t / scale (one tap), or of 2 or 4 around (t + ½) / scale - ½."""
        up = scale.numerator
        down = scale.denominator
        rounds = len(self.first) // math.gcd(len(self.first), down)
        t = np.arange(up * rounds)
        # In whole numbers: a rounding error would move a frame.
        if taps == 1:
            middle = t * down // up
        else:
            middle = ((2 * t + 1) * down - up) // (2 * up)
        return self._made_of(
            [middle - (taps - 1) // 2, middle + taps // 2], down * rounds
        )

    def joined(self, other: Field) -> Field:
        """What either of the two sees; where their frames lie differently far apart, as many as the wider one."""
        if self.frames is None or other.frames is None:
            return self.all_frames()
        if self.stride != other.stride:
            return replace(
                self, last=np.maximum(self.last, self.first + other.frames - 1)
            )
        # Both are periodic, and what they see together is so with the common period.
        frames = np.arange(math.lcm(len(self.first), len(other.first)))
        (first, last), (first_2, last_2) = self._at(frames), other._at(frames)
        advance = int(self.stride * len(frames))
        return Field(np.minimum(first, first_2), np.maximum(last, last_2), advance)

    def _at(self, frames: Frames) -> tuple[Frames, Frames]:
        """The first and the last input frame that these frames see."""
        periods, place = np.divmod(frames, len(self.first))
        moved = periods * self.advance
        return self.first[place] + moved, self.last[place] + moved

    def _made_of(self, sources: Iterable[Frames], moved: int) -> Field:
        """Of frames that are made of these frames of this tensor; in a period the tensor moves on by `moved`."""
        seen = [self._at(source) for source in sources]
        first = np.min([low for low, _ in seen], axis=0)
        last = np.max([high for _, high in seen], axis=0)
        return replace(
            self,
            first=first,
            last=last,
            advance=self.advance * moved // len(self.first),
        )


_FAR = np.iinfo(np.int64).max


def _outer(kernel: int, period: int) -> Sequence[int]:
    """The taps that can see most to either side: of those a period apart, the outermost."""
    if kernel <= 2 * period:
        return range(kernel)
    return [*range(period), *range(kernel - period, kernel)]
