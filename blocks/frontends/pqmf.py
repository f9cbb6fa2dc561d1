"""A waveform as bands at a fraction of its rate, and back: a cosine-modulated filter bank."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...registry import STORED, Block, BlockConfig, from_axis, register

PQMF = "arXiv:2111.05011"
GOLDEN = (math.sqrt(5) - 1) / 2
COARSE_STEPS = 120  # of the cutoff, in a band's width
FINE_STEPS = 30  # each makes the interval of the cutoff 0.62 times as wide


class PQMFConfig(BlockConfig):
    """Fields of both directions: the same ones make the filters of the same bank."""

    num_bands: int = Field(
        16, ge=2, le=64, description="bands, and samples per frame of a band"
    )
    taps: int = Field(
        12,
        ge=4,
        le=32,
        multiple_of=2,
        description="length of the filters in frames, num_bands samples each",
    )
    attenuation_db: float = Field(
        82.0,
        ge=30,
        le=140,
        description="attenuation of the window that the filters are designed with",
    )


@lru_cache(maxsize=32)
def bank(num_bands: int, taps: int, attenuation_db: float) -> Tensor:
    """(num_bands, num_bands · taps) the filters, float64, of length 1; frames of them are nearly orthogonal."""
    prototype = math.sqrt(2) * _kaiser(num_bands, taps, attenuation_db)
    band = torch.arange(num_bands, device="cpu", dtype=torch.float64)[:, None]
    # Time 0 lies in the middle of the filters, between two samples.
    n = torch.arange(len(prototype), device="cpu", dtype=torch.float64)
    n = n - (len(prototype) - 1) / 2
    # Nguyen 1994, eq. 3: the phases ±π/4 make the aliases of neighbouring bands cancel.
    phase = torch.where(band % 2 == 0, math.pi / 4, -math.pi / 4)
    return prototype * torch.cos((band + 0.5) * math.pi / num_bands * n + phase)


def _kaiser(num_bands: int, taps: int, attenuation_db: float) -> Tensor:
    """The low-pass filter of length 1 whose cutoff makes the bank flattest (Lin & Vaidyanathan 1998)."""
    length = num_bands * taps
    # Kaiser's formulas for the window's shape; the second is for small attenuations.
    if attenuation_db > 50:
        beta = 0.1102 * (attenuation_db - 8.7)
    else:
        beta = 0.5842 * (attenuation_db - 21) ** 0.4 + 0.07886 * (attenuation_db - 21)
    window = torch.kaiser_window(
        length, periodic=False, beta=beta, dtype=torch.float64, device="cpu"
    )
    n = torch.arange(length, device="cpu", dtype=torch.float64) - (length - 1) / 2

    def low_pass(cutoff: float) -> Tensor:
        return window * torch.sin(cutoff * n) / n

    # The cutoff lies near half of a band's width. A coarse search first: the ripple has several valleys.
    width = math.pi / num_bands
    step = width / COARSE_STEPS
    tried = [step * i for i in range(COARSE_STEPS // 4, COARSE_STEPS)]
    middle = min(tried, key=lambda cutoff: _ripple(low_pass(cutoff), num_bands))
    low = middle - step
    high = middle + step
    for _ in range(FINE_STEPS):
        one = high - GOLDEN * (high - low)
        two = low + GOLDEN * (high - low)
        if _ripple(low_pass(one), num_bands) < _ripple(low_pass(two), num_bands):
            high = two
        else:
            low = one
    best = low_pass((low + high) / 2)
    size: Tensor = torch.linalg.vector_norm(best)
    return best / size


def _ripple(prototype: Tensor, num_bands: int) -> float:
    """How far the sum of all bands is from flat: the autocorrelation at multiples of twice the bands."""
    lags = range(2 * num_bands, len(prototype), 2 * num_bands)
    products = [(prototype[lag:] * prototype[:-lag]).sum() for lag in lags]
    return float(torch.stack(products).square().sum() / prototype.square().sum() ** 2)


class _Bank(Block):
    """What both directions share: the filters, and where frame 0 begins."""

    def __init__(self, config: PQMFConfig) -> None:
        super().__init__()
        c = config
        self.stride = c.num_bands
        self.kernel_size = c.num_bands * c.taps
        # The middle of the filters of frame t lies in the middle of its num_bands samples.
        self.lead = (self.kernel_size - self.stride) // 2
        self.tail = self.kernel_size - self.stride - self.lead
        self.filters: Tensor
        filters = bank(c.num_bands, c.taps, c.attenuation_db)[:, None].float()
        self.register_buffer("filters", filters, persistent=False)


@register(
    "PQMFAnalysis",
    shape="B C T -> B {out_channels} T'",
    source=PQMF,
    examples=[
        ((2, 1, 40), {"num_bands": 4, "taps": 4}),
        ((2, 2, 21), {"num_bands": 3, "taps": 4, "attenuation_db": 40.0}),
    ],
)
class PQMFAnalysis(_Bank):
    """A waveform as num_bands bands of equal width, each at 1/num_bands of the rate; PQMFSynthesis gives it back.

    Shape:   (B, C, N) -> (B, num_bands C, ⌈N / num_bands⌉), the bands of channel 0 first, the lowest first; zeros fill
             up the last frame
    Source:  Nguyen, "Near-Perfect-Reconstruction Pseudo-QMF Banks", IEEE TSP 1994, with the prototype of Lin &
             Vaidyanathan, IEEE SPL 1998; as the first layer of a network in RAVE, arXiv:2111.05011. The waveform comes
             back at 63 dB with the default fields, but for taps / 2 frames at the ends, beyond which there is silence.
             The filters have length 1, which keeps the energy: they are √num_bands times as large as RAVE's.
    """

    class Config(PQMFConfig):
        in_channels: int = from_axis("C")

        @property
        def out_channels(self) -> int:
            """Bands of all channels."""
            return self.in_channels * self.num_bands

    def forward(self, x: Tensor) -> Tensor:
        rest = -x.shape[2] % self.stride
        waves = x.flatten(0, 1).unsqueeze(1)
        waves = functional.pad(waves, (self.lead, self.tail + rest))
        bands = functional.conv1d(waves, self.filters, stride=self.stride)
        return bands.reshape(x.shape[0], -1, bands.shape[2])


@register(
    "PQMFSynthesis",
    shape="B C T, [B ...'] -> B {out_channels} T'",
    source=PQMF,
    examples=[
        ((2, 4, 10), {"in_channels": 4, "num_bands": 4, "taps": 4}),
        (
            (2, 6, 7),
            {"in_channels": 6, "num_bands": 3, "taps": 4, "attenuation_db": 40.0},
        ),
        (
            [(2, 4, 10), (2, 1, 37)],
            {"in_channels": 4, "num_bands": 4, "taps": 4, "size_of": "y"},
        ),
    ],
)
class PQMFSynthesis(_Bank):
    """The waveform of the bands that PQMFAnalysis with the same fields makes.

    Shape:   (B, num_bands C, T) -> (B, C, num_bands T); with `size_of`, the waveform that PQMFAnalysis took, without
             the zeros that filled up its last frame
    Source:  as PQMFAnalysis, whose filters it uses: a bank that is nearly orthogonal is inverted by its transpose.
    """

    class Config(PQMFConfig):
        in_channels: int = from_axis("C")
        size_of: str | None = Field(
            None,
            description="the stored tensor or input whose length the waveform gets; default: that of the frames",
            json_schema_extra=STORED,
        )

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

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        bands = x.reshape(-1, self.stride, x.shape[2])
        waves = functional.conv_transpose1d(bands, self.filters, stride=self.stride)
        inner = waves[:, 0, self.lead : waves.shape[2] - self.tail]
        if like is not None:
            missing = max(0, like.shape[-1] - inner.shape[1])
            inner = functional.pad(inner, (0, missing))[:, : like.shape[-1]]
        return inner.reshape(x.shape[0], -1, inner.shape[1])
