"""A waveform as frames of real spectra, and back: the modified discrete cosine transform; and its levels compressed."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register

PRINCEN = "doi:10.1109/ICASSP.1987.1169405"
COMPANDING = "doi:10.1121/1.1908048"
QUIETEST = 1e-4  # a level below which frames count as silence: -80 dB of full scale

NOTHING = 1e-6  # a level that only keeps the gradient of a root finite


class MDCTConfig(BlockConfig):
    """Fields of both directions."""

    num_bands: int = Field(
        256, ge=2, le=8192, multiple_of=2, description="bands, and samples per frame"
    )


class _Lapped(Block):
    """What both directions share: the cosines of a frame, and the rotations where two frames meet."""

    def __init__(self, config: MDCTConfig) -> None:
        super().__init__()
        self.num_bands = config.num_bands
        cosines, rotation = transform_of(config.num_bands)
        self.cosines: Tensor
        self.rotation: Tensor
        # Both follow from the config, so they are not in the weights.
        self.register_buffer("cosines", cosines.float(), persistent=False)
        self.register_buffer("rotation", rotation.float(), persistent=False)

    def _turned(self, waves: Tensor, direction: int) -> Tensor:
        """Frames (N, T, num_bands) with the samples around each border between two frames turned in pairs.

        The sample k behind a border and the one k before it are the two coordinates of a plane. At the two ends of the
        waveform there is no border, so that a whole number of frames gives itself back exactly.
        """
        halves = waves.reshape(*waves.shape[:2], 2, self.num_bands // 2)
        cosine, sine = self.rotation.to(waves.dtype)
        behind = halves[:, 1:, 0]
        before = halves[:, :-1, 1].flip(2)
        turned_behind = cosine * behind - direction * sine * before
        turned_before = cosine * before + direction * sine * behind
        first = torch.cat([halves[:, :1, 0], turned_behind], dim=1)
        second = torch.cat([turned_before.flip(2), halves[:, -1:, 1]], dim=1)
        return torch.stack([first, second], dim=2).flatten(2)


def transform_of(num_bands: int) -> tuple[Tensor, Tensor]:
    """The cosines (num_bands, num_bands), samples by bands, and the rotations' cosine and sine (2, num_bands / 2).

    Both in float64. The phase of the cosines is the published one, which is that of a frame of 2 num_bands samples: odd
    about the frame's start and even about its end, as the rotations fold the neighbours in.
    """
    n = torch.arange(num_bands, dtype=torch.float64) + 0.5
    angles = math.pi / num_bands * (n[:, None] + num_bands) * n
    cosines = math.sqrt(2 / num_bands) * torch.cos(angles)
    # The sine window of Princen & Bradley, eq. 20, at the second half of its rise: the angle of each pair.
    rise = n[num_bands // 2 :] * (math.pi / (2 * num_bands))
    return cosines, torch.stack([rise.sin(), rise.cos()])


@register(
    "MDCT",
    shape="B C T -> B {out_channels} T'",
    source=PRINCEN,
    examples=[((2, 1, 40), {"num_bands": 8}), ((2, 2, 21), {"num_bands": 6})],
)
class MDCT(_Lapped):
    """A waveform as frames of num_bands real numbers, one per band: an orthonormal transform with a sine window.

    Shape:   (B, C, N) -> (B, num_bands C, ⌈N / num_bands⌉), the bands of channel 0 first, the lowest first; zeros fill
             up the last frame
    Source:  Princen, Johnson & Bradley, "Subband/Transform Coding Using Filter Bank Designs Based on Time Domain
             Aliasing Cancellation", ICASSP 1987, as rotations and a cosine transform. Frame t lies on its own num_bands
             samples and half a frame to either side. Differs: the window has no slope at the two ends of the waveform,
             so that as many numbers come out as samples go in, and InverseMDCT gives them all back.
    """

    class Config(MDCTConfig):
        in_channels: int = from_axis("C")

        @property
        def out_channels(self) -> int:
            """Bands of all channels."""
            return self.in_channels * self.num_bands

    def forward(self, x: Tensor) -> Tensor:
        waves = functional.pad(x, (0, -x.shape[2] % self.num_bands)).flatten(0, 1)
        frames = waves.reshape(waves.shape[0], -1, self.num_bands)
        spectra = self._turned(frames, 1) @ self.cosines.to(x.dtype)
        return spectra.transpose(1, 2).reshape(x.shape[0], -1, spectra.shape[1])


@register(
    "InverseMDCT",
    shape="B C T -> B {out_channels} T'",
    source=PRINCEN,
    examples=[
        ((2, 8, 5), {"in_channels": 8, "num_bands": 8}),
        ((2, 12, 4), {"in_channels": 12, "num_bands": 6}),
    ],
)
class InverseMDCT(_Lapped):
    """The waveform of the frames that MDCT with the same field makes.

    Shape:   (B, num_bands C, T) -> (B, C, num_bands T)
    Source:  as MDCT, which it undoes: an orthonormal transform is inverted by its transpose.
    """

    class Config(MDCTConfig):
        in_channels: int = from_axis("C")

        @property
        def out_channels(self) -> int:
            """Waveforms: each is made of num_bands bands."""
            return self.in_channels // self.num_bands

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.in_channels % config.num_bands:
            raise ValueError(
                f"{config.in_channels} channels are not a multiple of num_bands {config.num_bands}"
            )

    def forward(self, x: Tensor) -> Tensor:
        spectra = x.reshape(-1, self.num_bands, x.shape[2]).transpose(1, 2)
        frames = self._turned(spectra @ self.cosines.to(x.dtype).t(), -1)
        return frames.reshape(x.shape[0], -1, x.shape[2] * self.num_bands)


class LevelConfig(BlockConfig):
    """Fields of both directions."""

    exponent: float = Field(
        0.5,
        gt=0,
        le=1,
        description="power of a frame's level that remains; 1 leaves frames as they are",
    )


@register(
    "CompressLevel",
    shape="B C T -> B C T",
    source=COMPANDING,
    examples=[((2, 4, 9), {}), ((2, 3, 5), {"exponent": 0.3})],
)
class CompressLevel(Block):
    """Soft frames nearer to loud ones: a frame of level r (its root mean square) gets the level r^exponent.

    What is coded with a fixed number of bits, such as the codes of a VectorQuantizer, then keeps soft frames as well as
    loud ones. ExpandLevel with the same exponent undoes it.

    Shape:   (B, C, T) -> (B, C, T)
    Source:  the compression of a compander; the power law is that of loudness (Stevens, "The measurement of loudness",
             JASA 1955, exponent .6 of the amplitude). Levels are held above 1e-4, so that silence stays silent.
    """

    class Config(LevelConfig):
        pass

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.power = config.exponent - 1

    def forward(self, x: Tensor) -> Tensor:
        level = (x.square().mean(dim=1, keepdim=True) + QUIETEST**2).sqrt()
        return x * level**self.power


@register(
    "ExpandLevel",
    shape="B C T -> B C T",
    source=COMPANDING,
    examples=[((2, 4, 9), {}), ((2, 3, 5), {"exponent": 0.3})],
)
class ExpandLevel(Block):
    """The levels that CompressLevel with the same exponent compressed: a frame of level r gets r^(1 / exponent).

    Shape:   (B, C, T) -> (B, C, T)
    Source:  as CompressLevel, whose inverse it is above a level of 1e-4; below it makes soft frames softer still.
    """

    class Config(LevelConfig):
        pass

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.power = 1 / config.exponent - 1

    def forward(self, x: Tensor) -> Tensor:
        level = (x.square().mean(dim=1, keepdim=True) + NOTHING**2).sqrt()
        return x * level**self.power
