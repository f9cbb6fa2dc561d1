"""The cosine-modulated filter bank: exact reconstruction, bands where they belong, the formula of its filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import signal
from torch import Tensor

import mirbricks as mb
from mirbricks.compiler.inference.receptive_field import receptive_fields
from mirbricks.registry import Block

Make = Callable[..., Block]
# Banks, and the least that the waveform must come back at, in dB.
BANKS: list[tuple[dict[str, Any], float]] = [
    ({}, 60),
    ({"num_bands": 4}, 60),
    ({"num_bands": 5, "taps": 10}, 60),
    ({"num_bands": 2, "taps": 16}, 60),
    ({"num_bands": 64}, 60),
    ({"num_bands": 8, "taps": 8, "attenuation_db": 60.0}, 45),
]


def both(make: Make, n_channels: int = 1, **config: Any) -> tuple[Block, Block]:
    analysis = make("PQMFAnalysis", (1, n_channels, 64), **config)
    n_bands = len(analysis.filters) * n_channels
    return analysis, make("PQMFSynthesis", (1, n_bands, 9), **config)


def snr_db(x: Tensor, y: Tensor) -> float:
    return float(10 * torch.log10(x.square().sum() / (x - y).square().sum()))


@pytest.mark.parametrize(("config", "least_db"), BANKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_synthesis_gives_the_waveform_back(
    make: Make, config: dict[str, Any], least_db: float, dtype: torch.dtype
) -> None:
    analysis, synthesis = both(make, **config)
    inside = analysis.kernel_size
    n_samples = 2 * inside + 300 * analysis.stride
    x = torch.randn(2, 1, n_samples, dtype=dtype)
    x[..., :inside] = 0
    x[..., -inside:] = 0
    bands = analysis.to(dtype)(x)
    assert bands.shape == (2, analysis.stride, n_samples // analysis.stride)
    y = synthesis.to(dtype)(bands)
    assert y.shape == x.shape
    assert snr_db(x, y) > least_db
    # A transform that is nearly orthonormal keeps the energy of every item.
    energy = x.square().sum((1, 2))
    torch.testing.assert_close(bands.square().sum((1, 2)), energy, rtol=1e-2, atol=0)


def test_away_from_the_ends_it_comes_back_whatever_lies_there(make: Make) -> None:
    analysis, synthesis = both(make)
    x = torch.randn(1, 1, 16 * 200, dtype=torch.float64)
    y = synthesis(analysis(x))
    inside = slice(analysis.kernel_size, -analysis.kernel_size)
    assert snr_db(x[..., inside], y[..., inside]) > 60
    assert snr_db(x, y) > 20


def test_filters_by_their_formula(make: Make) -> None:
    """Each filter is the prototype times its cosine, and the prototype is a Kaiser-windowed low-pass filter."""
    block = make("PQMFAnalysis", (1, 1, 64), num_bands=8, taps=12, attenuation_db=80.0)
    filters = block.filters[:, 0].numpy()
    n = np.arange(96) - 95 / 2
    cosines = np.stack(
        [np.cos((2 * k + 1) * np.pi / 16 * n + (-1) ** k * np.pi / 4) for k in range(8)]
    )
    # The squares of the cosines of bands 0 and 7 are 1 together.
    prototype = (filters * cosines)[[0, 7]].sum(0)
    np.testing.assert_allclose(filters, prototype * cosines, atol=1e-6)
    windowed = min(
        (
            signal.firwin(96, share / 8, window=("kaiser", 0.1102 * (80 - 8.7)))
            for share in np.linspace(0.4, 1, 601)
        ),
        key=lambda h: np.abs(
            h / np.linalg.norm(h) - prototype / np.linalg.norm(prototype)
        ).max(),
    )
    np.testing.assert_allclose(
        prototype / np.linalg.norm(prototype),
        windowed / np.linalg.norm(windowed),
        atol=1e-3,
    )


@pytest.mark.parametrize("band", [0, 3, 7])
def test_a_tone_lies_in_its_band(make: Make, band: int) -> None:
    analysis, _ = both(make, num_bands=8)
    n = torch.arange(8 * 300, dtype=torch.float64)
    tone = torch.sin((band + 0.5) * math.pi / 8 * n)[None, None]
    energies = analysis(tone)[0, :, 20:-20].square().sum(1)
    assert energies[band] / energies.sum() > 1 - 1e-4


def test_channels_are_taken_one_by_one(make: Make) -> None:
    analysis, synthesis = both(make, n_channels=3, num_bands=4, taps=8)
    alone, _ = both(make, num_bands=4, taps=8)
    x = torch.randn(2, 3, 160, dtype=torch.float64)
    expected = torch.cat([alone(x[:, i : i + 1]) for i in range(3)], dim=1)
    torch.testing.assert_close(analysis(x), expected)
    assert synthesis(analysis(x)).shape == x.shape


def test_a_frame_that_is_not_full_is_filled_up(make: Make) -> None:
    analysis, _ = both(make, num_bands=4, taps=8)
    x = torch.randn(1, 1, 41, dtype=torch.float64)
    filled = torch.cat([x, x.new_zeros(1, 1, 3)], dim=2)
    torch.testing.assert_close(analysis(x), analysis(filled))


def test_synthesis_refuses_channels_that_are_no_bands() -> None:
    layers = [{"PQMFSynthesis": {"num_bands": 4}}]
    with pytest.raises(
        mb.MirbricksError, match="6 channels are not a multiple of num_bands 4"
    ):
        mb.compile_graph({"input": "B C=6 T", "layers": layers})


def test_a_graph_of_both_reports_its_receptive_field() -> None:
    layers = [
        {"PQMFAnalysis": {"num_bands": 4, "taps": 8}},
        {"PQMFSynthesis": {"num_bands": 4, "taps": 8}},
    ]
    model = mb.compile_graph({"input": "B C=1 T", "layers": layers})
    first, second = receptive_fields(model)
    assert first is not None
    assert second is not None
    assert (first.frames, first.stride) == (32, 4)
    x = torch.randn(1, 1, 200, dtype=torch.float64, requires_grad=True)
    model.double()(x)[0, 0, 100:104].sum().backward()
    assert x.grad is not None
    seen = x.grad[0, 0].abs().gt(1e-12).nonzero()
    assert second.frames is not None
    assert int(seen.max() - seen.min()) < second.frames + 4
    assert second.stride == 1


@pytest.mark.parametrize("n_samples", [1, 399, 400, 401])
def test_there_and_back_in_a_graph_has_the_length_of_the_waveform(
    n_samples: int,
) -> None:
    layers = [
        {"StoreAs": "wave"},
        {"PQMFAnalysis": {"num_bands": 4}},
        {"PQMFSynthesis": {"num_bands": 4, "size_of": "wave"}},
    ]
    model = mb.compile_graph({"input": "B C=1 N", "layers": layers})
    x = torch.zeros(2, 1, n_samples)
    x[..., 100:300] = torch.randn(2, 1, x[..., 100:300].shape[2])
    y = model(x)
    assert y.shape == x.shape
    if n_samples > 300:
        assert snr_db(x, y) > 60
